"""A CLIP teacher: open_clip's model class, normalised image and text features.

Source of the rules: openai/CLIP `clip/model.py` as open_clip implements it: the text feature is read at the end-of-text
position (the highest id), both features are L2-normalised. Frozen, evaluation mode, no gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from madbench.models.students.tokens import PAD, UNKNOWN, WordTokenizer
from madbench.models.weights import load_weights

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


class ClipTeacher:
    """Frozen CLIP. `dimensions`: width of the joint space."""

    def __init__(self, path: Path, device: str = "cpu"):
        tensors, settings = load_weights(path)
        self.model = build_clip(settings["config"])
        self.model.load_state_dict(tensors)
        self.model.to(device).eval().requires_grad_(False)
        self.tokenizer = WordTokenizer(settings["words"])
        self.context = settings["config"]["text"]["context_length"]
        self.image_size = settings["config"]["vision"]["image_size"]
        self.dimensions = settings["config"]["embed_dim"]
        self.labels_seen = int(settings.get("figures", {}).get("supervised_scenes", 0))
        self.device = device

    @torch.inference_mode()
    def image_features(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 [n, size, size, 3] -> float32 [n, dimensions], unit norm."""
        out = []
        for start in range(0, len(pixels), BATCH):
            batch = torch.from_numpy(pixels[start : start + BATCH]).to(self.device)
            out.append(self.model.encode_image(clip_pixels(batch), normalize=True).float().cpu().numpy())
        return np.concatenate(out)

    @torch.inference_mode()
    def text_features(self, texts: Sequence[str]) -> np.ndarray:
        """Texts -> float32 [n, dimensions], unit norm. Sorted by length, so short ones are not padded to the longest."""
        order = sorted(range(len(texts)), key=lambda row: (len(texts[row]), row))
        out = np.empty((len(texts), self.dimensions), np.float32)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            ids = text_ids([texts[row] for row in rows], self.tokenizer, self.context)
            out[rows] = self.model.encode_text(ids.to(self.device), normalize=True).float().cpu().numpy()
        return out


def clip_pixels(pixels: torch.Tensor) -> torch.Tensor:
    """uint8 [n, size, size, 3] -> float [n, 3, size, size] in -1..1, as the mini CLIP was trained."""
    return (pixels.permute(0, 3, 1, 2).float() / 255 - 0.5) * 2
