"""The small pretrained weights that ship with madbench, by name. No torch: files and hashes only.

`student`: the cross-modal student. `clip`: the image and text teacher. `text`: the masked-LM text teacher. How they were
made and what they reached is in CARD.md beside them; `madbench data mini --pretrain` makes them again.
"""

from __future__ import annotations

import functools
import json
import struct
from pathlib import Path

from madbench.errors import DataMissing, UsageError, did_you_mean
from madbench.files import sha256_of_file

NAMES = ("student", "clip", "text")
FOLDER = Path(__file__).parent / "weights"


def path_of_weights(name: str) -> Path:
    """The file behind `mini:NAME` (with or without the prefix). Raises UsageError for an unknown name,
    DataMissing for a file that is not there."""
    short = name.removeprefix("mini:")
    if short not in NAMES:
        raise UsageError(
            f"no mini weights named '{short}'", fix=did_you_mean(short, NAMES) or f"known: {', '.join(NAMES)}"
        )
    path = FOLDER / f"{short}.safetensors"
    if not path.is_file():
        raise DataMissing(
            f"the shipped weights {path.name} are missing from this installation",
            fix="install madbench again, or make them: `madbench data mini --pretrain NAME --out DIR`",
            where=path,
        )
    return path


@functools.cache
def sha256_of_weights(name: str) -> str:
    """Hex sha256 of the file behind `mini:NAME`."""
    return sha256_of_file(path_of_weights(name))


def metadata_of(path: Path) -> dict:
    """The JSON values in a safetensors file's metadata (our files hold `config`, `words`, `recipe`, `figures`)."""
    with open(path, "rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        header = json.loads(stream.read(length))
    return {key: json.loads(value) for key, value in header.get("__metadata__", {}).items()}
