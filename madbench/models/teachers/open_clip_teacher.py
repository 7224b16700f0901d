"""Any CLIP of open_clip as a teacher: a pretrained tag, a checkpoint, or a folder with its own configuration.

Preprocessing is that of the tag or the folder; a checkpoint by path is prepared for as all releases of its architecture
are. Tokenizer and context length are the architecture's own. The tokenizer cuts a text that is too long and keeps its
end-of-text token (77 tokens for OpenAI's family); where the feature is read is encode_text's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
import torch
from torch import nn

from madbench.errors import ConfigError, DataMissing, did_you_mean
from madbench.models.teachers.batches import batch_size, encode_images, encode_texts
from madbench.models.teachers.interface import Teacher, autocast, effective_precision, local_only, opening
from madbench.models.weight_references import LOCAL_FOLDER, Reference
from madbench.tasks.contract import LazyImage

_PICTURES = ("mean", "std", "interpolation", "resize_mode")
_CHECKPOINTS = ("*.safetensors", "*.bin", "*.pth")


class OpenClipTeacher(Teacher):
    """Weights `open_clip:ARCHITECTURE:TAG`, `open_clip:ARCHITECTURE:PATH` or `open_clip:local-dir:FOLDER`.

    OpenAI's checkpoints and their kin were trained with another GELU: give a file of theirs to the architecture that
    ends in `-quickgelu`, e.g. ViT-B-32-quickgelu. A tag knows it by itself.
    """

    def __init__(self, weights: str, device: str = "cpu", precision: str = "fp32"):
        super().__init__(weights, device)
        self.precision = precision
        number = effective_precision(device, precision)
        self.preprocessing = f"open_clip {version('open_clip_torch')}, own transform and tokenizer; unit norm; {number}"
        self._pictures: dict | None = None
        if self.named.architecture != LOCAL_FOLDER and (self.named.path is not None or self.named.random):
            self._pictures = preparation(self.named)
            self.preprocessing += "; pictures " + ", ".join(f"{name} {said}" for name, said in self._pictures.items())

    def _open(self) -> nn.Module:
        import open_clip

        named, path = self.named, self.named.path
        name = named.architecture
        settings: dict = {}
        if name == LOCAL_FOLDER:
            if not named.random and not any(any(path.glob(pattern)) for pattern in _CHECKPOINTS):
                raise DataMissing("the folder holds no weights", fix="add open_clip_model.safetensors", where=path)
            name = f"{LOCAL_FOLDER}:{path}"
            settings["load_weights"] = not named.random
        else:
            self._check(open_clip)
            if path is None and named.place:
                trained_with = open_clip.get_pretrained_cfg(name, named.place)
                settings["force_quick_gelu"] = bool(trained_with.get("quick_gelu"))
            if not named.random:
                # An absolute path: a file called like a tag is meant as the file.
                settings["pretrained"] = str(path.resolve()) if path is not None else named.place
            settings |= {f"image_{key}": said for key, said in (self._pictures or {}).items()}
        with local_only(named), opening(self.weights):
            model, _, self.transform = open_clip.create_model_and_transforms(name, pretrained_text=False, **settings)
            self.tokenizer = open_clip.get_tokenizer(name)
        return model

    def _check(self, open_clip) -> None:
        """Raises ConfigError for an architecture or a tag that open_clip does not know, or that do not fit."""
        name, tag = self.named.architecture, self.named.place
        if name.replace("/", "-") not in open_clip.list_models():
            hint = did_you_mean(name, open_clip.list_models())
            raise ConfigError(
                f"open_clip has no architecture '{name}'" + (f"; {hint}" if hint else ""),
                fix=f"list them with open_clip.list_models(), or give a folder: open_clip:{LOCAL_FOLDER}:FOLDER",
            )
        if self.named.path is not None or not tag:
            return
        tags = open_clip.list_pretrained_tags_by_model(name)
        if tag not in tags:
            hint = did_you_mean(tag, tags)
            raise ConfigError(
                f"open_clip has no weights '{tag}' of {name}" + (f"; {hint}" if hint else ""),
                fix=f"it has {', '.join(tags) or 'none'}; a checkpoint is given by its path",
            )
        own = bool((open_clip.get_model_config(name) or {}).get("quick_gelu"))
        if own and not open_clip.get_pretrained_cfg(name, tag).get("quick_gelu"):
            raise ConfigError(
                f"'{tag}' was not trained with the quick GELU of {name}", fix=f"use {name.removesuffix('-quickgelu')}"
            )

    def _measure(self) -> int:
        return self._encode_texts(["a"]).shape[1]

    def image_features(self, images: Sequence[LazyImage]) -> np.ndarray:
        """float32 [n, dimensions], unit norm."""
        width, model = self.dimensions, self.model  # the model first: it brings the transform
        assert model is not None
        return encode_images(images, self.transform, self._encode_images, width, self.device)

    def text_features(self, texts: Sequence[str]) -> np.ndarray:
        """float32 [n, dimensions], unit norm."""
        return encode_texts(texts, self._encode_texts, self.dimensions, batch_size(self.device))

    @torch.inference_mode()
    def _encode_images(self, pixels: torch.Tensor) -> torch.Tensor:
        with autocast(self.device, self.precision):
            return self.model.encode_image(pixels, normalize=True)

    @torch.inference_mode()
    def _encode_texts(self, texts: list[str]) -> torch.Tensor:
        model = self.model  # first: it brings the tokenizer
        with autocast(self.device, self.precision):
            return model.encode_text(self.tokenizer(texts).to(self.device), normalize=True)


def preparation(named: Reference) -> dict:
    """How pictures are prepared for an architecture of open_clip: mean, std, interpolation, resize_mode.

    Of a tag what it says; of a path, or of random weights alone, what all releases of the architecture agree on
    (open_clip itself would take OpenAI's numbers for any file), and OpenAI's where there are none.
    Raises ConfigError for a path where they do not agree.
    """
    import open_clip
    from open_clip.transform import PreprocessCfg

    usual = PreprocessCfg()
    tags = open_clip.list_pretrained_tags_by_model(named.architecture)
    if named.path is None and named.place:
        tags = [named.place]
    ways: dict[tuple, str] = {}
    for tag in tags:
        said = open_clip.get_pretrained_cfg(named.architecture, tag)
        way = tuple(said.get(name) or getattr(usual, name) for name in _PICTURES)
        ways.setdefault(tuple(tuple(one) if isinstance(one, list) else one for one in way), tag)
    if len(ways) > 1 and named.path is not None:
        told = "; ".join(f"{tag} with mean {way[0]}" for way, tag in ways.items())
        raise ConfigError(
            f"a path does not say how its pictures are prepared, and releases of {named.architecture} differ: {told}",
            fix=f"give a folder that says it: open_clip:{LOCAL_FOLDER}:FOLDER with the weights and open_clip_config.json, "
            '{"model_cfg": ..., "preprocess_cfg": {"mean": [...], "std": [...]}}',
        )
    if len(ways) != 1:
        return {name: getattr(usual, name) for name in _PICTURES}
    return dict(zip(_PICTURES, next(iter(ways)), strict=True))
