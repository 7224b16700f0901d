"""`corrected-labels`: the pairs of e-SNLI-VE with its labels in place of the original ones.

The files are those of e-ViL, CSV by RFC 4180 with the header

    ,pairID,Flickr30kID,hypothesis,gold_label,explanation

and the image id with its suffix ("9100000101.jpg"). Rows are joined to SNLI-VE by pairID.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from madbench.errors import DataMalformed, DataMissing
from madbench.tasks.contract import Shift, ShiftInputs
from madbench.tasks.snli_ve.rows import LABELS, SnliVeRow

COLUMNS = ("pairID", "Flickr30kID", "hypothesis", "gold_label")
SPLITS = ("dev", "test")
FOLDERS = ("", "esnlive/", "e-SNLI-VE/", "e-snli-ve/")
_GET_AGAIN = "get the file again: it is cut off, or was changed after its release"

CARD = """\
Tests a model on the {split} pairs of e-SNLI-VE, with its corrected labels.

Kind: transform. Source: e-SNLI-VE in the release of e-ViL (Kayser et al. 2021; the neutral class of dev and test was
annotated anew by Do et al. 2020, and pairs were filtered), file esnlive_{split}.csv, the CSV and not the JSON: the JSON
files of the first release held uncorrected labels. Joined by pairID: same image, same hypothesis, another gold label
where it was corrected; pairs that the file does not list are left out. The record says how many were joined, left out,
relabelled, and how many hypotheses differ in wording from SNLI-VE's (the wording of SNLI-VE is used).

Sizes: dev 14,339 pairs (5,643 contradiction, 5,254 entailment, 3,442 neutral), test 14,740 (5,721, 5,218, 3,801), as
counted in the files. The control is the same pairs with their original labels, so `modification` is what the correction
does and `selection` what the filter does. The class prior moves: neutral is 24 to 26 percent instead of 33.

Leak: none known for a model trained on SNLI-VE; a model trained on e-SNLI-VE's own train file has learned the same
filter. The last letter of a pairID agrees with 88 percent of these labels, and no model sees it. Some pairs stand twice
in one image with one hypothesis (22 in dev, 23 in test).
"""


@dataclass(frozen=True)
class CorrectedLabel:
    """One row of the file. image: the Flickr id without its suffix. line: where it stands."""

    image: str
    hypothesis: str
    label: str
    line: int


@dataclass(frozen=True)
class Joined:
    """rows: the pairs that the file lists, in the order of the split, relabelled. counts: what became of the others."""

    rows: tuple[SnliVeRow, ...]
    counts: Mapping[str, int]


def read_labels(path: Path) -> dict[str, CorrectedLabel]:
    """pairID -> its row of an e-ViL CSV, in file order.

    Raises DataMissing when it is not there; DataMalformed with file:line for: bytes that are no UTF-8, broken quoting,
    another header, a row with more or fewer fields, a repeated pairID, an image that is not that of the pairID, a label
    that is none of the three classes.
    """
    labels: dict[str, CorrectedLabel] = {}
    try:
        # utf-8-sig: spreadsheets add a byte-order mark. newline="": quoted fields may hold line breaks.
        with open(path, encoding="utf-8-sig", newline="") as stream:
            lines = csv.reader(stream, strict=True)
            header = next(lines, [])
            missing = [name for name in COLUMNS if header.count(name) != 1]
            if missing:
                raise _refused(
                    f"the header has no column {', '.join(missing)}" if header else "the file is empty",
                    f"use the CSV of e-ViL: ,{','.join(COLUMNS)},explanation",
                    path,
                    1,
                )
            places = [header.index(name) for name in COLUMNS]
            end = lines.line_num
            for values in lines:
                line, end = end + 1, lines.line_num
                if not values:
                    continue
                if len(values) != len(header):
                    raise _refused(f"{len(values)} fields, the header has {len(header)}", _GET_AGAIN, path, line)
                pair, image, hypothesis, label = (values[place] for place in places)
                _check(pair, image, label, labels, path, line)
                labels[pair] = CorrectedLabel(image.removesuffix(".jpg"), hypothesis, label, line)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise DataMissing("file not found", fix="get esnlive_dev.csv and esnlive_test.csv", where=path) from None
    except UnicodeDecodeError:
        raise _refused("not valid UTF-8", _GET_AGAIN, path, _line_of_bad_bytes(path)) from None
    except csv.Error as problem:
        raise _refused(f"not valid CSV: {problem}", _GET_AGAIN, path, end + 1) from None
    return labels


def _line_of_bad_bytes(path: Path) -> int:
    # The file was decoded in parts, so the decoder's own offset is not that of the file.
    raw = path.read_bytes()
    try:
        raw.decode()
    except UnicodeDecodeError as problem:
        return raw.count(b"\n", 0, problem.start) + 1
    return 1


def _check(pair: str, image: str, label: str, known: Mapping[str, CorrectedLabel], path: Path, line: int) -> None:
    if pair in known:
        raise _refused(f"field 'pairID': {pair} stands on line {known[pair].line} too", "remove one", path, line)
    if pair.rpartition(".jpg")[0] != image.removesuffix(".jpg"):
        raise _refused(f"field 'pairID' is {pair}, but the image is {image}", "restore the line", path, line)
    if label not in LABELS:
        raise _refused(f"field 'gold_label' is {label!r}, not a class", f"use {', '.join(LABELS)}", path, line)


def join(rows: Sequence[SnliVeRow], path: Path) -> Joined:
    """The pairs of a split that the file lists, with the file's labels.

    counts: `in_file`, `joined`, `left_out` (pairs of the split not in the file), `unknown` (pairs of the file not in
    the split), `relabelled`, `hypothesis_differs`. Raises what `read_labels` raises, and DataMalformed when not one pair
    is common to both.
    """
    labels = read_labels(path)
    joined, relabelled, other_text = [], 0, 0
    for row in rows:
        found = labels.get(row.example_id)
        if found is None:
            continue
        relabelled += found.label != row.label
        other_text += _words(found.hypothesis) != _words(row.hypothesis)
        # One text object for each class, as the reader keeps them.
        label = LABELS[LABELS.index(found.label)]
        joined.append(replace(row, label=label, stratum=label))
    if rows and not joined:
        raise DataMalformed(
            f"not one of the {len(rows):,} pairs has a label in the file",
            fix="use the file of the same split: esnlive_dev.csv for dev, esnlive_test.csv for test",
            where=path,
        )
    counts = {
        "in_file": len(labels),
        "joined": len(joined),
        "left_out": len(rows) - len(joined),
        "unknown": len(labels) - len(joined),
        "relabelled": relabelled,
        "hypothesis_differs": other_text,
    }
    return Joined(tuple(joined), counts)


def _words(text: str) -> list[str]:
    # Spaces at the ends or doubled are no other wording.
    return text.split()


def _refused(what: str, fix: str, path: Path, line: int) -> DataMalformed:
    return DataMalformed(what, fix=fix, where=f"{path}:{line}")


# --------------------------------------------------------------------------- as shifts


def file_key(split: str) -> str:
    """The name of a split's label file among a source's extra files."""
    return f"esnlive-{split}"


EXTRA_FILES = {file_key(split): tuple(f"{folder}esnlive_{split}.csv" for folder in FOLDERS) for split in SPLITS}


def _apply(key: str, rows: Sequence[SnliVeRow], inputs: ShiftInputs) -> tuple[SnliVeRow, ...]:
    return join(rows, inputs.files[key]).rows


def _about(key: str, rows: Sequence[SnliVeRow], inputs: ShiftInputs) -> Mapping[str, Any]:
    return join(rows, inputs.files[key]).counts


def _shift(name: str, split: str) -> Shift:
    key = file_key(split)
    return Shift(
        name=name,
        task="snli_ve",
        kind="transform",
        version=1,
        card=CARD.format(split=split),
        apply=partial(_apply, key),
        files=(key,),
        about=partial(_about, key),
    )


# SNLI-VE reports test, so the plain name is test's; a protocol that reports dev names the other.
SHIFTS = {
    "corrected-labels": _shift("corrected-labels", "test"),
    "corrected-labels-dev": _shift("corrected-labels-dev", "dev"),
}
