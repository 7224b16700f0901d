"""Records to boards: what stands beside what, and the numbers. Formats only lay out what is decided here.

    Board -> tables (one protocol, one source) -> rows (one model) -> cells (one column)

One table = one protocol task hash and one data fingerprint per task. The combination with most records stands in the
main table of its protocol and source; every other one gets a table of its own that says why.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from madbench.errors import DataMissing, UsageError, did_you_mean
from madbench.files import sha256_of
from madbench.report import cells, notes
from madbench.report.curves import Curve, Point, build_curves, rounded
from madbench.report.design import design_lines
from madbench.report.groups import MINIMUM, Worst, worst_groups
from madbench.report.inline import plain
from madbench.report.numbers import Group, Standing
from madbench.report.predictions import CONTROL, Predictions, main_metric
from madbench.report.ranking import corrected, ranks_of
from madbench.report.records import Failure, Record, Runs
from madbench.report.statistics import Estimate

MINI = "mini"
BOARDS = ("protocol", "curve", "shift", "cost", "groups")
BASELINE = "student"

OVER_SHIFTS = ("shift-mean", "shift-worst", "mean-gap", "mean-relative-drop")

LEGS_FIRST = ("q2a", "qa2r", "q2ar", "accuracy", "vqa_accuracy")

COSTS = {
    "updates": ("usage", "updates"),
    "examples_seen": ("usage", "examples_seen"),
    "sequences_seen": ("usage", "sequences_seen"),
    "fit_s": ("timing", "fit_s"),
    "teacher_s": ("timing", "teacher_s"),
    "predict_s": ("timing", "predict_s"),
    "peak_rss_mb": ("memory", "peak_rss_mb"),
    "peak_cuda_mb": ("memory", "peak_cuda_mb"),
    "parameters_inference": ("model", "parameters", "inference"),
    "parameters_training": ("model", "parameters", "total"),
    "labels_train": ("labels", "train"),
    "labels_select": ("labels", "select"),
    "labels_tune": ("labels", "tune"),
    "labels_teacher": ("labels", "teacher"),
    "labels_vocabulary": ("labels", "vocabulary"),
    "unlabelled": ("labels", "unlabelled"),
}


@dataclass(frozen=True)
class Column:
    """What a number is of.

    role: `id`, `shifted`, `control`, `complement` (metrics of a condition), or, for a shifted condition and the primary
    metric, `gap` (id - shifted), `selection` (id - control), `modification` (control - shifted), `relative-drop`
    (gap / id). Over all shifts of a task: `shift-mean`, `shift-worst`, `mean-gap`, `mean-relative-drop`; over: those shifts. items, images: sizes of the evaluation set, None where runs differ.
    """

    task: str
    condition: str
    metric: str
    role: str
    items: int | None = None
    images: int | None = None
    over: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cell:
    """state: `done`, `missing` (not run), `failed`, `unavailable` (the source lacks the files of the condition).

    difference: to the baseline; its `verdict` is corrected for the other rows of the column.
    exposed: whether the initial weights saw something of the condition, or of the one it is compared with.
    about: which shift is the worst.
    rank: 1 + the number of closed rows that are significantly better in this column, None where nothing could be tested.
    """

    state: str
    estimate: Estimate | None = None
    difference: Estimate | None = None
    exposed: bool = False
    rank: int | None = None
    about: str | None = None


@dataclass
class Row:
    """One model, or one variant of it. costs: task -> name -> mean over runs, None where the records do not say.

    seen: its weights declare what they saw, and the records do not say what that exposes. white_box: a condition here
    was made to mislead this very model. points: task -> its point of a low-shot curve. worst: task -> worst groups.
    """

    label: str
    model: str
    blind: bool
    limited: bool
    division: str
    seen: bool
    baseline: bool = False
    white_box: bool = False
    cells: dict[Column, Cell] = field(default_factory=dict)
    costs: dict[str, dict[str, float | None]] = field(default_factory=dict)
    points: dict[str, Point] = field(default_factory=dict)
    worst: dict[str, list[Worst]] = field(default_factory=dict)


@dataclass
class Table:
    """One protocol on one source. why: why this is not the main table, or empty.

    headline: (task, condition) -> the metric that stands for it: the task's primary one, or another where a condition
    is scored otherwise (GQA-OOD has one answer a question, so no soft accuracy).
    """

    protocol: str
    source: str
    why: str
    tasks: list[str]
    primary: dict[str, str]
    headline: dict[tuple[str, str], str]
    columns: list[Column]
    rows: list[Row]
    facts: dict[str, dict[str, str]]
    notes: list[str]
    incomplete: list[str]


@dataclass(frozen=True)
class Extent:
    """Which boards are wanted, and the fewest items of a group that the worst-group board looks at.

    units: (source, task) -> numbers of images by name, which the tables of a board share.
    """

    shown: tuple[str, ...] = BOARDS
    minimum: int = MINIMUM
    units: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)


@dataclass
class Board:
    """tables: mini before real. incomplete: failures outside every table. problems: what `--strict` refuses."""

    baseline: str
    tables: list[Table]
    incomplete: list[str]
    problems: list[str]
    published: list = field(default_factory=list)
    interval: str = "t"
    extent: Extent = field(default_factory=lambda: Extent())
    curves: list[Curve] = field(default_factory=list)

    @property
    def shown(self) -> tuple[str, ...]:
        return self.extent.shown

    @property
    def minimum(self) -> int:
        return self.extent.minimum


def build_board(
    runs: Runs,
    *,
    baseline: str = BASELINE,
    include_limited: bool = False,
    interval: str = "t",
    extent: Extent | None = None,
) -> Board:
    """Raises DataMissing without a record to show, UsageError for a baseline nobody ran, NotComparable for a clash."""
    limited = [record for record in runs.records if record.limited]
    records = [record for record in runs.records if include_limited or not record.limited]
    if not records:
        raise _nothing(runs, limited)
    models = {record.model for record in records}
    if baseline != BASELINE and baseline.partition("#")[0] not in models:
        hint = did_you_mean(baseline, models)
        raise UsageError(
            f"no record of the baseline '{baseline}'" + (f"; {hint}" if hint else ""),
            fix=f"choose one of {', '.join(sorted(models))}",
        )
    board = Board(baseline, [], [], [], interval=interval, extent=extent or Extent())
    sections: dict[tuple, list[Record]] = defaultdict(list)
    for record in records:
        # mini first, real after it: published results close the page and must not touch mini.
        sections[record.source != MINI, record.source, record.protocol].append(record)
    placed = set()
    for key in sorted(sections):
        here = [one for one in runs.failures if (one.source != MINI, one.source, one.protocol) == key]
        hidden = [] if include_limited else [one for one in limited if (one.source, one.protocol) == key[1:]]
        placed.update(map(id, here))
        for place, (why, part) in enumerate(split_by_content(sections[key])):
            main = place == 0
            table, problems = build_table(
                part, why, here if main else [], hidden if main else [], baseline, interval, board.extent
            )
            board.tables.append(table)
            board.problems += [f"{table.protocol} on {table.source}: {problem}" for problem in problems]
    if "curve" in board.shown:
        board.curves = build_curves(board.tables, baseline)
    board.incomplete = [notes.failure_line(one) for one in runs.failures if id(one) not in placed]
    board.problems += board.incomplete
    return board


def split_by_content(records: Sequence[Record]) -> list[tuple[str, list[Record]]]:
    """Tables of one protocol and source: (why it stands apart, records); the main table first, its reason empty."""
    combinations: dict[str, dict[tuple, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        combinations[record.task][content_of(record)].append(record)
    main: list[Record] = []
    apart = []
    for task in sorted(combinations):
        ordered = sorted(combinations[task].items(), key=lambda item: (-len(item[1]), item[0]))
        main += ordered[0][1]
        for content, others in ordered[1:]:
            apart.append((_why(task, content, ordered[0][0]), others))
    return [("", main), *apart]


def content_of(record: Record) -> tuple[str, str, tuple, tuple]:
    """What must be equal in one column: protocol part, data, the versions of the metrics, and the files of shifts."""
    versions = next(
        (one.get("metric_versions") or {} for one in record.conditions.values() if one.get("role") == "id"), {}
    )
    content = record.content
    files = sorted((name, tuple(one["files"])) for name, one in record.conditions.items() if one.get("files"))
    return (
        content["protocol"]["task_hash"],
        content["data"]["fingerprint"],
        tuple(sorted(versions.items())),
        tuple(files),
    )


def build_table(
    records: Sequence[Record],
    why: str,
    failures: Sequence[Failure],
    hidden: Sequence[Record],
    baseline: str,
    interval: str = "t",
    extent: Extent | None = None,
) -> tuple[Table, list[str]]:
    """One table and what is wrong with it."""
    extent = extent or Extent()
    tasks = sorted({record.task for record in records}, key=lambda task: (task != "vcr", task))
    columns = [column for task in tasks for column in columns_of([one for one in records if one.task == task])]
    rows = rows_of(records, interval, extent)
    groups = {label: by_task for label, (_, by_task) in rows.items()}
    table_rows = [row for row, _ in rows.values()]
    problems: list[str] = []
    for task in tasks:
        _fill_task(task, columns, rows, baseline, failures, problems, extent)
    failed_only = {one.model for one in failures} - {row.model for row in table_rows}
    for model in sorted(failed_only):
        row = Row(model, model, False, False, "closed", seen=False)
        row.cells = {column: _absent(row, column.task, failures) for column in columns}
        table_rows.append(row)
    table_rows.sort(key=lambda row: (not row.baseline, not row.blind, row.label))
    table = Table(
        protocol=records[0].protocol,
        source=records[0].source,
        why=why,
        tasks=tasks,
        primary={record.task: record.content["primary"] for record in records},
        headline={
            (task, name): metric
            for task in tasks
            for name, metric in headlines([one for one in records if one.task == task]).items()
        },
        columns=columns,
        rows=table_rows,
        facts=notes.facts(records, tasks),
        notes=notes.notes(records, groups, hidden, baseline, any(row.baseline for row in table_rows)),
        incomplete=notes.incomplete(groups, tasks, failures),
    )
    table.notes += [*design_lines(table, baseline), *map(plain, problems)]
    if why:
        problems.append(f"mixed: {why}")
    problems += table.incomplete
    problems += sorted({f"limited: {record.where()}" for record in [*hidden, *records] if record.limited})
    return table, problems


def rows_of(
    records: Sequence[Record], interval: str = "t", extent: Extent | None = None
) -> dict[str, tuple[Row, dict[str, Group]]]:
    """label -> the row and its runs by task. Options or weights that differ under one name make several rows."""
    variants: dict[tuple, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for record in records:
        variants[_family(record)][record.task].add(_variant(record))
    units = {} if extent is None else extent.units
    readers = {
        task: Predictions(units.setdefault((source, task), {}))
        for source, task in sorted({(record.source, record.task) for record in records})
    }
    rows: dict[str, tuple[Row, dict[str, Group]]] = {}
    for record in records:
        several = any(len(found) > 1 for found in variants[_family(record)].values())
        model = record.content["model"]
        division = record.content.get("division", "closed")
        label = record.model + (f"#{_variant(record)}" if several else "")
        label += "" if division == "closed" else f" ({division})"
        label += "*" if record.limited else ""
        if label not in rows:
            seen = bool(model.get("seen")) and "exposure" not in record.content
            row = Row(label, record.model, bool(model.get("blind")), record.limited, division, seen)
            rows[label] = row, {}
        rows[label][0].white_box |= any(
            notes.attack_model(condition) == record.model for condition in record.conditions.values()
        )
        group = rows[label][1].setdefault(record.task, Group({}, readers[record.task], interval))
        if record.run in group.runs:
            raise notes.clash(record, group.runs[record.run])
        group.runs[record.run] = record
    return rows


def columns_of(records: Sequence[Record]) -> list[Column]:
    """Every condition and metric of one task, each shifted condition followed by its effects."""
    task = records[0].task
    headline = headlines(records)
    columns = []
    for name, metric in headline.items():
        declared = [record.conditions[name] for record in records if name in record.conditions]
        metrics = {one for condition in declared for one in condition.get("metrics") or {}} or {metric}
        sizes = [_only(one.get(size) for one in declared if one.get("available", True)) for size in ("n", "n_images")]
        role = declared[0].get("role", "id")
        columns += [Column(task, name, one, role, *sizes) for one in sorted(metrics, key=_metric_order)]
        holder = next(record for record in records if name in record.conditions)
        # Without a common metric there is no gap: 60 % of one and 50 % of another differ by nothing.
        if role == "shifted" and headline.get(_id_condition(holder, name), metric) == metric:
            effects = ["gap", "relative-drop"]
            if declared[0]["kind"] == "transform":
                effects += ["selection", "modification"]
            columns += [Column(task, name, metric, effect, *sizes) for effect in effects]
    # Only shifts of one split and metric have a mean worth the name.
    gaps = [column for column in columns if column.role == "gap"]
    bases = {
        _id_condition(next(one for one in records if gap.condition in one.conditions), gap.condition) for gap in gaps
    }
    if len(gaps) > 1 and len(bases) == 1 and len({gap.metric for gap in gaps}) == 1:
        over = tuple(gap.condition for gap in gaps)
        columns += [Column(task, "all shifts", gaps[0].metric, role, over=over) for role in OVER_SHIFTS]
    return columns


def headlines(records: Sequence[Record]) -> dict[str, str]:
    """condition -> the metric that stands for it; records: of one task. In the order of the records' conditions."""
    metrics: dict[str, set[str]] = {}
    for record in records:
        for name, condition in record.conditions.items():
            metrics.setdefault(name, set()).update(condition.get("metrics") or {})
    return {name: main_metric(found, records[0].content["primary"]) for name, found in metrics.items()}


def baseline_of(rows: Mapping[str, tuple[Row, dict[str, Group]]], task: str, baseline: str) -> Row | None:
    """The row others are compared with in a task; None when there is none, or more than one by that name."""
    here = [row for row, groups in rows.values() if task in groups and baseline in (row.label, row.model)]
    full = [row for row in here if not row.limited] or here
    return full[0] if len(full) == 1 else None


def _fill_task(task, columns, rows, baseline, failures, problems, extent) -> None:
    reference = baseline_of(rows, task, baseline)
    standard = None
    if reference is not None:
        reference.baseline = True
        standard = rows[reference.label][1][task]
    columns = [column for column in columns if column.task == task]
    compared = [column for column in columns if column.role in ("id", "shifted")]
    standings: dict[Column, dict[str, Standing]] = {column: {} for column in compared}
    here = [record for _, groups in rows.values() if task in groups for record in groups[task].runs.values()]
    primary = here[0].content["primary"] if here else ""
    metrics: dict[str, set[str]] = defaultdict(set)
    for column in compared:
        metrics[column.condition].add(column.metric)
    main = {condition: main_metric(found, primary) for condition, found in metrics.items()}
    shares = [found for record in here if (found := record.content["data"].get("train_fraction")) is not None]
    fraction = rounded(sum(shares) / len(shares)) if shares else None
    for row, groups in rows.values():
        group = groups.get(task)
        if group is None:
            row.cells.update({column: _absent(row, task, failures) for column in columns})
            continue
        for column in columns:
            row.cells[column] = _cell(group, column, None if row is reference else standard)
        for column in [] if row.limited else compared:
            standing = group.totals(column.condition, column.metric)
            if standing is not None:
                standings[column][row.label] = standing
        row.costs[task] = {name: group.average(*path) for name, path in COSTS.items()}
        if "curve" in extent.shown and (point := _point(row, group, columns, fraction)) is not None:
            row.points[task] = point
        if "groups" in extent.shown:
            row.worst[task] = worst_groups(group, main, extent.minimum)
        problems += [problem for problem in group.problems if problem not in problems]
        if group is not standard:
            group.forget()
    closed = [row.label for row, _ in rows.values() if row.division == "closed" and not row.limited]
    limited = [row.label for row, _ in rows.values() if row.limited]
    for column in compared:
        differences = corrected({row.label: row.cells[column].difference for row, _ in rows.values()}, limited)
        ranks = ranks_of(standings.pop(column), closed, column.condition, column.metric)
        for row, _ in rows.values():
            row.cells[column] = replace(row.cells[column], difference=differences[row.label], rank=ranks.get(row.label))
    for _, groups in rows.values():
        if task in groups:
            groups[task].forget()  # pairs with other draws than most were read once more


def _cell(group: Group, column: Column, standard: Group | None) -> Cell:
    if not group.unavailable().isdisjoint({column.condition, *column.over}):
        return Cell("unavailable")
    if column.over:
        found, about = _over_shifts(group, column)
        return Cell("missing" if found is None else "done", found, about=about)
    difference = None
    conditions = {column.condition.partition(":")[0]}
    if column.role in ("id", "shifted"):
        found = group.metric(column.condition, column.metric)
        if standard is not None and found is not None:
            difference = group.difference(standard, column.condition, column.metric)
    elif column.role in ("control", "complement"):
        found = group.metric(column.condition, column.metric)
    else:
        found = _effect(group, column)
        conditions.add(_id_condition(group.any, column.condition))
    exposed = not group.exposed().isdisjoint(conditions)
    return Cell("missing" if found is None else "done", found, difference, exposed and found is not None)


def _point(row: Row, group: Group, columns: Sequence[Column], fraction: float | None) -> Point | None:
    """The row's point of a low-shot curve: its score on the first unshifted condition."""
    data = group.any.content["data"]
    column = next((one for one in columns if one.role == "id" and one.metric == group.any.content["primary"]), None)
    if column is None or fraction is None:
        return None
    found = group.metric(column.condition, column.metric)
    if found is None:
        return None
    versions = group.any.conditions[column.condition].get("metric_versions") or {}
    return Point(
        fraction,
        cells.label(row).text,
        column.condition,
        column.metric,
        versions.get(column.metric, "1"),
        column.items,
        bool((data.get("answer_space") or {}).get("closed")),
        group.any.content["model"]["spec_hash"],
        found,
        group.totals(column.condition, column.metric),
    )


def _over_shifts(group: Group, column: Column) -> tuple[Estimate | None, str | None]:
    """A number over all shifts of a task, and for the worst of them its name; None where a shift has no score."""
    shifts = column.over
    weights = {name: 1 / len(shifts) for name in shifts}
    if column.role == "shift-mean":
        return group.combination(column.metric, weights), None
    if column.role == "shift-worst":
        found = {name: group.metric(name, column.metric) for name in shifts}
        if any(one is None for one in found.values()):
            return None, None
        worst = min(found, key=lambda name: (found[name].value, name))
        return found[worst], worst
    base = _id_condition(group.any, shifts[0])
    gap = group.combination(column.metric, {base: 1.0, **{name: -weight for name, weight in weights.items()}})
    if column.role == "mean-gap":
        return gap, None
    start = group.metric(base, column.metric)
    if gap is None or start is None or start.value == 0:
        return None, None
    return Estimate(gap.value / start.value).over(**group.counts()), None


def _effect(group: Group, column: Column) -> Estimate | None:
    shifted = column.condition
    base = _id_condition(group.any, shifted)
    if column.role == "selection":
        return group.contrast(column.metric, base, shifted + CONTROL)
    if column.role == "modification":
        return group.contrast(column.metric, shifted + CONTROL, shifted)
    if column.role == "gap":
        return group.contrast(column.metric, base, shifted)
    start, end = group.metric(base, column.metric), group.metric(shifted, column.metric)
    if start is None or end is None or start.value == 0:
        return None
    return Estimate((start.value - end.value) / start.value).over(**group.counts())


def _id_condition(record: Record, condition: str) -> str:
    """What a shifted condition is compared with: the split it comes from, through any shifts between.

    A shifted split of its own (a test file under another distribution) comes from none: the first id condition.
    """
    origin = condition
    while (above := record.conditions.get(origin, {}).get("of")) is not None:
        origin = above
    if origin == condition and record.conditions.get(origin, {}).get("role") == "shifted":
        return next((name for name, one in record.conditions.items() if one.get("role", "id") == "id"), origin)
    return origin


def _absent(row: Row, task: str, failures: Sequence[Failure]) -> Cell:
    return Cell("failed" if any((one.model, one.task) == (row.model, task) for one in failures) else "missing")


def _family(record: Record) -> tuple:
    return record.model, record.content.get("division", "closed"), record.limited


def _variant(record: Record) -> str:
    model = record.content["model"]
    return _short_hash(model["spec_hash"], tuple(sorted((model.get("weights") or {}).items())))


@cache
def _short_hash(spec_hash: str, weights: tuple[tuple[str, str], ...]) -> str:
    return sha256_of([spec_hash, dict(weights)])[:8]


def _only(values) -> int | None:
    found = set(values)
    return found.pop() if len(found) == 1 else None


def _metric_order(metric: str) -> tuple:
    place = LEGS_FIRST.index(metric) if metric in LEGS_FIRST else len(LEGS_FIRST)
    return place, metric


def _why(task: str, content: tuple, main: tuple) -> str:
    reasons = []
    for name, mine, theirs in zip(("protocol hash", "data fingerprint"), content, main, strict=False):
        if mine != theirs:
            reasons.append(f"another {name} ({mine[:12]}, not {theirs[:12]})")
    if content[2] != main[2]:
        reasons.append("other metric versions")
    if content[3] != main[3]:
        reasons.append("other files behind its shifts")
    return f"{notes.task_title(task)} stands apart from the table above: {' and '.join(reasons)}."


def _nothing(runs: Runs, limited: Sequence[Record]) -> DataMissing:
    if limited:
        count = Counter(record.model for record in limited)
        return DataMissing(
            f"all {len(limited)} records are limited ({', '.join(sorted(count))}) and limited records are hidden",
            fix="run without --limit, or add --include-limited to look at them",
        )
    failed = f" ({len(runs.failures)} failed cells)" if runs.failures else ""
    return DataMissing(
        f"no records to report on{failed}", fix="run `madbench run --model mad --protocol lowshot-1pct` first"
    )
