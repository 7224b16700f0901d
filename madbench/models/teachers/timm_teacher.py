"""Any vision encoder of timm as a teacher: its pooled features before the classifier, its own data configuration."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
import torch
from torch import nn

from madbench.errors import ConfigError, did_you_mean
from madbench.models.teachers.batches import encode_images
from madbench.models.teachers.interface import Teacher, autocast, effective_precision, local_only, opening
from madbench.models.weight_references import LOCAL_FOLDER
from madbench.tasks.contract import LazyImage


class TimmTeacher(Teacher):
    """Weights `timm:ARCHITECTURE:TAG`, `timm:ARCHITECTURE:PATH` or `timm:local-dir:FOLDER`.

    A checkpoint given by path is prepared for as the architecture's default weights are; a folder says its own.
    """

    def __init__(self, weights: str, device: str = "cpu", precision: str = "fp32"):
        super().__init__(weights, device)
        self.precision = precision
        number = effective_precision(device, precision)
        self.preprocessing = f"timm {version('timm')}, own transform; pooled, before the classifier; {number}"

    def _open(self) -> nn.Module:
        import timm
        from timm.data import create_transform, resolve_model_data_config

        named, path = self.named, self.named.path
        settings: dict = {"pretrained": not named.random, "num_classes": 0}
        name = named.architecture
        if name == LOCAL_FOLDER:
            name = f"{LOCAL_FOLDER}:{path}"
        else:
            self._check(timm)
            if path is not None:
                settings["pretrained_cfg_overlay"] = {"file": str(path.resolve()), "custom_load": path.suffix == ".npz"}
            elif named.place:
                name = f"{name}.{named.place}"
        with local_only(named), opening(self.weights):
            model = timm.create_model(name, **settings)
            self.data = resolve_model_data_config(model)
            self.transform = create_transform(**self.data, is_training=False)
        return model

    def _check(self, timm) -> None:
        """Raises ConfigError for an architecture or a tag that timm does not know."""
        name, tag = self.named.architecture, self.named.place
        if not timm.is_model(name):
            hint = did_you_mean(name, timm.list_models())
            raise ConfigError(
                f"timm has no architecture '{name}'" + (f"; {hint}" if hint else ""),
                fix=f"list them with timm.list_models(), or give a folder: timm:{LOCAL_FOLDER}:FOLDER",
            )
        if self.named.path is None and tag and f"{name}.{tag}" not in timm.list_pretrained(f"{name}.*"):
            known = [one.partition(".")[2] for one in timm.list_pretrained(f"{name}.*")]
            hint = did_you_mean(tag, known)
            raise ConfigError(
                f"timm has no weights '{tag}' of {name}" + (f"; {hint}" if hint else ""),
                fix=f"it has {', '.join(known) or 'none'}; a checkpoint is given by its path",
            )

    def _measure(self) -> int:
        model = self.model  # first: it brings the data configuration
        return self._encode(torch.zeros(1, *self.data["input_size"], device=self.device)).shape[1] if model else 0

    def image_features(self, images: Sequence[LazyImage]) -> np.ndarray:
        """float32 [n, dimensions]."""
        width, model = self.dimensions, self.model  # the model first: it brings the transform
        assert model is not None
        return encode_images(images, self.transform, self._encode, width, self.device)

    @torch.inference_mode()
    def _encode(self, pixels: torch.Tensor) -> torch.Tensor:
        with autocast(self.device, self.precision):
            return self.model(pixels)
