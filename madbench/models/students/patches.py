"""Patches of a picture as if a detector had found them: for region-based students on a source without regions."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from madbench.models.students.image_inputs import seven_numbers


class PatchFeatures(nn.Module):
    """Square patches, row by row, each projected to the width of a region feature (learned from its random start)."""

    def __init__(self, image_size: int, patch_size: int, width: int):
        super().__init__()
        self.project = nn.Conv2d(3, width, patch_size, patch_size)
        grid = image_size // patch_size
        corner = np.stack(np.meshgrid(np.arange(grid), np.arange(grid)), -1).reshape(-1, 2) / grid  # x, y
        boxes = seven_numbers(np.concatenate([corner, corner + 1 / grid], 1))
        self.register_buffer("boxes", torch.from_numpy(boxes), persistent=False)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """[B, size, size, 3] in 0..1 -> (features [B, P, width], boxes [B, P, 7])."""
        features = self.project((pixels.permute(0, 3, 1, 2) - 0.5) * 2).flatten(2).transpose(1, 2)
        return features, self.boxes.expand(len(features), -1, -1)
