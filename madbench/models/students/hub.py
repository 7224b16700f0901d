"""Weights in the format of the Hugging Face hub: a local folder, or a hub id with the revision pinned (`name@commit`)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch

from madbench.errors import DataMalformed, DataMissing

_COMMIT = re.compile(r"[0-9a-f]{40}")


def place_and_revision(reference: str) -> tuple[str, str | None]:
    """`dandelin/vilt-b32-mlm@<commit>` -> (id, commit); a local folder has no revision, and may have an @ in its name."""
    place, at, revision = reference.rpartition("@")
    pinned = bool(at) and _COMMIT.fullmatch(revision) is not None and not Path(reference).exists()
    return (place, revision) if pinned else (reference, None)


def pretrained_config(reference: str, model_type: str) -> Any:
    """The configuration of pretrained weights. Raises DataMissing, or DataMalformed for another architecture."""
    from transformers import AutoConfig

    place, revision = place_and_revision(reference)
    try:
        config = AutoConfig.from_pretrained(place, revision=revision)
    except (OSError, ValueError) as problem:
        raise _missing(reference, problem) from None
    if config.model_type != model_type:
        raise DataMalformed(
            f"'{reference}' holds a {config.model_type}, not a {model_type}", fix="set student.name to it"
        )
    return config


def load_pretrained(model_class: Any, reference: str) -> Any:
    """A float32 model with the weights found there (safetensors, or a state dict without pickled code).

    Raises DataMissing when nothing is there, DataMalformed when weights of the body are missing.
    """
    from transformers.utils import logging

    place, revision = place_and_revision(reference)
    logging.disable_progress_bar()
    try:
        # transformers would keep the type of the file: half precision neither trains nor teaches as float32 does.
        model, info = model_class.from_pretrained(
            place, revision=revision, output_loading_info=True, dtype=torch.float32
        )
    except (OSError, ValueError, RuntimeError) as problem:
        raise _missing(reference, problem) from None
    # A pooler may be absent from pretraining checkpoints and is then trained from its random start, as is usual.
    missing = sorted(name for name in info["missing_keys"] if "pooler" not in name)
    if missing:
        raise DataMalformed(
            f"'{reference}' lacks {len(missing)} weights of a {model_class.__name__}, the first {missing[0]}",
            fix="use a checkpoint of this architecture",
        )
    return model


def _missing(reference: str, problem: Exception) -> DataMissing:
    return DataMissing(
        f"no usable weights at '{reference}': {str(problem).splitlines()[0]}",
        fix="name a local folder in the hub's format, or a hub id with network access",
    )
