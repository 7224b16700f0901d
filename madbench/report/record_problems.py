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
    for place, condition in enumerate(content["conditions"]):
        if not isinstance(condition, dict) or not isinstance(condition.get("name"), str):
            yield f"conditions[{place}] has no name"
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
