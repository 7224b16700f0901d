"""The student's self-supervised heads: masked words, image-text matching, patch labels.

Used to make the mini student (`madbench.models.mini_student`) and by `pool: self`, the control that sees the same
unlabelled pool without a teacher.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from madbench.models.students.cross_modal import CrossModalStudent
from madbench.models.students.encoding import Batch
from madbench.models.students.tokens import MASK, SPECIAL

MASK_SHARE = 0.15


class PretrainingHeads(nn.Module):
    """Masked-word prediction (tied to the token embedding), image-text matching, optional patch labels."""

    def __init__(self, width: int, vocabulary: int, patch_labels: int = 0):
        super().__init__()
        self.transform = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width))
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        self.matching = nn.Linear(width, 2)
        self.patches = nn.Linear(width, patch_labels) if patch_labels else None

    def word_logits(self, states: torch.Tensor, student: CrossModalStudent) -> torch.Tensor:
        """[N, W] token states to [N, vocabulary]."""
        return self.transform(states) @ student.tokens.weight.T + self.bias


def mask_words(batch: Batch, vocabulary: int, share: float = MASK_SHARE) -> tuple[torch.Tensor, torch.Tensor]:
    """(ids with a share of the words hidden, bool mask of the hidden places), as BERT: 80 % [MASK], 10 % random."""
    chosen = (torch.rand(batch.ids.shape, device=batch.ids.device) < share) & (batch.ids >= len(SPECIAL))
    kind = torch.rand(batch.ids.shape, device=batch.ids.device)
    hidden = batch.ids.masked_fill(chosen & (kind < 0.8), MASK)
    noise = torch.randint(len(SPECIAL), vocabulary, batch.ids.shape, device=batch.ids.device)
    return torch.where(chosen & (kind >= 0.9), noise, hidden), chosen


def self_supervised_loss(student: CrossModalStudent, heads: PretrainingHeads, batch: Batch) -> torch.Tensor:
    """Masked-word loss plus image-text matching loss, a scalar.

    Half of the examples (drawn per call) get their neighbour's image; masked words count only where the image is right.
    """
    original, pixels = batch.ids, batch.pixels
    try:
        batch.ids, chosen = mask_words(batch, len(heads.bias))
        swapped = torch.rand(len(pixels), device=pixels.device) < 0.5
        batch.pixels = torch.where(swapped[:, None, None, None], pixels.roll(1, 0), pixels)
        states = student(batch)
    finally:
        batch.ids, batch.pixels = original, pixels
    swapped = swapped.repeat_interleave(len(original) // len(pixels))
    chosen = chosen & ~swapped[:, None]
    matching = functional.cross_entropy(heads.matching(states.cls), (~swapped).long())
    if not chosen.any():
        return matching
    words = functional.cross_entropy(heads.word_logits(states.text[chosen], student), original[chosen])
    return words + matching
