"""The leak audit: what training rows share with what is reported, and what a model's initial weights saw of it.

Counts only; what is refused for it is decided in `harness.data` (examples and images) and in `harness.plan` (exposure).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from madbench.errors import NotComparable
from madbench.harness.conditions import ConditionRows
from madbench.tasks.contract import Row
from madbench.tasks.exposure import exposed
from madbench.tasks.table import column, where

# The field that holds what is asked about an image, where one text is the whole question (vcr's is four choices too).
TEXT = {"snli_ve": "hypothesis", "vqa": "question"}
# The field that is equal for one image of two splits. Ids of vcr begin with the name of their split, so none of them is
# in two: there the name of the picture's file tells, and what is asked about it tells whether an example is the same.
IMAGE = {"vcr": "image_name"}
FIRST = 3

Pair = dict[str, Any]


def audit(task: str, train: Sequence[Row], select: Sequence[Row], conditions: Iterable[ConditionRows]) -> list[Pair]:
    """One entry for each two of train, select and the conditions that have rows of their own.

    Examples are the same by their id, for vcr also by picture, question and choices under another id. An entry holds `between` (two names), `condition` (whether the second is one), and counts of the second's examples,
    images, (image, text) pairs and texts that the first has too, texts being None for a task without one text. The
    `first_...` are the first few of them, sorted.
    """
    found = []
    sides = {"train": _Side(task, train)}
    if select:
        sides["select"] = _Side(task, select)
        found.append(_pair("train", sides["train"], "select", sides["select"], condition=False))
    for condition in _with_own_rows(conditions):
        other = _Side(task, condition.rows)
        found += [_pair(name, side, condition.name, other, condition=True) for name, side in sides.items()]
    return found


def sentences(pairs: Iterable[Pair]) -> dict[str, list[str]]:
    """What must be refused or declared, by `ids` and by `images`.

    Train and select of one split may share an image when single rows are the unit: nothing reported leaks.
    """
    found: dict[str, list[str]] = {"ids": [], "images": []}
    for pair in pairs:
        first, second = pair["between"]
        named = f"{first} and " + (f"condition '{second}'" if pair["condition"] else second)
        if pair["examples"]:
            found["ids"].append(f"{named} share {pair['examples']} examples")
        if pair["images"] and pair["condition"]:
            found["images"].append(f"{named} share {pair['images']} images")
    return found


def exposure(task: str, source: str, seen: Sequence[str], conditions: Sequence[Mapping[str, Any]]) -> list[dict]:
    """What each condition lost to the data that the initial weights saw: {condition, seen, level, reason, refused}.

    source: `mini` or `real`; the generated data is nowhere in what others trained on. conditions: as described in a
    plan or record. A shifted condition is exposed as the split it comes from, and by what names its shift.
    """
    if source == "mini":
        return []
    by_name = {one["name"]: one for one in conditions}
    found = []
    for one in conditions:
        if not one.get("available", True) or one.get("role") not in ("id", "shifted"):
            continue
        for entry in exposed(seen, task, _keys(one, by_name)):
            found.append({"condition": one["name"], **entry})
    return found


def refuse_exposed(model: str, found: Iterable[Mapping[str, Any]]) -> None:
    """Raises NotComparable when the weights saw the very questions of a condition that forbids it."""
    refused = [one for one in found if one["refused"]]
    if refused:
        one = refused[0]
        raise NotComparable(
            f"model '{model}' has seen {one['seen']}, so '{one['condition']}' cannot be reported: {one['reason']}",
            fix="choose weights that have not seen it, or a protocol without this condition",
        )


class _Side:
    """The columns of one side's rows, and each of them as a set; of the rows themselves only those asked for are built."""

    def __init__(self, task: str, rows: Sequence[Row]):
        self.ids, images = column(rows, "example_id"), column(rows, IMAGE.get(task, "image_id"))
        self.examples, self.images = set(self.ids), set(images)
        self._rows, self._image_of, self._by_content = rows, images, task in IMAGE
        texts = column(rows, TEXT[task]) if task in TEXT else []
        self.texts, self.asked = set(texts), list(zip(images, texts, strict=False))
        self.image_texts = set(self.asked)

    def contents(self, images: set[str]) -> Mapping[str, Hashable]:
        """Example id -> what it asks, of examples about these images; empty for a task whose ids tell it all."""
        if not images or not self._by_content:
            return {}
        wanted = np.array([image in images for image in self._image_of], dtype=bool)
        return {row.example_id: _content(row) for row in where(self._rows, wanted)}


def _content(row: Any) -> Hashable:
    """A vcr question whatever its ids and the order of its choices."""
    return row.image_name, row.question, frozenset(row.answer_choices), frozenset(row.rationale_choices)


def _pair(first: str, one: _Side, second: str, other: _Side, condition: bool) -> Pair:
    images = one.images & other.images
    known = set(one.contents(images).values())
    again = {example for example, content in other.contents(images).items() if content in known}
    examples = (one.examples & other.examples) | again
    pair: Pair = {
        "between": [first, second],
        "condition": condition,
        "examples": len(examples),
        "first_examples": sorted(examples)[:FIRST],
        "images": len(images),
        "first_images": sorted(images)[:FIRST],
        "image_texts": None,
        "first_image_texts": [],
        "texts": None,
    }
    if one.texts and other.texts:
        both = one.image_texts & other.image_texts
        asked = sorted(example for example, key in zip(other.ids, other.asked, strict=True) if key in both)
        pair.update(image_texts=len(both), first_image_texts=asked[:FIRST], texts=len(one.texts & other.texts))
    return pair


def _with_own_rows(conditions: Iterable[ConditionRows]) -> list[ConditionRows]:
    """Splits, and transforms that bring questions of their own; the rest are parts of these."""
    kept: list[ConditionRows] = []
    known: set[str] = set()
    for condition in conditions:
        if not condition.stored:
            continue
        ids = set(column(condition.rows, "example_id"))
        if condition.kind == "split" or not ids <= known:
            kept.append(condition)
        known |= ids
    return kept


def _keys(condition: Mapping[str, Any], by_name: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The shifts a condition went through and the split at its root."""
    keys = []
    while True:
        keys.append(condition["shift"] if condition.get("of") else condition.get("split") or condition["name"])
        if not condition.get("of") or condition["of"] not in by_name:
            return keys
        condition = by_name[condition["of"]]
