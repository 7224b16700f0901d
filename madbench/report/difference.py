"""Why two runs may, or may not, stand in one column: field by field, in the words of their records.

Pure functions over the content of two records. What breaks comparability is what `report` keeps apart: protocol, data,
the versions of metrics and shifts, the files of shifts, the rows behind them, limited runs. All other differences are named for the reader to judge.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

Content = Mapping[str, Any]

GROUPS = ("identity", "protocol", "data", "model", "metrics", "environment")
OF_GROUP = {
    "protocol": ("protocol", "primary", "selection_rule"),
    "data": ("data", "task"),
    "model": ("model", "labels", "usage", "precision", "exposure"),
    "metrics": ("conditions", "selection", "history"),
    "environment": ("environment", "timing", "memory", "started_at", "finished_at"),
}
# Path -> why numbers that differ in it must not stand in one column.
BREAKS = {
    "task": "other tasks",
    "protocol.task_hash": "the protocols ask for something else on this task",
    "data.source": "mini and real data never share a table",
    "data.fingerprint": "the annotation files are not the same",
}
EDITED = "the same run id with other numbers: edited, or made in another environment"


@dataclass(frozen=True)
class Difference:
    """One field in which two records differ. breaks: why that keeps them apart, or None. Absent values are None."""

    group: str
    field: str
    first: Any
    second: Any
    breaks: str | None = None


@dataclass(frozen=True)
class Comparison:
    """differences: in the order of GROUPS, then of names. reasons: why not comparable. remarks: what pairs, what does not."""

    differences: tuple[Difference, ...]
    reasons: tuple[str, ...]
    remarks: tuple[str, ...]

    @property
    def comparable(self) -> bool:
        return not self.reasons

    @property
    def verdict(self) -> str:
        if self.reasons:
            return "not comparable: " + "; ".join(self.reasons)
        return "comparable: " + "; ".join(self.remarks)

    def as_json(self) -> dict[str, Any]:
        return {
            "comparable": self.comparable,
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "remarks": list(self.remarks),
            "differences": [asdict(one) for one in self.differences],
        }


def compare(first: Content, second: Content) -> Comparison:
    """Two records of schema_version 1."""
    one, other = flat(first), flat(second)
    apart = {**_versions(first, second), **_files(first, second), **_rows(first, second)}
    if first["run_id"] == second["run_id"] and not _versions(first, second):
        apart |= {f"conditions[{name}].metrics.{metric}": EDITED for name, metric in _metrics(first, second)}
    differences = []
    for field in one.keys() | other.keys():
        left, right = one.get(field), other.get(field)
        if left != right or (field in one) != (field in other):
            breaks = BREAKS.get(field) or apart.get(field)
            if field == "comparable":
                breaks = "one of the two is limited"
            differences.append(Difference(group_of(field), field, left, right, breaks))
    differences.sort(key=lambda found: (GROUPS.index(found.group), found.breaks is None, found.field))
    reasons = list(dict.fromkeys(found.breaks for found in differences if found.breaks))
    limited = [record for record in (first, second) if not record["comparable"]]
    if len(limited) == 2:
        reasons.append("both are limited")
    return Comparison(tuple(differences), tuple(reasons), tuple(_remarks(first, second)))


def flat(record: Content) -> dict[str, Any]:
    """Dotted path -> value; conditions and rules are named, not counted."""
    return dict(_flat("", record))


def group_of(field: str) -> str:
    top = field.partition(".")[0].partition("[")[0]
    return next((group for group, tops in OF_GROUP.items() if top in tops), "identity")


def protocol_differences(first: Content, second: Content) -> list[str]:
    """What the two protocols say differently of the task, where both are at hand as they were run; else why not."""
    from madbench.errors import MadbenchError
    from madbench.protocols import load_protocol

    contents = []
    for record in (first, second):
        stated = record["protocol"]
        name = f"{stated['name']}@{stated['version']}"
        try:
            protocol = load_protocol(name)
        except MadbenchError as error:
            return [f"{name} is not at hand: {error}"]
        if protocol.hash != stated["hash"]:
            return [f"the {name} at hand is not the one that was run"]
        content = protocol.scoring_content()
        for part in ("select", "budget", "conditions"):
            content[part] = content[part].get(record["task"])
        content["tasks"] = [record["task"]]
        contents.append(flat(content))
    one, other = contents
    return [
        f"{field}: {short(one.get(field))} | {short(other.get(field))}"
        for field in sorted(one.keys() | other.keys())
        if one.get(field) != other.get(field)
    ]


def short(value: Any) -> str:
    """A value for one line: hashes by their first digits."""
    if value is None:
        return "-"
    text = str(value)
    if len(text) == 64 and all(one in "0123456789abcdef" for one in text):
        return text[:12]
    return text if len(text) <= 60 else text[:57] + "..."


def _flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _flat(f"{path}.{name}" if path else str(name), inner)
    elif isinstance(value, (list, tuple)) and value and all(isinstance(one, Mapping) for one in value):
        for place, inner in enumerate(value):
            yield from _flat(f"{path}[{inner.get('name', inner.get('rule', place))}]", inner)
    else:
        yield path, list(value) if isinstance(value, tuple) else value


def _versions(first: Content, second: Content) -> dict[str, str]:
    """Field -> reason, for metrics of conditions that both have and that are scored in two versions."""
    found = {}
    for name, metric, one, other in _shared(first, second, "metric_versions"):
        if one != other:
            base = metric.partition(":")[0]
            found[f"conditions[{name}].metric_versions.{metric}"] = f"two versions of {base}, {one} and {other}"
    return found


def _metrics(first: Content, second: Content) -> Iterator[tuple[str, str]]:
    """(condition, metric) of all metrics that either has."""
    for record in (first, second):
        for one in record["conditions"]:
            yield from ((one["name"], metric) for metric in one.get("metrics") or {})


def _rows(first: Content, second: Content) -> dict[str, str]:
    """Field -> reason, for what should follow from protocol, data and draw: the rows of conditions, and training rows."""
    found = {}
    others = {one["name"]: one for one in second["conditions"]}
    for one in first["conditions"]:
        name, other = one["name"], others.get(one["name"], one)
        versions = [each.get("shift_version") for each in (one, other)]
        if versions[0] != versions[1]:
            of = one.get("shift") or name
            found[f"conditions[{name}].shift_version"] = (
                f"two versions of the shift '{of}', {versions[0]} and {versions[1]}"
            )
        sizes = [each.get("n") for each in (one, other)]
        if sizes[0] != sizes[1] and all(each.get("available", True) for each in (one, other)):
            found[f"conditions[{name}].n"] = f"'{name}' has {sizes[0]} rows in one and {sizes[1]} in the other"
    if first["draw"] == second["draw"]:
        for part, what in (("train", "trains"), ("select", "selects")):
            found[f"data.{part}_ids_sha256"] = f"draw {first['draw']} {what} on other rows"
    return found


def _files(first: Content, second: Content) -> dict[str, str]:
    conditions = [{one["name"]: one for one in record["conditions"]} for record in (first, second)]
    return {
        f"conditions[{name}].files": f"'{name}' was made from other files"
        for name in conditions[0].keys() & conditions[1].keys()
        if conditions[0][name].get("files") != conditions[1][name].get("files")
    }


def _shared(first: Content, second: Content, part: str) -> Iterator[tuple[str, str, Any, Any]]:
    others = {one["name"]: one for one in second["conditions"]}
    for one in first["conditions"]:
        here, there = one.get(part) or {}, (others.get(one["name"]) or {}).get(part) or {}
        for name in here.keys() & there.keys():
            yield one["name"], name, here[name], there[name]


def _remarks(first: Content, second: Content) -> Iterator[str]:
    """For runs that may stand beside each other: what they share."""
    if first["run_id"] == second["run_id"]:
        yield "the same run"
    elif first["train_id"] == second["train_id"]:
        yield "the same training, scored on other conditions"
    elif first["draw"] != second["draw"]:
        yield f"other draws ({first['draw']} and {second['draw']}): one column, and no paired difference"
    elif _subset(first) == _subset(second):
        yield "the same training rows: differences are paired"
    if first["seed"] != second["seed"]:
        yield f"seeds {first['seed']} and {second['seed']}"
    divisions = [record.get("division", "closed") for record in (first, second)]
    if divisions[0] != divisions[1]:
        yield f"divisions {divisions[0]} and {divisions[1]}, which the table marks"


def _subset(record: Content) -> tuple[Any, Any]:
    return record["data"].get("train_ids_sha256"), record["data"].get("select_ids_sha256")
