"""What a teacher is: a frozen encoder of images, of texts, or of both into one space.

To add one: a class here and a line in `madbench.models.teachers`. Weights are opened at the first forward, so that a run
whose features are all cached neither reads nor needs them.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import nn

from madbench.errors import ConfigError, DataMalformed, DataMissing, MadbenchError
from madbench.models.known_weights import Known, known, remember
from madbench.models.weight_references import Reference, identity_of, parse
from madbench.tasks.contract import LazyImage

# Random weights are the same in every run: a control that is drawn anew each time would be another control.
RANDOM_SEED = 0


class Teacher(ABC):
    """Frozen, in evaluation mode, without gradients, used in training only.

    weights: their name. identity: what they are, as content. preprocessing: what is done with an input before and after
    the encoder, as text; like the identity it is part of the key under which features are kept, so it changes whenever
    features do. labels_seen: labelled in-task examples the encoder was trained on.
    """

    labels_seen: int = 0
    preprocessing: str

    def __init__(self, weights: str, device: str = "cpu"):
        self.weights = str(weights)
        self.named: Reference = parse(self.weights)
        self.identity = identity_of(self.weights)
        self.device = device
        self._model: nn.Module | None = None

    # ----- what a kind of teacher defines

    @abstractmethod
    def _open(self) -> nn.Module:
        """The encoder with its weights, on the CPU; may keep tokenizer and transform as attributes."""

    @abstractmethod
    def _measure(self) -> int:
        """The width of a feature, of the opened encoder."""

    def image_features(self, images: Sequence[LazyImage]) -> np.ndarray:
        """float32 [images, dimensions]. Raises DataMissing or DataMalformed for an image."""
        raise ConfigError(f"'{self.weights}' encodes no images", fix="use it for kind clip-text or text-encoder")

    def text_features(self, texts: Sequence[str]) -> np.ndarray:
        """float32 [texts, dimensions]."""
        raise ConfigError(f"'{self.weights}' encodes no text", fix="use it for kind vision-encoder or clip-image")

    # ----- shared by all

    @property
    def model(self) -> nn.Module:
        """The encoder; opened now if it was not yet. Raises DataMissing when its weights are gone."""
        if self._model is None:
            path = self.named.path
            if path is not None and not path.exists():
                raise DataMissing(
                    f"teacher features have to be computed, and the weights {self.weights} are gone",
                    fix="put them back where they were; what is cached already needs no weights",
                )
            if identity_of(self.weights) != self.identity:
                raise DataMalformed(f"the weights {self.weights} changed during the run", fix="start it again")
            with _untouched_generator():
                model = self._open()
            self._model = model.to(self.device).eval().requires_grad_(False)
            count = sum(parameter.numel() for parameter in self._model.parameters())
            remember(Known(self.named.name, self.identity, self._measure(), count))
        return self._model

    @property
    def dimensions(self) -> int:
        """Width of a feature."""
        return self._facts().dimensions

    @property
    def parameters(self) -> int:
        """Of the whole encoder, all towers."""
        return self._facts().parameters

    @property
    def logit_scale(self) -> float:
        """What a CLIP multiplies cosines by before its softmax: exp of its trained scale (openai/CLIP, model.py)."""
        return float(self.model.logit_scale.exp())

    def release(self) -> None:
        """Give the encoder's memory back; it is opened again when needed."""
        self._model = None

    def _facts(self) -> Known:
        found = known(self.named.name)
        if found is None or found.identity != self.identity:
            count = sum(parameter.numel() for parameter in self.model.parameters())
            found = Known(self.named.name, self.identity, self._measure(), count)
        return found


@contextmanager
def _untouched_generator() -> Iterator[None]:
    """Building an encoder draws random numbers; whether it was built or cached must not show in the training.

    Seeded inside, so that random weights are the same everywhere.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        yield


@contextmanager
def local_only(named: Reference) -> Iterator[None]:
    """For weights that lie here: no library asks the network about them."""
    if named.path is None:
        yield
        return
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


@contextmanager
def opening(weights: str) -> Iterator[None]:
    """What a library says about unusable weights, as one line. Raises DataMalformed."""
    # open_clip tells the root logger about every step, and twice about what is asked for here.
    before = logging.root.manager.disable
    logging.disable(max(before, logging.WARNING))
    try:
        yield
    except MadbenchError:
        raise
    except Exception as problem:  # three libraries and two file formats raise what they like
        said = next((line.strip() for line in str(problem).splitlines() if line.strip()), type(problem).__name__)
        raise DataMalformed(
            f"teacher weights '{weights}' cannot be used: {said[:200]}",
            fix="name weights of this architecture, as safetensors or a plain state dict; a hub name needs the network",
        ) from problem
    finally:
        logging.disable(before)


def autocast(device: str, precision: str) -> Any:
    """The context a forward runs in. precision: `fp32`, or on a GPU `fp16` or `bf16`."""
    if effective_precision(device, precision) == "fp32":
        return nullcontext()
    return torch.autocast("cuda", torch.float16 if precision == "fp16" else torch.bfloat16)


def effective_precision(device: str, precision: str) -> str:
    """What is computed in; CPUs compute in float32."""
    return precision if device.startswith("cuda") else "fp32"
