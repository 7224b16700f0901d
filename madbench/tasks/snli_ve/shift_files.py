"""`madbench data shift` for SNLI-VE: lines of the official jsonl kept, or kept with another label."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from madbench.tasks.contract import ShiftInputs
from madbench.tasks.shift_files import FileShift
from madbench.tasks.snli_ve.corrected import join
from madbench.tasks.snli_ve.reader import read_pairs
from madbench.tasks.snli_ve.shifts import ve_hard


def write_hard(input: Path, output: Path, options: Mapping[str, Any]) -> str:
    """The lines of the pairs in ve-hard, byte for byte. train: the official training file."""
    rows = read_pairs(input)
    hard = set(ve_hard(rows, ShiftInputs(lambda: read_pairs(options["train"]))))
    with open(output, "wb") as stream:
        for raw, record in _lines(input):
            if record["pairID"] in hard:
                stream.write(raw + b"\n")
    return f"{len(rows):,} pairs read, {len(hard):,} kept, 0 changed"


def write_corrected(input: Path, output: Path, options: Mapping[str, Any]) -> str:
    """The lines of the pairs that the label file lists; `gold_label` is replaced, everything else stays."""
    rows = read_pairs(input)
    joined = join(rows, options["labels"])
    labels = {row.example_id: row.label for row in joined.rows}
    with open(output, "wb") as stream:
        for raw, record in _lines(input):
            label = labels.get(record["pairID"])
            if label is None:
                continue
            if label != record["gold_label"]:
                record["gold_label"] = label
                raw = json.dumps(record, ensure_ascii=raw.isascii()).encode()
            stream.write(raw + b"\n")
    counts = joined.counts
    return (
        f"{len(rows):,} pairs read, {counts['joined']:,} kept, {counts['relabelled']:,} changed; the label file has "
        f"{counts['in_file']:,} pairs, {counts['unknown']:,} of them unknown here, {counts['hypothesis_differs']:,} with "
        "another wording"
    )


def _lines(path: Path) -> Iterator[tuple[bytes, dict]]:
    """(text, object) of each line of a file that the reader has accepted."""
    for raw in path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        if raw.strip():
            yield raw.rstrip(b"\r"), json.loads(raw)


FILE_SHIFTS = {
    shift.name: shift
    for shift in (
        FileShift("ve-hard", "snli_ve", write_hard, takes=("train",), needs=("train",)),
        FileShift("corrected-labels", "snli_ve", write_corrected, takes=("labels",), needs=("labels",)),
    )
}
