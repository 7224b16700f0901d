"""What a table cannot do without in a record, and what is wrong with one that lacks it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

# What a table cannot do without; the rest of a record may be absent.
REQUIRED = {
    "schema_version": int,
    "run_id": str,
    "comparable": bool,
    "task": str,
    "draw": int,
    "seed": int,
    "primary": str,
    "selection_rule": str,
    "model.name": str,
    "model.spec_hash": str,
    "protocol.name": str,
    "protocol.version": int,
    "protocol.task_hash": str,
    "data.source": str,
    "data.fingerprint": str,
    "conditions": list,
    "selection": list,
}
_REQUIRED_PATHS = [(tuple(name.split(".")), kind) for name, kind in REQUIRED.items()]
_ABOVE: dict[str, list[tuple[str, type]]] = {}  # object that holds them ("" for the record itself) -> required fields
for _name, _kind in REQUIRED.items():
    _ABOVE.setdefault(_name.rpartition(".")[0], []).append((_name.rpartition(".")[2], _kind))
_NUMBERS = {int, float}


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def _named_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _count(value: Any) -> bool:
    return type(value) is int and value >= 0


# Fields that may be absent, and what they are where they are there: a table reads them without asking again.
_OPTIONAL = {
    "division": _text,
    "not_comparable_because": _texts,
    "labels": _mapping,
    "usage": _mapping,
    "timing": _mapping,
    "memory": _mapping,
    "environment": _mapping,
    "exposure": _objects,
    "selection": lambda value: _objects(value) and all("rule" in one and "step" in one for one in value),
    "model.weights": _named_texts,
    "model.seen": _texts,
    "model.notes": _texts,
    "data.official_problems": _texts,
    "data.answer_space": _mapping,
    "data.train_fraction": lambda value: type(value) in _NUMBERS and 0 <= value <= 1,
    "data.n_train": _count,
    "data.n_select": _count,
}
_OF_CONDITIONS = {
    "kind": _text,
    "role": _text,
    "of": _text,
    "shift": _text,
    "split": _text,
    "reason": _text,
    "n": _count,
    "n_images": _count,
    "metric_versions": _named_texts,
    "about": _mapping,
    "files": _texts,
}


def problems_of(content: Any) -> Iterable[str]:
    """What is wrong with the content of a record, as far as tables depend on it."""
    if not isinstance(content, dict):
        yield "a record is a JSON object"
        return
    if content.get("schema_version") != 1:
        yield f"schema_version is {content.get('schema_version')!r}, this madbench reads 1"
        return
    if not _has_fields(content):
        for path, kind in _REQUIRED_PATHS:
            value: Any = content
            for part in path:
                value = value.get(part) if isinstance(value, dict) else None
            if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
                yield f"field '{'.'.join(path)}' is {value!r}, expected {kind.__name__}"
                return
    for name, holds in _OPTIONAL.items():
        above, _, last = name.rpartition(".")
        value = (content[above] if above else content).get(last)
        if value is not None and not holds(value):
            yield f"field '{name}' is {_short(value)}, which no madbench writes there"
            return
    for place, condition in enumerate(content["conditions"]):
        if not isinstance(condition, dict) or not isinstance(condition.get("name"), str):
            yield f"conditions[{place}] has no name"
            return
        for name, holds in _OF_CONDITIONS.items():
            value = condition.get(name)
            if value is not None and not holds(value):
                yield f"conditions[{place}] ({condition['name']}): {name} is {_short(value)}, which no madbench writes there"
                return
        if condition.get("available", True) and not isinstance(condition.get("metrics"), dict):
            yield f"conditions[{place}] ({condition['name']}) has no metrics"
            return
        metrics = condition.get("metrics") or {}
        if _are_fractions(metrics.values()):
            continue
        for metric, value in metrics.items():
            if type(value) not in _NUMBERS or not 0 <= value <= 1:  # NaN is in no range
                yield f"conditions[{place}] ({condition['name']}): {metric} is {value!r}, expected a fraction 0..1"
                return
    yield from _origins({one["name"]: one for one in content["conditions"]})


def _origins(conditions: dict[str, dict]) -> Iterable[str]:
    """Conditions that are made from one that is not there, or from themselves."""
    for name, condition in conditions.items():
        if condition.get("kind") in ("rows", "transform") and not isinstance(condition.get("of"), str):
            yield f"conditions: '{name}' does not say what it is made of"
            return
        seen, origin = {name}, condition.get("of")
        while origin is not None:
            if origin not in conditions or origin in seen:
                yield f"conditions: '{name}' is made of '{origin}', which is {'itself' if origin in seen else 'not there'}"
                return
            seen.add(origin)
            origin = conditions[origin].get("of")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _has_fields(content: dict) -> bool:
    """Whether the required fields are there, of exactly their types: nearly every record, at a glance."""
    for above, fields in _ABOVE.items():
        holder = content.get(above) if above else content
        if type(holder) is not dict:
            return False
        for name, kind in fields:
            if type(holder.get(name)) is not kind:
                return False
    return True


def _are_fractions(values: Collection[Any]) -> bool:
    if not values:
        return True
    # The sum is there for NaN, which min and max may step over.
    return set(map(type, values)) <= _NUMBERS and min(values) >= 0 and max(values) <= 1 and sum(values) <= len(values)
