"""`madbench data shift` for VQA v2: question or annotation files with fewer elements, all else as it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from madbench.errors import DataMalformed, UsageError
from madbench.tasks.contract import ShiftInputs
from madbench.tasks.reading import field, read_json
from madbench.tasks.shift_files import FileShift
from madbench.tasks.vqa import counterexamples
from madbench.tasks.vqa.reader import read_files
from madbench.tasks.vqa.shifts import changed_prior

LISTS = ("questions", "annotations")


def write_changed_prior(input: Path, output: Path, options: Mapping[str, Any]) -> str:
    """The annotations of changed-prior. input and train: official annotation files, of val and of train."""
    rows = read_files(input)
    kept = changed_prior(rows, ShiftInputs(lambda: read_files(options["train"])))
    return _write_kept(input, output, lambda ids: kept)


def write_counterexamples(name: str, input: Path, output: Path, options: Mapping[str, Any]) -> str:
    """The questions or annotations of one of VQA-CE's sets. ids: its list, or the folder of both lists."""
    given = options["ids"]
    lists = counterexamples.SETS[name][0]
    if given.is_dir():
        files = {key: given / counterexamples.FILE_NAMES[key] for key in lists}
    elif len(lists) == 1:
        files = {lists[0]: given}
    else:
        raise UsageError(
            f"{name} is what {' and '.join(counterexamples.FILE_NAMES.values())} leave, so it needs both",
            fix="give the folder that holds them with --ids",
        )
    return _write_kept(input, output, lambda ids: counterexamples.select(name, ids, files))


def _write_kept(input: Path, output: Path, select: Callable[[list[str]], Collection[str]]) -> str:
    """Write a file with the elements that `select` keeps of its question ids; keys and order stay."""
    content = read_json(input)
    key = _list_of(content, input)
    elements = content if key is None else content[key]
    ids = []
    for index, element in enumerate(elements):
        if not isinstance(element, dict):
            raise DataMalformed(f"element {index} is not an object", fix="restore the file", where=input)
        ids.append(str(field(element, "question_id", int, input, None)))
    kept = set(select(ids))
    left = [element for number, element in zip(ids, elements, strict=True) if number in kept]
    with open(output, "w", encoding="utf-8") as stream:
        # The official files are one line, ASCII, with the separators that json.dump has by default.
        json.dump(left if key is None else {**content, key: left}, stream)
    return f"{len(ids):,} {key or 'elements'} read, {len(left):,} kept, 0 changed"


def _list_of(content: Any, path: Path) -> str | None:
    """The key of the list in a question or annotation file; None when the file is the list."""
    if isinstance(content, list):
        return None
    found = [key for key in LISTS if isinstance(content, dict) and isinstance(content.get(key), list)]
    if len(found) != 1:
        raise DataMalformed(
            "the file has neither questions nor annotations",
            fix="give an official question or annotation file of VQA v2",
            where=f"{path}:1",
        )
    return found[0]


def _counterexamples(name: str) -> FileShift:
    def write(input: Path, output: Path, options: Mapping[str, Any]) -> str:
        return write_counterexamples(name, input, output, options)

    return FileShift(name, "vqa", write, takes=("ids",), needs=("ids",))


FILE_SHIFTS = {
    "changed-prior": FileShift("changed-prior", "vqa", write_changed_prior, takes=("train",), needs=("train",)),
    **{name: _counterexamples(name) for name in counterexamples.SETS},
}
