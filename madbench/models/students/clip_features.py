"""CLIP's image tower inside the student: what a picture looks like to it, as if a detector had found its regions.

CLIP-ViL (Shen et al. 2021) gives CLIP's grid features to a cross-modal encoder in the place of detector regions. Which
layer, beside or in the place of what the student has, frozen or trained: switches, the defaults are our reading. Unlike
a teacher the tower runs at inference, and its parameters count there.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from madbench.errors import ConfigError
from madbench.models.options import ImageEncoderOptions, StudentOptions
from madbench.models.students.image_inputs import seven_numbers

CENTRE, SPREAD = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)


class ClipTower(nn.Module):
    """The visual part of a CLIP. width: of what it returns; image_size: of what it reads; grid: places per side."""

    def __init__(self, options: ImageEncoderOptions):
        super().__init__()
        from madbench.models.teachers import load_teacher

        # A copy: the same weights may also teach, and a teacher never changes.
        self.visual = copy.deepcopy(load_teacher("clip-image", options.weights, "cpu").model.visual)
        self.visual.requires_grad_(options.trained)
        self.states, self.trained = options.states, options.trained
        self.image_size = picture_size(self.visual)
        for name, usual in (("image_mean", CENTRE), ("image_std", SPREAD)):
            given = getattr(self.visual, name, None) or usual
            self.register_buffer(name, torch.tensor(given).view(1, 3, 1, 1), persistent=False)
        with torch.inference_mode():
            found = self._encode(torch.zeros(1, 3, self.image_size, self.image_size))
        self.width, self.grid = found.shape[2], round(found.shape[1] ** 0.5)

    def train(self, mode: bool = True) -> ClipTower:
        """A frozen tower stays in evaluation mode."""
        return super().train(mode and self.trained)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """[B, size, size, 3] in 0..1 -> [B, P, width]; a larger picture than CLIP's is resized (bicubic)."""
        pixels = pixels.permute(0, 3, 1, 2)
        if pixels.shape[-1] != self.image_size:
            side = (self.image_size, self.image_size)
            pixels = functional.interpolate(pixels, side, mode="bicubic", antialias=True).clamp(0, 1)
        pixels = (pixels - self.image_mean) / self.image_std
        if self.trained:
            return self._encode(pixels)
        with torch.no_grad():
            return self._encode(pixels)

    def _encode(self, pixels: torch.Tensor) -> torch.Tensor:
        found = self.visual.forward_intermediates(pixels, indices=1, normalize_intermediates=self.states == "patches")
        if self.states == "pooled":
            return functional.normalize(found["image_features"], dim=-1).unsqueeze(1)
        return found["image_intermediates"][-1].flatten(2).transpose(1, 2)  # rows of places, left to right


class ClipFeatures(nn.Module):
    """The tower's states projected to the width of a region feature, each with the box of its place.

    Stands where `PatchFeatures` stands. own: the student's patches that they are put beside; None takes their place.
    """

    def __init__(self, options: ImageEncoderOptions, width: int, own: nn.Module | None = None):
        super().__init__()
        self.own = own
        self.tower = ClipTower(options)
        self.project = nn.Linear(self.tower.width, width)
        self.norm = nn.LayerNorm(width)
        grid = self.tower.grid
        corner = np.stack(np.meshgrid(np.arange(grid), np.arange(grid)), -1).reshape(-1, 2) / grid  # x, y
        boxes = seven_numbers(np.concatenate([corner, corner + 1 / grid], 1))
        self.register_buffer("boxes", torch.from_numpy(boxes), persistent=False)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """[B, size, size, 3] in 0..1 -> (features [B, P, width], boxes [B, P, 7])."""
        features = self.norm(self.project(self.tower(pixels)))
        boxes = self.boxes.expand(len(features), -1, -1)
        if self.own is None:
            return features, boxes
        own_features, own_boxes = self.own(pixels)
        return torch.cat([own_features, features], 1), torch.cat([own_boxes, boxes], 1)


def picture_size(visual: nn.Module) -> int:
    """Pixels per side of what a tower of open_clip reads."""
    size = visual.image_size
    return size if isinstance(size, int) else size[0]


def refuse_small_pictures(options: StudentOptions) -> None:
    """Raises ConfigError where the student's pictures are smaller than those its CLIP reads.

    Enlarged, they would show CLIP next to nothing, and the row would say what a blurred CLIP is worth.
    """
    if options.image_encoder.name != "clip":
        return
    from madbench.models.teachers import load_teacher

    size = picture_size(load_teacher("clip-image", options.image_encoder.weights, "cpu").model.visual)
    if options.image_size < size:
        raise ConfigError(
            f"{options.image_encoder.weights} reads pictures of {size} pixels, and the student opens them at "
            f"{options.image_size}",
            fix=f"--set student.image_size={size}",
        )


def with_image_encoder(options: ImageEncoderOptions, own: nn.Module | None, width: int) -> nn.Module | None:
    """The image features a student reads: its own, or as `image_encoder` says. own: None for detector regions."""
    if options.name == "own" or own is None:
        return own
    return ClipFeatures(options, width, own if options.use == "beside" else None)
