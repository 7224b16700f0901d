"""What every record holds, field by field: the form of record.json, schema_version 1.

Records may hold more. Fields that came later are in `LATER`: a record that lacks them is older, one that has them
must have them right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

TEXT, WHOLE, NUMBER, TRUTH, OBJECT, LIST = "text", "a whole number", "a number", "true or false", "an object", "a list"
HEX, DATE = "64 hex digits", "a date"
DIVISIONS = ("closed", "open", "external")
TASKS = ("vcr", "snli_ve", "vqa")
KINDS = ("split", "transform", "rows")
RULES = ("last", "id-val", "oracle")

# Path -> what may stand there; a `?` allows null (not known, or there is none), alternatives are listed.
FIELDS: dict[str, Any] = {
    "schema_version": (1,),
    "run_id": HEX,
    "train_id": HEX,
    "status": ("done",),
    "comparable": TRUTH,
    "division": DIVISIONS,
    "model": OBJECT,
    "model.name": TEXT,
    "model.adapter": TEXT,
    "model.spec_hash": HEX,
    "model.parameters": OBJECT,
    "model.parameters.total": WHOLE + "?",
    "model.parameters.trainable": WHOLE + "?",
    "model.parameters.inference": WHOLE + "?",
    "protocol": OBJECT,
    "protocol.name": TEXT,
    "protocol.version": WHOLE,
    "protocol.hash": HEX,
    "protocol.task_hash": HEX,
    "task": TASKS,
    "draw": WHOLE,
    "seed": WHOLE,
    "primary": TEXT,
    "selection_rule": RULES,
    "data": OBJECT,
    "data.source": TEXT,
    "data.fingerprint": HEX,
    "data.official": TRUTH,
    "data.train_ids_sha256": HEX,
    "data.n_train": WHOLE,
    "data.n_select": WHOLE,
    "labels": OBJECT,
    "labels.train": WHOLE + "?",
    "labels.select": WHOLE + "?",
    "labels.tune": WHOLE + "?",
    "labels.teacher": WHOLE + "?",
    "labels.unlabelled": WHOLE + "?",
    "conditions": LIST,
    "selection": LIST,
    "environment": OBJECT,
    "environment.madbench": TEXT,
    "environment.git": TEXT + "?",
    "environment.python": TEXT + "?",
    "environment.torch": TEXT + "?",
    "environment.transformers": TEXT + "?",
    "environment.open_clip": TEXT + "?",
    "environment.device": TEXT + "?",
    "timing": OBJECT,
    "timing.fit_s": NUMBER + "?",
    "timing.predict_s": NUMBER + "?",
    "timing.teacher_s": NUMBER + "?",
    "memory": OBJECT,
    "memory.peak_rss_mb": NUMBER + "?",
    "memory.peak_cuda_mb": NUMBER + "?",
    "started_at": DATE,
    "finished_at": DATE,
}
LATER: dict[str, Any] = {
    "digests_sha256": HEX,
    "precision": TEXT,
    "not_comparable_because": LIST,
    "model.version": WHOLE,
    "model.options": OBJECT,
    "model.seen": LIST,
    "model.notes": LIST,
    "model.weights": OBJECT,
    "model.blind": TRUTH,
    "model.code_sha256": HEX,
    "data.official_problems": LIST,
    "data.select_ids_sha256": HEX + "?",
    "data.n_pool": WHOLE,
    "data.train_fraction": NUMBER,
    "data.audit": LIST,
    "exposure": LIST,
    "timing.teacher_cached_s": NUMBER + "?",
    "usage": OBJECT,
    "usage.examples_seen": WHOLE + "?",
    "usage.max_examples": WHOLE,
    "history": LIST,
}
CONDITION: dict[str, Any] = {
    "name": TEXT,
    "kind": KINDS,
    "split": TEXT + "?",
    "shift": TEXT + "?",
    "n": WHOLE,
    "available": TRUTH,
    "metrics": OBJECT,
    "metric_versions": OBJECT,
}
CHOICE: dict[str, Any] = {"rule": RULES, "step": WHOLE, "headline": NUMBER + "?"}

_HEX = re.compile(r"[0-9a-f]{64}")


def schema_problems(record: Mapping[str, Any]) -> Iterator[str]:
    """One sentence for each field that is missing or not of its form."""
    yield from _fields(record, FIELDS, "", required=True)
    yield from _fields(record, LATER, "", required=False)
    for name, form in (("conditions", CONDITION), ("selection", CHOICE)):
        for place, one in enumerate(record.get(name) or [] if isinstance(record.get(name), list) else []):
            if isinstance(one, Mapping):
                yield from _fields(one, form, f"{name}[{place}].", required=True)
            else:
                yield f"record.json: {name}[{place}] is {one!r}, expected an object"
    rules = [one.get("rule") for one in record.get("selection") or [] if isinstance(one, Mapping)]
    if len(set(rules)) != len(rules):
        yield f"record.json: selection names a rule twice: {', '.join(map(str, rules))}"


def _fields(content: Mapping[str, Any], form: Mapping[str, Any], prefix: str, *, required: bool) -> Iterator[str]:
    absent = object()
    for path, kind in form.items():
        value: Any = content
        for name in path.split("."):
            value = value.get(name, absent) if isinstance(value, Mapping) else absent
        if value is absent:
            if required:
                yield f"record.json: {prefix}{path} is missing"
        elif not _fits(value, kind):
            expected = kind if isinstance(kind, str) else " or ".join(map(repr, kind))
            yield f"record.json: {prefix}{path} is {_short(value)}, expected {expected.rstrip('?')}"


def _fits(value: Any, kind: Any) -> bool:
    if not isinstance(kind, str):
        return any(type(value) is type(one) and value == one for one in kind)
    if kind.endswith("?"):
        return value is None or _fits(value, kind[:-1])
    if kind == WHOLE:
        return type(value) is int and value >= 0
    if kind == NUMBER:
        return type(value) in (int, float) and value >= 0
    if kind == HEX:
        return isinstance(value, str) and _HEX.fullmatch(value) is not None
    if kind == DATE:
        return isinstance(value, str) and _is_date(value)
    return isinstance(value, {TEXT: str, TRUTH: bool, OBJECT: Mapping, LIST: list}[kind]) and value != ""


def _is_date(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
