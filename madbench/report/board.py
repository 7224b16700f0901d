"""Records to boards: what stands beside what, and the numbers. Formats only lay out what is decided here.

    Board -> tables (one protocol, one source) -> rows (one model) -> cells (one column)

One table = one protocol task hash and one data fingerprint per task. The combination with most records stands in the
main table of its protocol and source; every other one gets a table of its own that says why, or, when asked for
(`mixed`), rows of its own in the same table (mixing.py).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

from madbench.errors import DataMissing, UsageError, did_you_mean
from madbench.report.curves import build_curves, rounded
from madbench.report.design import design_lines
from madbench.report.facts import facts, undeclared
from madbench.report.filling import absent, baseline_of, candidates, fill_task
from madbench.report.grouping import Part, columns_of, rows_of, split_by_content
from madbench.report.inline import plain
from madbench.report.mixing import suffix, together
from madbench.report.notes import failure_line, incomplete, limited_only, no_baseline, notes
from madbench.report.records import Failure, Record, Runs
from madbench.report.tables import BASELINE, MINI, Board, Column, Extent, Row, Table
from madbench.report.titles import task_title


def build_board(
    runs: Runs,
    *,
    baseline: str = BASELINE,
    include_limited: bool = False,
    interval: str = "t",
    extent: Extent | None = None,
    mixed: bool = False,
) -> Board:
    """Raises DataMissing without a record to show, UsageError for a baseline nobody ran, NotComparable for a clash."""
    limited = [record for record in runs.records if record.limited]
    records = [record for record in runs.records if include_limited or not record.limited]
    if not records:
        raise _nothing(runs, limited)
    board = Board(baseline, [], [], [], interval=interval, extent=extent or Extent())
    sections: dict[tuple, list[Record]] = defaultdict(list)
    for record in records:
        # mini first, real after it: published results close the page and must not touch mini.
        sections[record.source != MINI, record.source, record.protocol].append(record)
    placed = set()
    for key in sorted(sections, key=lambda key: (*key[:2], _fraction(sections[key]), key[2])):
        here = [one for one in runs.failures if (one.source != MINI, one.source, one.protocol) == key]
        hidden = [] if include_limited else [one for one in limited if (one.source, one.protocol) == key[1:]]
        placed.update(map(id, here))
        parts = split_by_content(sections[key])
        tables, problems = [], []
        for place, part in enumerate(parts):
            found = (here, hidden) if place == 0 else ([], [])
            table, said = build_table(part, *found, baseline, interval, board.extent, suffix(place) if mixed else "")
            tables.append(table)
            problems += said
        if mixed and len(tables) > 1:
            tables = [together(tables, parts)]
        for table in tables:
            finish(table, baseline)
        board.tables += tables
        board.problems += [f"{tables[0].protocol} on {tables[0].source}: {problem}" for problem in problems]
    if baseline != BASELINE:
        _refuse_unknown(baseline, board.tables)
    if "curve" in board.shown:
        board.curves = build_curves(board.tables)
    unseen = [
        one for one in limited if not include_limited and (one.source != MINI, one.source, one.protocol) not in sections
    ]
    board.incomplete = [failure_line(one) for one in runs.failures if id(one) not in placed] + limited_only(unseen)
    board.problems += board.incomplete
    return board


def build_table(
    part: Part,
    failures: Sequence[Failure],
    hidden: Sequence[Record],
    baseline: str,
    interval: str = "t",
    extent: Extent | None = None,
    suffix: str = "",
) -> tuple[Table, list[str]]:
    """One table and what is wrong with it. suffix: what is put behind the labels of its rows."""
    extent = extent or Extent()
    records = part.records
    tasks = sorted({record.task for record in records}, key=lambda task: (task != "vcr", task))
    columns: list[Column] = []
    headline: dict[tuple[str, str], str] = {}
    for task in tasks:
        found, metrics = columns_of([one for one in records if one.task == task])
        columns += found
        headline |= {(task, condition): metric for condition, metric in metrics.items()}
    rows = rows_of(records, interval, extent)
    table_rows = [row for row, _ in rows.values()]
    problems: list[str] = []
    unclear = {}
    for task in tasks:
        fill_task(task, columns, rows, baseline, failures, problems, extent)
        named = [row.label for row in candidates(rows, task, baseline)]
        if named and baseline_of(rows, task, baseline) is None:
            unclear[task] = sorted(named)
    failed_only = {one.model for one in failures} - {row.model for row in table_rows}
    for model in sorted(failed_only):
        row = Row(model, model, False, False, "closed", seen=False)
        row.cells = {column: absent(row, column.task, failures) for column in columns}
        table_rows.append(row)
    for row in table_rows:
        row.label += suffix
    groups = {row.label: by_task for row, by_task in rows.values()}
    table_rows.sort(key=lambda row: row.place)
    table = Table(
        protocol=records[0].protocol,
        source=records[0].source,
        why="" if suffix else part.why,
        tasks=tasks,
        primary={record.task: record.content["primary"] for record in records},
        headline=headline,
        columns=columns,
        rows=table_rows,
        facts=facts(records, tasks),
        notes=notes(records, groups, hidden),
        incomplete=incomplete(groups, tasks, failures),
        unclear=unclear,
    )
    table.doubts = list(problems)
    if part.why:
        problems.append(f"mixed: {task_title(part.task)}: {part.reasons}")
    problems += table.incomplete
    problems += [f"no item scores: {record.where()}" for record in records if not record.has_predictions]
    problems += undeclared(records)
    problems += sorted({f"limited: {record.where()}" for record in [*hidden, *records] if record.limited})
    return table, problems


def _fraction(records: Sequence[Record]) -> float:
    """The share of the training data by which tables are ordered, as curves have it; last what does not say."""
    found = [one for record in records if (one := record.content["data"].get("train_fraction")) is not None]
    return rounded(sum(found) / len(found)) if found else math.inf


def finish(table: Table, baseline: str) -> None:
    """The sentences that rest on the table as a whole."""
    compared = {task for row in table.rows if row.baseline for task in row.costs}
    for task in table.tasks if compared or table.unclear else [""]:
        if task not in compared:
            table.notes.insert(0, no_baseline(baseline, task, table.unclear.get(task, [])))
    table.notes += [*design_lines(table, baseline), *map(plain, table.doubts)]


def _refuse_unknown(baseline: str, tables: Sequence[Table]) -> None:
    known = {name for table in tables for row in table.rows if row.costs for name in (row.label, row.model)}
    if baseline not in known:
        hint = did_you_mean(baseline, known)
        raise UsageError(
            f"no record of the baseline '{baseline}'" + (f"; {hint}" if hint else ""),
            fix=f"choose one of {', '.join(sorted(known))}",
        )


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
