"""Reading and writing a module's weights as safetensors: fp16 on disk, float32 in memory, settings in the metadata."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from madbench.mini.weights import metadata_of


def save_weights(module: nn.Module, path: Path, **settings) -> None:
    """Write float tensors in half precision and every keyword as JSON in the metadata."""
    tensors = {
        name: (value.half() if value.is_floating_point() else value).contiguous().clone()
        for name, value in module.state_dict().items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata={key: json.dumps(value, sort_keys=True) for key, value in settings.items()})


def load_weights(path: Path) -> tuple[dict[str, torch.Tensor], dict]:
    """(state dict in float32, settings of the metadata)."""
    tensors = {name: value.float() if value.is_floating_point() else value for name, value in load_file(path).items()}
    return tensors, metadata_of(path)
