"""What a record states of its protocol, data and conditions, against the same worked out once more.

Pure functions over a record and what is at hand. A field that a record of an earlier version lacks is not missed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from madbench.files import canonical_json, sha256_of, sha256_of_lines
from madbench.harness.data import CellData, Digest
from madbench.harness.prediction_files import SAME
from madbench.protocols.schema import Protocol
from madbench.registry import TASKS
from madbench.tasks.contract import AnswerSpace

Record = Mapping[str, Any]
# condition, answer space -> its ceiling
Ceiling = Callable[[str, AnswerSpace], float | None]
DECLARED = ("kind", "role", "split", "of", "shift", "shift_version")
COUNTED = ("n", "n_images", "files", "about")


def protocol_problems(record: Record, protocol: Protocol) -> Iterator[str]:
    """What the protocol at hand, which has the record's task hash, says otherwise."""
    task, data, usage = TASKS.load(record["task"]), record["data"], record.get("usage") or {}
    rule = protocol.select.get(record["task"])
    used = data["n_train"] + (data["n_select"] if rule is not None and rule.split is None else 0)
    stated = {
        "protocol.hash": (record["protocol"]["hash"], protocol.hash),
        "primary": (record["primary"], task.primary),
        "selection_rule": (record["selection_rule"], protocol.selection),
        "data.image_overlap": (data.get("image_overlap"), protocol.image_overlap),
        "usage.max_examples": (usage.get("max_examples"), protocol.budget[record["task"]].examples_seen),
        "data.train_fraction": (data.get("train_fraction"), used / data["n_pool"] if data.get("n_pool") else None),
    }
    for field, (here, there) in stated.items():
        if here is not None and there is not None and not _equal(here, there):
            yield f"{field} is {_short(here)}, {protocol.id} gives {_short(there)}"
    yield from _metric_versions(record, protocol, task)


def _metric_versions(record: Record, protocol: Protocol, task: Any) -> Iterator[str]:
    found: dict[tuple[str, str], str] = {}
    for one in record["conditions"]:
        for metric, version in one["metric_versions"].items():
            found.setdefault((metric.partition(":")[0], version), one["name"])
    for (metric, version), condition in sorted(found.items()):
        known = task.known_versions.get(metric, ("1",))
        asked = protocol.metrics.get(metric) if metric in task.metric_versions else None
        if asked is not None and version != asked:
            yield f"{condition}: {metric} is in version {version}, {protocol.id} asks for {asked}"
        elif version not in known:
            yield f"{condition}: there is no version {version} of {metric}, only {' and '.join(known)}"


def data_problems(
    record: Record, again: Digest, data: CellData, spaces: Sequence[AnswerSpace], ceiling: Ceiling
) -> Iterator[str]:
    """What the data give otherwise. spaces: those that a model of this protocol may have had."""
    stated = record["data"]
    official = again["official_problems"]
    if stated["official"] != (not official) or stated.get("official_problems", official) != official:
        yield f"data.official is {_short(stated['official'])}, the data say: {'; '.join(official) or 'official'}"
    if stated.get("n_pool", again["pool"]["n"]) != again["pool"]["n"]:
        yield f"data.n_pool is {stated['n_pool']}, the pool has {again['pool']['n']} rows"
    at_hand = {one.name: one for one in data.conditions}
    for one in record["conditions"]:
        if one["name"] in at_hand:
            yield from _condition(one, json.loads(canonical_json(at_hand[one["name"]].described())))
    if stated.get("answer_space") is not None:
        yield from _answer_space(record, again, spaces, ceiling)


def _condition(stated: Mapping[str, Any], again: Mapping[str, Any]) -> Iterator[str]:
    fields = [*DECLARED, *(COUNTED if stated["available"] and again["available"] else ())]
    for field in fields:
        if field in stated and stated[field] != again.get(field):
            yield f"{stated['name']}: {field} is {_short(stated[field])}, the data give {_short(again.get(field))}"


def _answer_space(record: Record, again: Digest, spaces: Sequence[AnswerSpace], ceiling: Ceiling) -> Iterator[str]:
    stated = record["data"]["answer_space"]
    fitting = [one for one in spaces if _described(one).items() <= stated.items()]
    if not fitting:
        yield f"data.answer_space: no labels of the training rows give these {_short(stated.get('n'))}"
        return
    closed = again.get("vocabulary")
    kept = None if closed is None else {name: closed[name] for name in ("rows", "origin", "note")}
    if stated.get("closed") != kept:
        yield "data.answer_space.closed is not what the data give"
    first = next((one["name"] for one in record["conditions"] if one.get("role") == "id" and one["available"]), None)
    ceilings = {"data.answer_space": (first, stated.get("ceiling"))}
    ceilings |= {one["name"]: (one["name"], one["ceiling"]) for one in record["conditions"] if "ceiling" in one}
    for what, (condition, value) in ceilings.items():
        expected = None if condition is None else ceiling(condition, fitting[0])
        if not _equal(value, expected):
            yield f"{what}: the ceiling is {_short(value)}, its labels give {_short(expected)}"


def _described(space: AnswerSpace) -> dict[str, Any]:
    described: dict[str, Any] = {"n": space.n_choices, "sha256": sha256_of(list(space.labels))}
    return {**described, "fingerprint": sha256_of_lines(sorted(space.labels))} if space.open else described


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, (int, float)):
        return abs(one - other) <= SAME
    return one == other


def _short(value: Any) -> str:
    if isinstance(value, str) and len(value) == 64:
        return value[:12]
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
