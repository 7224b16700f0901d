"""Mini's own CLIP as a teacher: open_clip's model class, mini's words, normalised image and text features.

Source of the rules: openai/CLIP `clip/model.py` as open_clip implements it: the text feature is read at the end-of-text
position (the highest id), both features are L2-normalised.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from madbench.mini.weights import metadata_of, path_of_weights
from madbench.models.students.image_inputs import pixels_of
from madbench.models.students.tokens import PAD, UNKNOWN, WordTokenizer
from madbench.models.teachers.batches import by_length, image_batches
from madbench.models.teachers.interface import Teacher
from madbench.models.weights import load_weights
from madbench.tasks.contract import LazyImage

BATCH = 256


def build_clip(config: dict) -> nn.Module:
    """An open_clip CLIP with random weights. config: embed_dim, vision (image_size, patch_size, width, layers,
    head_width), text (context_length, vocab_size, width, heads, layers)."""
    from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg

    return CLIP(
        embed_dim=config["embed_dim"],
        vision_cfg=CLIPVisionCfg(**config["vision"]),
        text_cfg=CLIPTextCfg(**config["text"]),
    )


def text_ids(texts: Sequence[str], tokenizer: WordTokenizer, context: int) -> torch.Tensor:
    """int64 [texts, context]: words, then the end-of-text id (the highest, where CLIP reads), then padding.

    Too long a text loses words from its end; the end-of-text id stays.
    """
    end = tokenizer.size
    ids = np.full((len(texts), context), PAD, np.int64)
    for row, text in enumerate(texts):
        words = tokenizer.encode(text)[: context - 1] or [UNKNOWN]
        ids[row, : len(words)] = words
        ids[row, len(words)] = end
    return torch.from_numpy(ids)


class ClipTeacher(Teacher):
    """Weights `mini:clip`, or a file like it."""

    preprocessing = "mini 1: bicubic to a square, -1..1; words and end of text; unit norm"

    def __init__(self, weights: str, device: str = "cpu"):
        super().__init__(weights, device)
        self.file = path_of_weights(self.named.place) if self.named.library == "mini" else self.named.path
        settings = metadata_of(self.file)
        self.config = settings["config"]
        self.tokenizer = WordTokenizer(settings["words"])
        self.context = self.config["text"]["context_length"]
        self.image_size = self.config["vision"]["image_size"]
        if not self.named.random:
            self.labels_seen = int(settings.get("figures", {}).get("supervised_scenes", 0))

    def build(self) -> nn.Module:
        """The architecture with random weights, drawn from torch's generator."""
        return build_clip(self.config)

    def _open(self) -> nn.Module:
        model = self.build()
        if not self.named.random:
            model.load_state_dict(load_weights(self.file)[0])
        return model

    def _measure(self) -> int:
        return self.config["embed_dim"]

    @property
    def dimensions(self) -> int:
        return self._measure()

    def image_features(self, images: Sequence[LazyImage]) -> np.ndarray:
        """float32 [n, dimensions], unit norm."""
        out = np.empty((len(images), self.dimensions), np.float32)
        for rows, pixels in image_batches(images, lambda image: pixels_of(image, self.image_size), BATCH):
            out[rows] = self.pixel_features(np.stack(pixels))
        return out

    @torch.inference_mode()
    def pixel_features(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 [n, size, size, 3] -> float32 [n, dimensions], unit norm."""
        batch = torch.from_numpy(pixels).to(self.device)
        return self.model.encode_image(clip_pixels(batch), normalize=True).float().cpu().numpy()

    @torch.inference_mode()
    def text_features(self, texts: Sequence[str]) -> np.ndarray:
        """Texts -> float32 [n, dimensions], unit norm. Sorted by length, so short ones are not padded to the longest."""
        order = by_length(texts)
        out = np.empty((len(texts), self.dimensions), np.float32)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            ids = text_ids([texts[row] for row in rows], self.tokenizer, self.context).to(self.device)
            out[rows] = self.model.encode_text(ids, normalize=True).float().cpu().numpy()
        return out


def clip_pixels(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 [n, size, size, 3] -> float [n, 3, size, size] in -1..1, as the mini CLIP was trained."""
    return (pixels.permute(0, 3, 1, 2).float() / 255 - 0.5) * 2
