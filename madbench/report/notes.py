"""The sentences below a table: what to keep in mind, what is not there, what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from madbench.report.answer_space import vocabularies
from madbench.report.grouping import family
from madbench.report.inline import code, codes, plain
from madbench.report.marks import attacks, declared
from madbench.report.records import Failure, Record
from madbench.report.redaction import redacted
from madbench.report.titles import task_title

OUR_READING = (
    "MAD and CLIP-TD: the abstracts are implemented as stated, everything else is our reading; "
    "see `madbench show model mad`."
)
MINI_LINE = (
    "mini is madbench's own embedded, procedural data: these numbers compare models with each other on it, and say "
    "nothing about the real data sets."
)


def no_baseline(baseline: str, task: str = "", rows: Sequence[str] = ()) -> str:
    """Why a task (or, without one, a table) has no differences. rows: those that could be the baseline, if several."""
    where = f" on {task_title(task)}" if task else ""
    if rows:
        return (
            f"No differences{where}: {len(rows)} rows could be the baseline {code(baseline)}: {codes(rows)}; "
            "choose one with `--baseline`."
        )
    return f"No differences{where}: no row of the baseline {code(baseline)} is here."


def notes(records: Sequence[Record], groups: Mapping, hidden: Sequence[Record]) -> list[str]:
    """Sentences for below the table, in a fixed order."""
    lines = []
    if records[0].source == "mini":
        lines.append(MINI_LINE)
    if any(record.model.startswith(("mad", "clip-td")) for record in records):
        lines.append(OUR_READING)
    lines += declared(groups)
    lines += attacks(records)
    lines += _data_notes(records)
    lines += vocabularies(records, groups)
    supervised = sorted({record.model for record in records if (record.content.get("labels") or {}).get("teacher")})
    if supervised:
        whose = " (mini: the scene attributes its CLIP was trained on)" if records[0].source == "mini" else ""
        lines.append(
            f"The teachers or frozen encoders of {codes(supervised)} saw supervision from this task's data{whose}; it is counted under "
            "`labels: teacher`."
        )
    if hidden:
        names = sorted({record.model for record in hidden})
        reasons = sorted({reason for record in hidden for reason in record.content.get("not_comparable_because") or []})
        because = f": {plain(redacted('; '.join(reasons)))}" if reasons else ""
        lines.append(
            f"Hidden: {len(hidden)} limited records of {codes(names)}{because} (`--include-limited` shows them)."
        )
    bare = [record for record in records if not record.has_predictions]
    if bare:
        lines.append(
            f"No predictions lie beside {len(bare)} of {len(records)} records, so their rows have no interval."
        )
    return lines


def incomplete(groups: Mapping, tasks: Sequence[str], failures: Sequence[Failure]) -> list[str]:
    """What rows lack of the runs that some row has, then what failed."""
    lines = []
    families = {label: family(next(iter(by_task.values())).any) for label, by_task in groups.items()}
    for task in tasks:
        elsewhere = {families[label] for label in groups if task in groups[label]}
        grid = sorted({run for by_task in groups.values() if task in by_task for run in by_task[task].runs})
        for label in sorted(groups):
            has = groups[label][task].runs if task in groups[label] else {}
            lacking = [run for run in grid if run not in has]
            # Where a model has several variants in a task, its row of the other tasks has none there.
            if lacking and (has or families[label] not in elsewhere):
                what = "all runs" if not has else ", ".join(f"draw {draw} seed {seed}" for draw, seed in lacking)
                lines.append(f"not run: {label}, {task_title(task)}: {what}")
        for label in sorted(label for label in groups if task in groups[label]):
            lines += [f"not scored: {label}, {task_title(task)}: {what}" for what in _unscored(groups[label][task])]
    return lines + [failure_line(failure) for failure in failures]


def limited_only(records: Sequence[Record]) -> list[str]:
    """Protocols of which there are limited records only: without a line they would be gone without a trace."""
    found: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        found.setdefault((record.protocol, record.source), []).append(record)
    return [
        f"limited: {protocol} on {source}: {len(here)} records of {', '.join(sorted({one.model for one in here}))} are hidden "
        "(--include-limited shows them)"
        for (protocol, source), here in sorted(found.items())
    ]


def _unscored(group: Any) -> list[str]:
    """Conditions that some runs of a row have and others lack: a mean over part of the runs is not shown."""
    lines = []
    scored: dict[str, list[tuple[int, int]]] = {}
    for run, record in group.runs.items():
        for name, condition in record.conditions.items():
            if condition.get("metrics"):
                scored.setdefault(name, []).append(run)
    for name, runs in scored.items():
        lacking = [f"draw {draw} seed {seed}" for draw, seed in sorted(group.runs.keys() - set(runs))]
        if lacking:
            lines.append(f"{name} in {', '.join(lacking)}")
    return lines


def failure_line(failure: Failure) -> str:
    return f"failed: {failure.where()} ({failure.source}): {failure.error}"


def _data_notes(records: Sequence[Record]) -> list[str]:
    lines = []
    for task in sorted({record.task for record in records}):
        here = [record.content["data"] for record in records if record.task == task]
        if any(data.get("official") is False for data in here) and records[0].source != "mini":
            problems = sorted({redacted(problem) for data in here for problem in data.get("official_problems") or []})
            more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
            example = f": {plain(problems[0])}{more}" if problems else ""
            lines.append(f"{task_title(task)}: not official counts{example}.")
        if any(data.get("image_overlap") == "by-construction" for data in here):
            lines.append(
                f"{task_title(task)}: training and evaluation share images by construction of the protocol "
                "(no question is shared)."
            )
        absent = sorted(
            {
                (name, redacted(condition.get("reason") or "the source lacks its files"))
                for record in records
                if record.task == task
                for name, condition in record.conditions.items()
                if not condition.get("available", True)
            }
        )
        lines += [
            f"{task_title(task)}: condition {code(name)} is not available: {plain(reason)}." for name, reason in absent
        ]
        lines += _counts([record for record in records if record.task == task])
    return lines


def _counts(records: Sequence[Record]) -> list[str]:
    """What the files of a shift left as it was: rows, told and not lost."""
    said = set()
    for record in records:
        for name, condition in record.conditions.items():
            if (about := condition.get("about")) and (text := _numbers(about)):
                said.add(f"{task_title(record.task)} {plain(name)}: {text}.")
    return sorted(said)


def _numbers(facts: Mapping[str, Any]) -> str:
    """`rows without scores 12, relabelled 3` from counts, in their order; whatever is no count is left out."""
    return ", ".join(
        f"{plain(name.replace('_', ' '))} {count:,}" for name, count in facts.items() if type(count) is int
    )
