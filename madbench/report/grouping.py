"""What stands beside what: which records share a table, a row and a column."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from madbench.errors import NotComparable
from madbench.files import sha256_of
from madbench.report.marks import attack_model
from madbench.report.numbers import Group
from madbench.report.predictions import Predictions, main_metric
from madbench.report.records import Record
from madbench.report.tables import OVER_SHIFTS, Column, Extent, Row
from madbench.report.titles import task_title

LEGS_FIRST = ("q2a", "qa2r", "q2ar", "accuracy", "vqa_accuracy")


@dataclass(frozen=True)
class Part:
    """Records that may share columns. reasons: in what their content differs from the main part's, empty for that one.

    task: the only task of a part that is not the main one.
    """

    records: list[Record]
    task: str = ""
    reasons: str = ""

    @property
    def why(self) -> str:
        apart = f"{task_title(self.task)} stands apart from the table above: {self.reasons}."
        return apart if self.reasons else ""


def split_by_content(records: Sequence[Record]) -> list[Part]:
    """Records of one protocol and source in parts, the main one first: of each task the content with most records."""
    alike: dict[tuple, list[Record]] = defaultdict(list)
    for record in records:
        alike[record.task, content_of(record)].append(record)
    combinations: dict[str, dict[tuple, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for (task, content), found in alike.items():
        for record, odd in _odd(found):
            combinations[task][*content, odd].append(record)
    main: list[Record] = []
    apart = []
    for task in sorted(combinations):
        ordered = sorted(combinations[task].items(), key=lambda item: (-len(item[1]), _in_order(item[0])))
        main += ordered[0][1]
        for content, others in ordered[1:]:
            apart.append(Part(others, task, _reasons(content, ordered[0][0])))
    return [Part(main), *apart]


def content_of(record: Record) -> tuple[str, str, frozenset, frozenset, frozenset]:
    """What must be equal in one column: protocol part, data, the versions of metrics, the files and versions of shifts.

    Sets of pairs: (metric, version), (condition, files) and (condition, version of its shift).
    """
    versions = next(
        (one.get("metric_versions") or {} for one in record.conditions.values() if one.get("role") == "id"), {}
    )
    content = record.content
    files = frozenset((name, tuple(one["files"])) for name, one in record.conditions.items() if one.get("files"))
    shifts = frozenset(
        (name, one["shift_version"]) for name, one in record.conditions.items() if one.get("shift_version") is not None
    )
    return content["protocol"]["task_hash"], content["data"]["fingerprint"], frozenset(versions.items()), files, shifts


def _odd(records: Sequence[Record]) -> list[tuple[Record, frozenset[str]]]:
    """Each record with what it says otherwise than most of what follows from content and draw: sizes, training rows.

    Another code drew or shifted then, or somebody changed it. Limited runs have fewer rows, and are marked for it.
    """
    said: dict[tuple, Counter] = defaultdict(Counter)
    facts = [(record, {} if record.limited else _follows(record)) for record in records]
    for _, one in facts:
        for what, value in one.items():
            said[what][value] += 1
    usual = {what: min(found, key=lambda value: (-found[value], str(value))) for what, found in said.items()}
    return [
        (record, frozenset(_told(what, value, usual[what]) for what, value in one.items() if value != usual[what]))
        for record, one in facts
    ]


def _follows(record: Record) -> dict[tuple, int | str | None]:
    """(`n`, condition) -> rows; (part, draw) -> hash of its ids."""
    found: dict[tuple, int | str | None] = {
        ("n", name): one["n"] for name, one in record.conditions.items() if one.get("available", True) and "n" in one
    }
    for part in ("train", "select"):
        if f"{part}_ids_sha256" in record.content["data"]:
            found[part, record.run[0]] = record.content["data"][f"{part}_ids_sha256"]
    return found


def _told(what: tuple, value: int | str | None, usual: int | str | None) -> str:
    kind, name = what
    if kind == "n":
        return f"other rows in {name} ({value}, not {usual})"
    return f"other rows to {kind} on in draw {name}"


def _in_order(content: tuple) -> tuple:
    return *content[:2], *map(sorted, content[2:])


def rows_of(
    records: Sequence[Record], interval: str = "t", extent: Extent | None = None
) -> dict[str, tuple[Row, dict[str, Group]]]:
    """label -> the row and its runs by task. Options or weights that differ under one name make several rows, and names
    with a hash, in the tasks where they do."""
    together: dict[tuple, list[Record]] = defaultdict(list)
    for record in records:
        together[family(record), record.task, _options(record)].append(record)
    variants: dict[tuple, int] = defaultdict(int)
    for whose, task, _ in together:
        variants[whose, task] += 1
    units = {} if extent is None else extent.units
    readers = {
        task: Predictions(units.setdefault((source, task), {}))
        for source, task in sorted({(record.source, record.task) for record in records})
    }
    rows: dict[str, tuple[Row, dict[str, Group]]] = {}
    for ((model, division, limited), task, options), here in together.items():
        several = variants[(model, division, limited), task] > 1
        label = model + (f"#{_short_hash(*options)}" if several else "")
        label += "" if division == "closed" else f" ({division})"
        label += "*" if limited else ""
        if label not in rows:
            first = here[0].content
            seen = bool(first["model"].get("seen")) and "exposure" not in first
            rows[label] = Row(label, model, bool(first["model"].get("blind")), limited, division, seen), {}
        row, groups = rows[label]
        row.white_box |= any(
            attack_model(condition) == model for record in here for condition in record.conditions.values()
        )
        runs = groups.setdefault(task, Group({}, readers[task], interval)).runs
        for record in here:
            if record.run in runs:
                raise _clash(record, runs[record.run])
            runs[record.run] = record
    return rows


def _clash(one: Record, other: Record) -> NotComparable:
    return NotComparable(
        f"two different runs claim the same place in a table: {one.where()}",
        where=f"{other.folder} and {one.folder}",
        fix="find the difference with `madbench diff`, then report on one of them",
    )


def columns_of(records: Sequence[Record]) -> tuple[list[Column], dict[str, str]]:
    """Every condition and metric of one task, each shifted condition followed by its effects; and the headline.

    The headline: condition -> the metric that stands for it, in the order of the records' conditions.
    """
    task = records[0].task
    declarations: dict[str, list[Mapping]] = defaultdict(list)
    for record in records:
        for name, condition in record.conditions.items():
            declarations[name].append(condition)
    metrics = {
        name: set().union(*(one.get("metrics") or () for one in declared)) for name, declared in declarations.items()
    }
    headline = {name: main_metric(found, records[0].content["primary"]) for name, found in metrics.items()}
    columns = []
    for name, declared in declarations.items():
        metric = headline[name]
        sizes = [_only(one.get(size) for one in declared if one.get("available", True)) for size in ("n", "n_images")]
        role = declared[0].get("role", "id")
        ordered = sorted(metrics[name] or {metric}, key=_metric_order)
        columns += [Column(task, name, one, role, *sizes) for one in ordered]
        holder = next(record for record in records if name in record.conditions)
        # Without a common metric there is no gap: 60 % of one and 50 % of another differ by nothing.
        if role == "shifted" and headline.get(id_condition(holder, name), metric) == metric:
            effects = ["gap", "relative-drop"]
            if declared[0]["kind"] == "transform":
                effects += ["selection", "modification"]
            columns += [Column(task, name, metric, effect, *sizes) for effect in effects]
    # Only shifts of one split and metric have a mean worth the name.
    there = {name for name, declared in declarations.items() if any(one.get("available", True) for one in declared)}
    gaps = [column for column in columns if column.role == "gap" and column.condition in there]
    bases = {
        id_condition(next(one for one in records if gap.condition in one.conditions), gap.condition) for gap in gaps
    }
    if len(gaps) > 1 and len(bases) == 1 and len({gap.metric for gap in gaps}) == 1:
        over = tuple(gap.condition for gap in gaps)
        columns += [Column(task, "all shifts", gaps[0].metric, role, over=over) for role in OVER_SHIFTS]
    return columns, headline


def id_condition(record: Record, condition: str) -> str:
    """What a shifted condition is compared with: the split it comes from, through any shifts between.

    A shifted split of its own (a test file under another distribution) comes from none: the first id condition.
    """
    origin = condition
    while (above := record.conditions.get(origin, {}).get("of")) is not None:
        origin = above
    if origin == condition and record.conditions.get(origin, {}).get("role") == "shifted":
        return next((name for name, one in record.conditions.items() if one.get("role", "id") == "id"), origin)
    return origin


def family(record: Record) -> tuple[str, str, bool]:
    """What the rows of one model have in common, whatever their options: its name, division, and whether it is limited."""
    return record.model, record.content.get("division", "closed"), record.limited


def _options(record: Record) -> tuple[str, tuple[tuple[str, str], ...]]:
    model = record.content["model"]
    code = {"code": model["code_sha256"]} if "code_sha256" in model else {}
    return model["spec_hash"], tuple(sorted({**(model.get("weights") or {}), **code}.items()))


@cache
def _short_hash(spec_hash: str, weights: tuple[tuple[str, str], ...]) -> str:
    return sha256_of([spec_hash, dict(weights)])[:8]


def _only(values) -> int | None:
    found = set(values)
    return found.pop() if len(found) == 1 else None


def _metric_order(metric: str) -> tuple:
    place = LEGS_FIRST.index(metric) if metric in LEGS_FIRST else len(LEGS_FIRST)
    return place, metric


def _reasons(content: tuple, main: tuple) -> str:
    reasons = []
    for name, mine, theirs in zip(("protocol hash", "data fingerprint"), content, main, strict=False):
        if mine != theirs:
            reasons.append(f"another {name} ({mine[:12]}, not {theirs[:12]})")
    if content[2] != main[2]:
        reasons.append("other metric versions")
    if content[3] != main[3]:
        reasons.append("other files behind its shifts")
    if content[4] != main[4]:
        names = sorted({name for name, _ in content[4] ^ main[4]})
        reasons.append(f"another version of the shift behind {', '.join(names)}")
    reasons += sorted(content[5] ^ main[5])
    return " and ".join(reasons)
