"""A part of a VCR split as a file in the official layout."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from madbench.tasks.jsonl_part import copy_lines

LEFT_OUT: tuple[str, ...] = ()


def write_part(files: Sequence[Path], ids: Collection[str], folder: Path) -> list[str]:
    """Write the rows with these annot_ids below `folder`, under the name of their file; the names written."""
    (source,) = files
    copy_lines(source, folder / source.name, "annot_id", ids)
    return [source.name]
