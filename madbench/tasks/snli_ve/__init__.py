"""SNLI-VE: reader, score, the hypothesis-only hard set."""

from madbench.tasks.snli_ve.task import TASK

__all__ = ["TASK"]
