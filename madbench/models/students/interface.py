"""What every student is to heads, objectives and the adapter, and what a kind of student must provide.

Adding one: a module with a `StudentKind` called KIND, and its line in `STUDENTS` (madbench/models/students/__init__.py).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from madbench.models.options import StudentOptions
from madbench.models.students.image_inputs import ImageInputs, LazyPixels, RegionInputs
from madbench.models.students.tokens import PretrainedTokenizer, ReducedBpe, Tokenizer
from madbench.tasks.contract import LazyImage

if TYPE_CHECKING:
    from madbench.models.students.pretraining import PretrainingHeads


@dataclass
class States:
    """What a student offers to heads and objectives. S sequences, T text tokens, P patches or regions, W width.

    cls: [S, W] summary. text: [S, T, W]; text_padding: bool [S, T]. image: [S, P, W] or None without an image;
    image_padding: bool [S, P], None when nothing is padded. pooled: [S, W] of a pretrained pooler, None without one.
    whole_image: [S, W], the student's own whole-image token, None without one.
    early_image: the patches after half of the layers, for pretraining.
    """

    cls: torch.Tensor
    text: torch.Tensor
    text_padding: torch.Tensor
    image: torch.Tensor | None
    early_image: torch.Tensor | None = None
    image_padding: torch.Tensor | None = None
    pooled: torch.Tensor | None = None
    whole_image: torch.Tensor | None = None

    def named(self, name: str) -> torch.Tensor:
        """[S, W]: `cls`; `pooled` (cls without a pooler); the mean over `text` tokens; `image`: the mean over patches or
        regions; `whole_image`: the student's token for it, else that mean."""
        if name == "cls":
            return self.cls
        if name == "pooled":
            return self.cls if self.pooled is None else self.pooled
        if name == "text":
            return _mean(self.text, self.text_padding)
        if name == "whole_image" and self.whole_image is not None:
            return self.whole_image
        if self.image is None:
            raise ValueError("this student has no image states: its inputs leave the image out")
        return self.image.mean(1) if self.image_padding is None else _mean(self.image, self.image_padding)


class Entrance(NamedTuple):
    """Where a modality enters a student: what goes into a module (its first argument), or what comes out of it.

    side: `input` or `output`. The tensor has one row per sequence; per picture where pictures are embedded once.
    """

    module: nn.Module
    side: str


class StudentKind(ABC):
    """How students of one architecture are made and what they read."""

    def resolved(self, options: StudentOptions) -> StudentOptions:
        """The options with the sizes that pretrained weights fix. Raises DataMissing or DataMalformed."""
        return options

    def tokenizer(self, options: StudentOptions, texts: Callable[[], Iterable[str]]) -> Tokenizer:
        """texts: gives every text of the training rows in use."""
        if options.tokenizer == "clip-bpe":
            return ReducedBpe.of(texts())
        return PretrainedTokenizer.of(options.init if options.tokenizer == "own" else options.tokenizer)

    def read_images(self, options: StudentOptions) -> Callable[[list[LazyImage]], ImageInputs]:
        """Pictures opened per batch, or detector regions."""
        if options.regions == "detector":
            wanted = options.max_regions, options.min_regions, options.region_confidence
            return lambda lazy: RegionInputs(lazy, *wanted)
        return lambda lazy: LazyPixels(lazy, options.image_size)

    @abstractmethod
    def build(self, options: StudentOptions, tokenizer: Tokenizer) -> tuple[nn.Module, PretrainingHeads | None]:
        """(the student with pretrained or random weights, its pretraining heads if it has any).

        The student is a module with `forward(Batch) -> States`, and `entrances()`: modality (`text`, `image`) to
        `Entrance`, where adversarial training perturbs it.
        """


def _mean(states: torch.Tensor, padding: torch.Tensor) -> torch.Tensor:
    keep = (~padding).unsqueeze(-1).to(states.dtype)
    return (states * keep).sum(1) / keep.sum(1).clamp(min=1)
