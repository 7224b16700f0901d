"""Visual Commonsense Reasoning: reader, rendering of object tags, shifts, score."""

from madbench.tasks.vcr.task import Vcr

TASK = Vcr()

__all__ = ["TASK", "Vcr"]
