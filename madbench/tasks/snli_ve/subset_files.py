"""A part of an SNLI-VE split as a file in the layout of its generator."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from madbench.tasks.jsonl_part import copy_lines

LEFT_OUT: tuple[str, ...] = ()


def write_part(files: Sequence[Path], ids: Collection[str], folder: Path) -> list[str]:
    """Write the pairs with these pairIDs below `folder`, under the name of their file; the names written."""
    (source,) = files
    copy_lines(source, folder / source.name, "pairID", ids)
    return [source.name]
