"""VCR files, shifted: rows keep their order, their fields and the order of these; only the choices change."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from madbench.errors import DataMissing
from madbench.tasks.reading import read_json_lines
from madbench.tasks.shift_files import FileShift
from madbench.tasks.vcr.adversarial import MODES, hide_in_record
from madbench.tasks.vcr.attack_scores import read_scores
from madbench.tasks.vcr.reader import VcrRow, row_checker
from madbench.tasks.vcr.shifts import RULES, shift_record

Record = dict[str, Any]


def labelled_records(path: Path) -> Iterator[tuple[Record, VcrRow]]:
    """Each annotation as it stands in the file, and as the reader checked it.

    Raises DataMissing when there is no file or a row has no labels, DataMalformed with file:line and the field.
    """
    check = row_checker(path)
    for line, record in read_json_lines(path):
        row = check(record, line)
        if row.labels is None:
            raise DataMissing(
                f"row '{row.example_id}' has no labels, and shifts treat the correct choice differently",
                fix="shift a file with labels (val.jsonl)",
                where=f"{path}:{line}",
            )
        yield record, row


def write_records(output: Path, records: Iterator[tuple[Record, Record | None]]) -> tuple[int, int, int]:
    """Write what is left of (before, after or None); returns the rows read, kept and changed."""
    read = kept = changed = 0
    with open(output, "w", encoding="utf-8", newline="\n") as stream:
        for before, after in records:
            read += 1
            if after is not None:
                kept += 1
                changed += after != before
                stream.write(json.dumps(after) + "\n")
    return read, kept, changed


def _write_rule(rule: str) -> Callable[[Path, Path, Mapping[str, Any]], str]:
    def write(input: Path, output: Path, options: Mapping[str, Any]) -> str:
        shifted = ((record, shift_record(rule, record)) for record, _ in labelled_records(input))
        counts = write_records(output, ((before, after[0] if after else None) for before, after in shifted))
        return "{}: {:,} rows read, {:,} kept, {:,} changed".format(rule, *counts)

    return write


def _write_adversarial(mode: str) -> Callable[[Path, Path, Mapping[str, Any]], str]:
    def write(input: Path, output: Path, options: Mapping[str, Any]) -> str:
        scores = read_scores(options["scores"])
        without = 0

        def shifted() -> Iterator[tuple[Record, Record]]:
            nonlocal without
            for record, row in labelled_records(input):
                found = scores.of(row)
                without += found is None
                yield record, record if found is None else hide_in_record(record, found.losses, mode, spared)

        spared = bool(options.get("only-distractors"))
        read, kept, changed = write_records(output, shifted())
        if read and without == read:
            scores.check_covers([row for _, row in labelled_records(input)])
        line = f"{mode}: {read:,} rows read, {kept:,} kept, {changed:,} changed"
        return line + (f", {without:,} without scores written unchanged" if without else "")

    return write


FILE_SHIFTS: Mapping[str, FileShift] = {
    **{rule: FileShift(name=rule, task="vcr", write=_write_rule(rule)) for rule in RULES},
    **{
        mode: FileShift(
            name=mode,
            task="vcr",
            write=_write_adversarial(mode),
            takes=("scores", "only-distractors"),
            needs=("scores",),
        )
        for mode in MODES
    },
}
