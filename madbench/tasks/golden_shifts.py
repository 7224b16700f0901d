"""What every shift makes of a fixed set of invented rows: the golden outputs of shifts that protocols.lock holds.

A shift that changes changes its output here, and a test then asks for a new version of it: records carry the version, and
tables keep two of them apart. The rows are part of the lock: leave them as they are. (That the shifts are the published
ones is another matter, held by tests/data.)
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from madbench.registry import TASKS
from madbench.tasks import corruptions
from madbench.tasks.contract import Row, Shift, ShiftInputs
from madbench.tasks.snli_ve.rows import LABELS, SnliVeRow
from madbench.tasks.vcr.attack_scores import PARTS, positions, score_record
from madbench.tasks.vcr.reader import CHOICES, VcrRow
from madbench.tasks.vqa.rows import VqaRow

OBJECTS = ("person", "person", "person", "car", "dog", "person")
QUESTIONS = (
    ("What", "is", (0,), "doing", "?"),
    ("Why", "are", (0, 1), "here", "?"),
    ("Where", "is", "the", (3,), "?"),
    ("Does", (2,), "like", "her", "dog", "?"),
    ("What", "will", (1, 0, 2), "do", "?"),
    ("Who", "is", "it", "?"),
)
SAID = (
    ((1,), "is", "eating", "."),
    ("He", "walks", "."),
    ("They", "leave", "."),
    ((0, 1), "are", "friends", "."),
    ("she", "and", (2,), "talk", "."),
    ("It", "is", "red", "."),
    ((2,), "'", "s", "mother", "is", "angry", "with", "him", "."),
    ((0, 2), "'", "s", "car"),
    ("Because", (0,), "likes", (3,), "."),
    ("they", "see", (1,)),
    ((2, 1), "wait", "for", "them"),
    ("His", (0,), "smiles"),
    ("Her", "hat", "is", "that", "of", (5,)),
)
WORDS = ("man", "woman", "dog", "sleeping", "outside", "nobody", "red", "two", "happy", "not")
KINDS = ("is the", "how many", "what color", "where is")
ANSWERS = ("yes", "no", "2", "3", "red", "blue", "left", "table")
ATTACK = {"model": "invented", "model_version": 1, "protocol": "none@1", "train_id": "0" * 64, "madbench": "0"}
PICTURES = Path("/pictures")  # only the names of images are looked at

# Of a row, what a shift may change. Where a picture lies is nobody's business.
FIELDS: Mapping[type, tuple[str, ...]] = {
    VcrRow: ("example_id", "question", "answer_choices", "rationale_choices", "labels", "corruption", "region_path"),
    SnliVeRow: ("example_id", "hypothesis", "label", "corruption", "region_path"),
    VqaRow: ("example_id", "question", "corruption", "region_path"),
}


def outputs() -> dict[str, Any]:
    """`task/shift@version` -> the ids or rows it gives."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="madbench-golden-") as folder:
        for name in TASKS.names():
            task = TASKS.load(name)
            rows, train = _ROWS[name](range(60)), _ROWS[name](range(1000, 1300))
            inputs = ShiftInputs(lambda train=train: train, _FILES[name](Path(folder), rows))
            for shift in task.shifts().values():
                found[f"{name}/{shift.name}@{shift.version}"] = _output(shift, rows, inputs)
    return {name: found[name] for name in sorted(found)}


def _output(shift: Shift, rows: Sequence[Row], inputs: ShiftInputs) -> Any:
    given = shift.apply(rows, inputs)
    if shift.kind == "rows":
        return list(given)
    found: dict[str, Any] = {"rows": [_plain(row) for row in given]}
    if shift.name in corruptions.NAMES:
        found["picture"] = _picture(shift.name)
    return found


def _plain(row: Row) -> list[Any]:
    values = vars(row)
    return [None if values[name] is None else json.loads(json.dumps(values[name])) for name in FIELDS[type(row)]]


def _picture(name: str) -> Any:
    """What a corruption does: to the last bit where it is arithmetic, its parameter where Pillow computes."""
    from PIL import Image

    kind, severity = corruptions.parse(name)
    parameter = {"blur": corruptions.BLUR_SIGMA, "jpeg": corruptions.JPEG_QUALITY}.get(kind)
    if parameter is not None:
        return [parameter[severity - 1], corruptions.BLUR_SIDE]
    pixels = (np.arange(48 * 32 * 3, dtype=np.int64) * 7919 % 251).astype(np.uint8).reshape(32, 48, 3)
    changed = corruptions.corrupted(Image.fromarray(pixels), name, "COCO_val2014_000000910101")
    return hashlib.sha256(np.asarray(changed).tobytes()).hexdigest()


# --------------------------------------------------------------------------- rows


def _vcr_rows(places: Sequence[int]) -> list[VcrRow]:
    return [
        VcrRow(
            str(place),
            str(place // 3),
            PICTURES / f"{place // 3}.jpg",
            objects=OBJECTS,
            question=QUESTIONS[place % len(QUESTIONS)],
            answer_choices=tuple(SAID[(place * 5 + 3 * at + place // 6) % len(SAID)] for at in range(CHOICES)),
            rationale_choices=tuple(SAID[(place * 7 + 5 * at + place // 4) % len(SAID)] for at in range(CHOICES)),
            labels=(place % CHOICES, (place // 5) % CHOICES),
        )
        for place in places
    ]


def _snli_ve_rows(places: Sequence[int]) -> list[SnliVeRow]:
    """Some words speak for a class, and not always."""
    rows = []
    for place in places:
        label = (place * 7 + place // 11) % 3
        words = [WORDS[(place * (at + 3) + label * (at % 2 + 1) * (place % 5 != 0)) % len(WORDS)] for at in range(4)]
        text = " ".join(words)
        picture = PICTURES / f"{place // 2}.jpg"
        rows.append(
            SnliVeRow(f"{place // 2}.jpg#{place}", str(place // 2), picture, hypothesis=text, label=LABELS[label])
        )
    return rows


def _vqa_rows(places: Sequence[int]) -> list[VqaRow]:
    rows = []
    for place in places:
        kind = place % len(KINDS)
        answer = ANSWERS[2 * kind + (place // 4 % 5 < 2)] if place % 7 else ANSWERS[place // 7 % len(ANSWERS)]
        rows.append(
            VqaRow(
                str(place),
                str(place // 4),
                PICTURES / f"{place // 4}.jpg",
                question=f"{KINDS[kind]} {place}?",
                question_type=KINDS[kind],
                answer_type="other",
                answers=(answer,) * 10,
                multiple_choice_answer=answer,
            )
        )
    return rows


# --------------------------------------------------------------------------- files that shifts need


def _vcr_files(folder: Path, rows: Sequence[VcrRow]) -> dict[str, Path]:
    """Losses with ties, of all rows but each tenth."""
    lines = []
    for place, row in enumerate(rows):
        if place % 10 == 9:
            continue
        losses = {
            part: [
                [
                    (place * 7 + at * 13 + position * position * 5) % 11 / 10
                    for position in range(len(positions(choice)))
                ]
                for at, choice in enumerate(choices)
            ]
            for part, choices in zip(PARTS, (row.answer_choices, row.rationale_choices), strict=True)
        }
        lines.append(json.dumps(score_record(row, losses, ATTACK)) + "\n")
    return {"shortcut-scores": _written(folder / "shortcut_scores.jsonl", "".join(lines))}


def _snli_ve_files(folder: Path, rows: Sequence[SnliVeRow]) -> dict[str, Path]:
    """Another label for each fourth pair; each seventh is left out."""
    lines = [",pairID,Flickr30kID,hypothesis,gold_label,explanation"]
    for place, row in enumerate(rows):
        if place % 7:
            label = LABELS[(LABELS.index(row.label) + (place % 4 == 0)) % 3]
            lines.append(f"{place},{row.example_id},{row.image_id}.jpg,{row.hypothesis},{label},none")
    text = "\n".join(lines) + "\n"
    return {f"esnlive-{split}": _written(folder / f"esnlive_{split}.csv", text) for split in ("dev", "test")}


def _vqa_files(folder: Path, rows: Sequence[VqaRow]) -> dict[str, Path]:
    ids = [int(row.example_id) for row in rows]
    return {
        "vqace-counterexamples": _written(folder / "counterexamples.json", json.dumps(ids[::3])),
        "vqace-hard": _written(folder / "hard.json", json.dumps(ids[1::6])),
    }


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


_ROWS: Mapping[str, Callable[[Sequence[int]], Sequence[Row]]] = {
    "vcr": _vcr_rows,
    "snli_ve": _snli_ve_rows,
    "vqa": _vqa_rows,
}
_FILES: Mapping[str, Callable[[Path, Any], dict[str, Path]]] = {
    "vcr": _vcr_files,
    "snli_ve": _snli_ve_files,
    "vqa": _vqa_files,
}
