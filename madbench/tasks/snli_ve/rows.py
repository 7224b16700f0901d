"""One hypothesis about an image, on the task side, and the three classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from madbench.tasks.contract import Row

# By name, in name order: code bases number the classes in four different ways.
LABELS = ("contradiction", "entailment", "neutral")


@dataclass(frozen=True)
class SnliVeRow(Row):
    """hypothesis: `sentence2`. label: the gold label by name.

    `sentence1`, the caption that the hypothesis was written about, is not kept: with it the task would be another one.
    """

    hypothesis: str = ""
    label: str = ""

    @property
    def groups(self) -> Mapping[str, str]:
        return {"class": self.label} if self.label else {}
