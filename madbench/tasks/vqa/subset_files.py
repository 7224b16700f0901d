"""A part of a VQA split as files in the official layout: every top-level key, and the entries of its questions."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from madbench.errors import DataMalformed
from madbench.files import write_text
from madbench.tasks.reading import read_json

LEFT_OUT = ("complementary pairs: a part of a split holds few of them whole",)
_LISTS = ("questions", "annotations")


def write_part(files: Sequence[Path], ids: Collection[str], folder: Path) -> list[str]:
    """Write the entries with these question_ids, in their order, file by file; the names written.

    Raises DataMissing, or DataMalformed when a question has no entry, or several.
    """
    wanted = {int(number) for number in ids}
    for source in files:
        content = read_json(source)
        if isinstance(content, list):  # VQA-CP
            part: Any = _entries(content, wanted, source)
        else:
            part = {key: _entries(value, wanted, source) if key in _LISTS else value for key, value in content.items()}
        write_text(folder / source.name, json.dumps(part))
    return [source.name for source in files]


def _entries(entries: list, wanted: set[int], source: Path) -> list:
    found = [one for one in entries if one["question_id"] in wanted]
    if len(found) != len(wanted):
        raise DataMalformed(
            f"{len(found)} entries for {len(wanted)} questions that were read from it",
            fix="check that nothing changes the file, and run again",
            where=source,
        )
    return found
