"""The one-stream cross-modal student: text tokens and image patches through one transformer encoder.

Shaped like UNITER (text and image positions summed from content, place and segment, joint self-attention, [CLS] as
summary) with raw pixel patches instead of detector regions, small enough for a laptop. `torch.nn.TransformerEncoder`
does the attention.
"""

from __future__ import annotations

import torch
from torch import nn

from madbench.models.students.encoding import SEGMENTS, Batch
from madbench.models.students.interface import Entrance, States
from madbench.models.students.tokens import PAD


class CrossModalStudent(nn.Module):
    """Text and image in, `States` out. `patches` is 0 for a text-only student."""

    def __init__(
        self,
        *,
        vocabulary: int,
        width: int,
        layers: int,
        heads: int,
        max_tokens: int,
        image_size: int,
        patch_size: int,
        dropout: float,
        sees_image: bool = True,
    ):
        super().__init__()
        self.patch_size = patch_size
        self.patches = (image_size // patch_size) ** 2 if sees_image else 0
        self.tokens = nn.Embedding(vocabulary, width, padding_idx=PAD)
        self.places = nn.Embedding(max_tokens, width)
        self.segments = nn.Embedding(SEGMENTS, width)
        self.text_norm = nn.LayerNorm(width)
        if sees_image:
            pixels = 3 * patch_size**2
            # Two layers: one linear map of 768 pixels cannot tell a moved shape from another shape.
            self.patch = nn.Sequential(nn.Linear(pixels, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
            self.patch_places = nn.Embedding(self.patches, width)
            # Row 0 is "stands for no object"; a word that does is told where to look.
            self.object_places = nn.Embedding(self.patches + 1, width, padding_idx=0)
            self.image_norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        layer = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, layers, norm=nn.LayerNorm(width), enable_nested_tensor=False)
        self.apply(_initialise)
        self.plugged: nn.Module | None = None

    def plug_in(self, encoder: nn.Module, replace: bool) -> None:
        """Read an image encoder's features ([B, P, W] and boxes, from pixels) beside the patches, or in their place."""
        width = self.tokens.embedding_dim
        self.plugged = encoder
        self.plugged_places = nn.Linear(7, width)
        self.plugged_norm = nn.LayerNorm(width)
        if replace:
            self.patch = self.patch_places = self.image_norm = None

    def forward(self, batch: Batch) -> States:
        length = batch.ids.shape[1]
        text = self.tokens(batch.ids) + self.segments(batch.segments) + self.places.weight[:length]
        if self.patches:
            text = text + self.object_places(batch.places)
        hidden, padding = self.dropout(self.text_norm(text)), batch.padding
        if self.patches:
            image = self.embed_image(batch.pixels)
            image = image.repeat_interleave(len(batch.ids) // len(image), 0)  # [S, P, W]: candidates share the image
            hidden = torch.cat([hidden, self.dropout(image)], 1)
            padding = torch.cat([padding, padding.new_zeros(len(padding), image.shape[1])], 1)
        early, half = None, len(self.encoder.layers) // 2
        for place, layer in enumerate(self.encoder.layers):
            hidden = layer(hidden, src_key_padding_mask=padding)
            if place + 1 == half:
                early = hidden[:, length:]
        hidden = self.encoder.norm(hidden)
        return States(
            cls=hidden[:, 0],
            text=hidden[:, :length],
            text_padding=batch.padding,
            image=hidden[:, length:] if self.patches else None,
            early_image=early if self.patches else None,
        )

    def embed_image(self, pixels: torch.Tensor) -> torch.Tensor:
        """[B, size, size, 3] in 0..1 to [B, P, W], patches row by row, then what a plugged-in encoder sees."""
        if self.plugged is None:
            return self._embed_patches(pixels)
        features, boxes = self.plugged(pixels)
        seen = self.plugged_norm(features + self.plugged_places(boxes) + self.segments.weight[1])
        return seen if self.patch is None else torch.cat([self._embed_patches(pixels), seen], 1)

    def _embed_patches(self, pixels: torch.Tensor) -> torch.Tensor:
        batch, size, size_patch = len(pixels), pixels.shape[1], self.patch_size
        grid = size // size_patch
        cut = (pixels - 0.5).view(batch, grid, size_patch, grid, size_patch, 3).transpose(2, 3)
        content = self.patch(cut.reshape(batch, grid * grid, -1) * 2)
        return self.image_norm(content + self.patch_places.weight + self.segments.weight[1])

    def entrances(self) -> dict[str, Entrance]:
        """The patches' own content; where they were replaced, that of the plugged-in encoder."""
        found = {"text": Entrance(self.tokens, "output")}
        if self.patches:
            found["image"] = Entrance(self.plugged.project if self.patch is None else self.patch, "output")
        return found


class ChoiceHead(nn.Module):
    """One score per sequence; a multiple-choice example's candidates compete."""

    def __init__(self, width: int):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, 1))
        self.apply(_initialise)

    def forward(self, cls: torch.Tensor, choices: int) -> torch.Tensor:
        return self.layers(cls).view(-1, choices)  # [B, C]


class LabelHead(nn.Module):
    """One score per label from the summary state; the bias starts at the log prior where one is given."""

    def __init__(self, width: int, labels: int, log_prior: torch.Tensor | None = None):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, labels))
        self.apply(_initialise)
        if log_prior is not None:
            with torch.no_grad():
                self.layers[-1].bias.copy_(log_prior)

    def forward(self, cls: torch.Tensor, choices: int = 1) -> torch.Tensor:
        return self.layers(cls)  # [B, labels]


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        # BERT's 0.02 is meant for 768 inputs; at a width of 96 it would leave every layer close to zero.
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=module.embedding_dim**-0.5)
        if module.padding_idx is not None:
            with torch.no_grad():
                module.weight[module.padding_idx].zero_()


def task_loss(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Cross-entropy per example, [B]; vqa: the sum over answers of soft score times -log probability.

    The soft scores are not divided by their sum, so a question on which annotators agree counts more than one where
    each said something else, as it does in the score; one without a known answer costs nothing.
    """
    if batch.soft is None:
        return nn.functional.cross_entropy(logits, batch.targets, reduction="none")
    return -(batch.soft * logits.log_softmax(1)).sum(1)


def right_probability(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Probability on the right answer, [B]; vqa: the expected soft score, sum of softmax times score (our reading)."""
    probability = logits.softmax(1)
    if batch.soft is None:
        return probability.gather(1, batch.targets.unsqueeze(1)).squeeze(1)
    return (probability * batch.soft).sum(1)
