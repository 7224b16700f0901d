"""The mini CLIP: contrastive with one false caption per image as an extra negative, plus cell labels.

The labels come from the scene graph, on its patch states. It is *not* purely contrastive: they stand in for the far
larger data that real teachers saw (contrastive training alone stayed at chance on this budget).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from madbench.mini.pretraining import CELL_FIELDS, PretrainingSet
from madbench.models.mini_supervision import Captions, cell_loss
from madbench.models.students.tokens import WordTokenizer
from madbench.models.teachers.clip import build_clip, clip_pixels, text_ids

CLIP_CONFIG = {
    "embed_dim": 96,
    "vision": {"image_size": 64, "patch_size": 16, "width": 128, "layers": 4, "head_width": 32},
    "text": {"context_length": 40, "width": 96, "heads": 4, "layers": 2},
}


class ClipTraining(nn.Module):
    """CLIP with a cell-label head on its patch states."""

    def __init__(self, tokenizer: WordTokenizer, captions: Captions, batch: int):
        super().__init__()
        config = {**CLIP_CONFIG, "text": {**CLIP_CONFIG["text"], "vocab_size": tokenizer.size + 1}}
        self.config = config
        self.clip = build_clip(config)
        self.clip.visual.output_tokens = True
        self.cells = nn.Linear(config["vision"]["width"], sum(CELL_FIELDS.values()))
        self.tokenizer, self.captions, self.batch = tokenizer, captions, batch

    def images(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        pooled, tokens = self.clip.visual(clip_pixels(pixels))
        return functional.normalize(pooled, dim=-1), self.cells(tokens)

    def texts(self, sentences: list[list[str]]) -> torch.Tensor:
        ids = text_ids([" ".join(one) for one in sentences], self.tokenizer, self.config["text"]["context_length"])
        return self.clip.encode_text(ids, normalize=True)

    def training_step(self, step: int) -> torch.Tensor:
        rows, true, false = self.captions.draw(step, self.batch)
        image, cell_logits = self.images(torch.from_numpy(self.captions.scenes.images[rows]))
        text, foil = self.texts(true), self.texts(false)
        scale = self.clip.logit_scale.exp().clamp(max=100)
        own = torch.arange(len(rows))
        to_text = functional.cross_entropy(scale * image @ torch.cat([text, foil]).T, own)
        to_image = functional.cross_entropy(scale * text @ image.T, own)
        pair = torch.stack([(image * text).sum(1), (image * foil).sum(1)], 1) * scale
        true_or_false = functional.cross_entropy(pair, torch.zeros_like(own))
        cells = torch.from_numpy(self.captions.scenes.cells[rows].astype(np.int64))
        return (to_text + to_image) / 2 + true_or_false + cell_loss(cell_logits, cells)

    @torch.inference_mode()
    def figures(self, held: PretrainingSet) -> dict:
        """On held-out scenes: how often the true text beats its foil, and its 99 neighbours; cell-kind accuracy."""
        self.eval()
        rows, true, false = Captions(held, 7, self.captions.mix).draw(0, len(held.images))
        image, cell_logits = self.images(torch.from_numpy(held.images[rows]))
        text, foil = self.texts(true), self.texts(false)
        among = [
            (image[s : s + 100] @ text[s : s + 100].T).argmax(1) == torch.arange(100) for s in range(0, len(rows), 100)
        ]
        kinds = torch.from_numpy(held.cells[rows].astype(np.int64))[..., 0]
        filled = kinds > 0
        named = cell_logits[..., : CELL_FIELDS["kind"]].argmax(-1)
        return {
            "true_over_false_caption": round(float(((image * text).sum(1) > (image * foil).sum(1)).float().mean()), 4),
            "right_text_of_100": round(float(torch.cat(among).float().mean()), 4),
            "cell_kind": round(float((named == kinds)[filled].float().mean()), 4),
        }
