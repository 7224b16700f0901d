"""VQA-CE: the VQA v2 val questions that simple rules over words and objects answer wrongly.

counterexamples.json, hard.json       bare lists of question ids
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from madbench.errors import DataMalformed
from madbench.tasks.contract import Shift, ShiftInputs
from madbench.tasks.json_places import line_of_element
from madbench.tasks.reading import read_json
from madbench.tasks.vqa.rows import VqaRow

COUNTEREXAMPLES, HARD = "vqace-counterexamples", "vqace-hard"
FOLDERS = ("", "vqace/", "vqa-ce/", "VQA-CE/", "vqa_ce/", "vqace/data/", "VQA-CE/data/")
FILE_NAMES = {COUNTEREXAMPLES: "counterexamples.json", HARD: "hard.json"}
EXTRA_FILES = {key: tuple(f"{folder}{name}" for folder in FOLDERS) for key, name in FILE_NAMES.items()}
# name -> (lists that make it up, whether it is what they leave)
SETS: Mapping[str, tuple[tuple[str, ...], bool]] = {
    "ce-counterexamples": ((COUNTEREXAMPLES,), False),
    "ce-hard": ((HARD,), False),
    "ce-easy": ((COUNTEREXAMPLES, HARD), True),
}

_WHICH = {
    "ce-counterexamples": "questions on which the shortcuts of the training data fire and are wrong",
    "ce-hard": "questions on which no shortcut of the training data fires",
    "ce-easy": "questions that a shortcut of the training data answers rightly",
}
_CARD = """\
Tests a model on {which}.

Kind: rows. Source: VQA-CE (Dancette et al. 2021, "Beyond Question-Based Biases"), lists of VQA v2 val question ids. Rules
were mined on VQA v2 train (words of the question and detected objects to answer, support 2.1e-5, at most 5 items,
confidence 0.3, top 3,000 answers). Counterexample: at least one rule fires and the answer of none is among the ten; hard:
no rule fires; easy: all other val questions. Official VQA accuracy on the rows; training is untouched. An id that is not
in the split, or stands twice, is refused.

Sizes: 63,298 counterexamples, 3,375 hard, 147,681 easy; from memory and unconfirmed, though they add up to the 214,354 of
val.

Leak: the rules were mined on the same training split that models use, so a method may be fitted to them; the objects
came from a detector that was trained on other pictures. A model tuned on VQA v2 val has seen the rows.
"""


def read_ids(path: Path) -> frozenset[str]:
    """The question ids of a list. Raises DataMissing; DataMalformed for anything but a list of different whole numbers."""
    ids = read_json(path)
    if not isinstance(ids, list):
        raise DataMalformed("the file is not a list of question ids", fix="use the files of VQA-CE", where=f"{path}:1")
    seen: set[str] = set()
    for index, number in enumerate(ids):
        if type(number) is not int:
            what = f"element {index} is {number!r}, not a question id"
            raise DataMalformed(what, fix="restore the file", where=f"{path}:{line_of_element(path, None, index)}")
        if str(number) in seen:
            what = f"question id {number} stands twice"
            raise DataMalformed(what, fix="remove one of the two", where=f"{path}:{line_of_element(path, None, index)}")
        seen.add(str(number))
    return frozenset(seen)


def select(name: str, questions: Sequence[str], files: Mapping[str, Path]) -> list[str]:
    """Question ids of one of SETS, in the order given. questions: ids of the whole split that the lists are about.

    Raises DataMalformed for an id that is not among them, or one that is in both lists.
    """
    lists, rest = SETS[name]
    present = set(questions)
    listed: set[str] = set()
    for key in lists:
        ids = read_ids(files[key])
        unknown = ids - present
        if unknown:
            raise DataMalformed(
                f"{len(unknown):,} of {len(ids):,} question ids are not in the split, the first is {min(unknown)}",
                fix="use the lists with the whole VQA v2 val split",
                where=files[key],
            )
        if both := ids & listed:
            raise DataMalformed(
                f"{len(both):,} question ids are counterexamples and hard, the first is {min(both)}",
                fix="use both lists of one release",
                where=files[key],
            )
        listed |= ids
    return [question for question in questions if (question in listed) != rest]


def _shift(name: str) -> Shift:
    lists = SETS[name][0]

    def apply(rows: Sequence[VqaRow], inputs: ShiftInputs) -> list[str]:
        return select(name, [row.example_id for row in rows], inputs.files)

    def about(rows: Sequence[VqaRow], inputs: ShiftInputs) -> dict[str, Any]:
        return {"listed": {FILE_NAMES[key]: len(read_ids(inputs.files[key])) for key in lists}}

    card = _CARD.format(which=_WHICH[name])
    return Shift(name=name, task="vqa", kind="rows", version=1, card=card, apply=apply, files=lists, about=about)


SHIFTS = {name: _shift(name) for name in SETS}
