"""What students of regions read of a batch: detector features, or features that are made from its pixels."""

from __future__ import annotations

import torch
from torch import nn

from madbench.models.options import StudentOptions
from madbench.models.students.clip_features import with_image_encoder
from madbench.models.students.encoding import Batch
from madbench.models.students.patches import PatchFeatures


def region_maker(options: StudentOptions) -> nn.Module | None:
    """What makes regions from pixels, as `image_encoder` says; None for detector regions, which need no making."""
    if options.regions != "patches":
        return None
    patches = PatchFeatures(options.image_size, options.patch_size, options.region_width)
    return with_image_encoder(options.image_encoder, patches, options.region_width)


def regions_of(maker: nn.Module | None, batch: Batch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(features [B, R, d], boxes [B, R, 7], padding bool [B, R]) of each example; made regions have no padding."""
    if maker is None:
        return batch.regions, batch.boxes, batch.region_padding
    features, boxes = maker(batch.pixels)
    return features, boxes, torch.zeros(features.shape[:2], dtype=torch.bool, device=features.device)
