"""Initial weights by name: where a spec names them, and what they are, as content. Imports no torch.

`mini:NAME` ships with madbench. A path is a local file or folder. `owner/name@<commit>` is a hub id with its revision.
`open_clip:ARCHITECTURE:TAG_OR_PATH` and `timm:ARCHITECTURE:PATH` are teachers. What a name stands for enters the identity
of a training as a hash or a commit; a name that can change its meaning does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from madbench.errors import DataMissing, UsageError
from madbench.files import sha256_of
from madbench.mini.weights import sha256_of_weights
from madbench.models.spec import MINI_WEIGHTS
from madbench.tasks.sources import remembered_sha256

WEIGHT_KEYS = ("init", "weights", "tokenizer")
NO_WEIGHTS = ("scratch", "mini", "own", "clip-bpe")
_FILES = ("*.json", "*.safetensors", "*.pt", "*.bin", "vocab.txt", "merges.txt", "*.model")
_COMMIT = re.compile(r"^[0-9a-f]{40}$")


def references(options: Mapping[str, Any]) -> list[str]:
    """Every name of weights (and of tokenizers that lie outside) in resolved options, sorted, each once."""
    return sorted(set(_named(options)))


def identity_of(reference: str) -> str:
    """What a name stands for: a sha256 of the content, or `name@commit` for the hub.

    Raises DataMissing for a path that is not there, UsageError for a hub id without its revision.
    """
    if reference.startswith(MINI_WEIGHTS):
        return sha256_of_weights(reference)
    library, _, rest = reference.partition(":")
    if library in ("open_clip", "timm"):
        architecture, _, place = rest.partition(":")
        # A tag names one release of one architecture; the library pins what it downloads.
        return f"{architecture}:{_content(Path(place)) if Path(place).exists() else place}"
    place, at, commit = reference.rpartition("@")
    if at and _COMMIT.match(commit):
        return reference
    path = Path(reference).expanduser()
    if path.exists():
        return _content(path)
    if path.is_absolute() or reference.startswith((".", "~")) or reference.count("/") != 1:
        raise DataMissing(f"no weights at '{reference}'", fix="name a file or folder that is there")
    raise UsageError(
        f"weights '{reference}' are neither here nor pinned: a hub id can change its content",
        fix=f"write {place or reference}@<the 40 digits of a commit>, or name a local folder",
    )


def _content(path: Path) -> str:
    """sha256 of a file, or over the names and contents of a folder's weights, configuration and vocabulary."""
    if path.is_file():
        return remembered_sha256(path)
    files = sorted({file for pattern in _FILES for file in path.glob(pattern) if file.is_file()})
    if not files:
        raise DataMissing("the folder holds no weights", fix="name the folder of a checkpoint", where=path)
    return sha256_of([[file.name, remembered_sha256(file)] for file in files])


def _named(value: Any, key: str | None = None) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _named(item, name)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _named(item, key)
    elif key in WEIGHT_KEYS and isinstance(value, str) and value not in NO_WEIGHTS:
        yield value
