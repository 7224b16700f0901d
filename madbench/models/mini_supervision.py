"""What scenes supervise the mini weights with: captions, true and false, and the labels of cells."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from madbench.mini.pretraining import CELL_FIELDS, PretrainingSet


class Captions:
    """Draws one to three captions of a scene as one text, and the same text with one of them made false."""

    def __init__(self, scenes: PretrainingSet, seed: int, mix: tuple[float, float, float], alike: bool = False):
        """mix: the shares of texts with one, two and three captions. alike: of batches with as many in every text,
        which leaves less to pad."""
        self.scenes = scenes
        self.seed = seed
        self.mix = mix
        self.alike = alike

    def draw(self, step: int, batch: int) -> tuple[np.ndarray, list[list[str]], list[list[str]]]:
        """(scene rows [batch], true sentences per text, the same with a foil); a function of (seed, step)."""
        rng = np.random.default_rng([self.seed, step])
        rows = rng.permutation(len(self.scenes.images))[:batch]
        true, false = [], []
        alike = int(rng.choice(3, p=self.mix)) if self.alike else None
        for row in rows:
            told = self.scenes.captions[row]
            count = min(len(told), 1 + (int(rng.choice(3, p=self.mix)) if alike is None else alike))
            chosen = [told[place] for place in rng.permutation(len(told))[:count]]
            wrong = int(rng.integers(count))
            true.append([one.text for one in chosen])
            false.append([one.foil if place == wrong else one.text for place, one in enumerate(chosen)])
        return rows, true, false


def cell_loss(logits: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy over cells and fields. logits: [B, 16, sum of field sizes]; cells: int64 [B, 16, fields].

    Empty cells are most of an image; they count a tenth.
    """
    loss, start = 0.0, 0
    weight = torch.where(cells[..., 0] > 0, 1.0, 0.1)
    for place, size in enumerate(CELL_FIELDS.values()):
        part = logits[..., start : start + size]
        each = functional.cross_entropy(part.transpose(1, 2), cells[..., place], reduction="none")
        loss = loss + (each * weight).sum() / weight.sum()
        start += size
    return loss
