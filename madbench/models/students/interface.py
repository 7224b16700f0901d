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

from madbench.errors import ConfigError
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
        regions; `whole_image`: the student's token for it, else cls."""
        if name == "cls":
            return self.cls
        if name == "pooled":
            return self.cls if self.pooled is None else self.pooled
        if name == "text":
            return _mean(self.text, self.text_padding)
        if name == "whole_image":
            return self.cls if self.whole_image is None else self.whole_image
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
        """The options with the sizes that pretrained weights fix.

        Raises DataMissing or DataMalformed for the weights, ConfigError for options that contradict them.
        """
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


def with_sizes(options: StudentOptions, places: int, **sizes: int) -> StudentOptions:
    """The options with the sizes of pretrained weights. places: how many tokens they have places for.

    Raises ConfigError where the options say another size: it would be accepted and ignored.
    """
    fixed = {name: size for name, size in sizes.items() if name in options.model_fields_set}
    wrong = [
        f"{name} {getattr(options, name)}, not {size}" for name, size in fixed.items() if getattr(options, name) != size
    ]
    if "max_tokens" in options.model_fields_set and options.max_tokens > places:
        wrong.append(f"max_tokens {options.max_tokens}, and they have {places} places")
    if wrong:
        raise ConfigError(
            f"the options contradict the weights '{options.init}': {'; '.join(wrong)}",
            fix="leave out what the weights fix, or give their own sizes",
        )
    return options.model_copy(update={**sizes, "max_tokens": min(options.max_tokens, places)})


def set_dropout(module: nn.Module, share: float) -> None:
    """Every dropout of a pretrained model as the options say, whatever its own configuration says (as UNITER does)."""
    for one in module.modules():
        if isinstance(one, nn.Dropout):
            one.p = share


def _mean(states: torch.Tensor, padding: torch.Tensor) -> torch.Tensor:
    keep = (~padding).unsqueeze(-1).to(states.dtype)
    return (states * keep).sum(1) / keep.sum(1).clamp(min=1)
