"""Frozen encoders, used in training only. `load_teacher` caches one instance a process: terms may share CLIP."""

from __future__ import annotations

import functools

from madbench.errors import ConfigError
from madbench.mini.weights import path_of_weights

_CLASSES = {
    "clip": "madbench.models.teachers.clip:ClipTeacher",
    "text-encoder": "madbench.models.teachers.text_encoder:TextTeacher",
}


@functools.lru_cache(maxsize=4)
def load_teacher(kind: str, weights: str, device: str):
    """A frozen teacher for a term's kind (`clip-image`, `clip-text`, `text-encoder`) and weights (`mini:NAME`).

    Raises ConfigError for weights of another form.
    """
    from madbench.registry import resolve

    if not weights.startswith("mini:"):
        raise ConfigError(
            f"teacher weights '{weights}' are not of the form mini:NAME; loading others is not in this version",
            fix="use mini:clip or mini:text on the mini data",
        )
    family = "clip" if kind.startswith("clip") else kind
    return resolve(_CLASSES[family])(path_of_weights(weights), device)
