"""VQA v2: reader, vocabulary, official scorer, shifts."""

from madbench.tasks.vqa.task import TASK

__all__ = ["TASK"]
