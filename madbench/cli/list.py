"""`madbench list models|protocols|tasks|shifts|runs|published`: name, version, origin."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from madbench.errors import one_line


class Kind(StrEnum):
    models = "models"
    protocols = "protocols"
    tasks = "tasks"
    shifts = "shifts"
    runs = "runs"
    published = "published"


def list_command(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    out: Annotated[Path, typer.Option(help="The folder of run folders, for `list runs`.")] = Path("runs"),
    plugin: Annotated[list[str] | None, typer.Option(help="A file or module that registers adapters.")] = None,
) -> None:
    """List models, protocols, tasks, shifts, runs or results.

    A broken YAML file is listed as broken, and makes the exit code 2.
    """
    import json

    from madbench.plugins import load_plugin

    for one in plugin or []:
        load_plugin(one)
    rows = list_runs(out) if kind is Kind.runs else LISTS[kind]()
    if as_json:
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        typer.echo(as_table(rows) if rows else f"no {kind.value}")
    if any("problem" in row for row in rows):
        raise typer.Exit(2)


def list_models() -> list[dict[str, Any]]:
    from madbench.models.load import MODELS, adapter_without_file, added_adapters
    from madbench.registry import ADAPTERS

    rows = [_entry(entry, ("adapter", "summary")) for entry in MODELS.entries()]
    named = {row["name"] for row in rows}
    for name in added_adapters():
        if name not in named:
            model = adapter_without_file(name)
            origin = ADAPTERS.origin(name)
            rows.append(
                {
                    "name": name,
                    "version": model.version,
                    "origin": origin,
                    "adapter": model.adapter,
                    "summary": model.summary,
                }
            )
    return sorted(rows, key=lambda row: row["name"])


def list_protocols() -> list[dict[str, Any]]:
    from madbench.protocols import PROTOCOLS

    return [_entry(entry, ("summary",)) for entry in PROTOCOLS.entries()]


def list_tasks() -> list[dict[str, Any]]:
    from madbench.registry import TASKS

    rows = []
    for name in TASKS.names():
        task = TASKS.load(name)
        version = task.metric_versions.get(task.primary, "1")
        rows.append(
            {
                "name": name,
                "version": version,
                "origin": TASKS.origin(name),
                "primary": task.primary,
                "legs": list(task.legs),
                "input": task.input_convention,
            }
        )
    return rows


def list_shifts() -> list[dict[str, Any]]:
    from madbench.registry import TASKS

    return [
        {
            "name": shift.name,
            "version": shift.version,
            "origin": TASKS.origin(name),
            "task": name,
            "kind": shift.kind,
            "summary": shift.card.strip().split(". ")[0].splitlines()[0].rstrip("."),
        }
        for name in TASKS.names()
        for shift in TASKS.load(name).shifts().values()
    ]


def list_runs(out: Path) -> list[dict[str, Any]]:
    """One line a finished or failed cell below a folder; none when there is no such folder."""
    from madbench.report.records import load_runs

    if not out.is_dir():
        return []
    runs = load_runs([out])
    rows = [
        {
            "name": record.content["run_id"],
            "version": record.content["schema_version"],
            "origin": str(record.folder),
            "model": record.model,
            "protocol": record.protocol,
            "task": record.task,
            "source": record.source,
            "draw": record.run[0],
            "seed": record.run[1],
            "state": "done" if record.content["comparable"] else "done, not comparable",
        }
        for record in runs.records
    ]
    for failure in runs.failures:
        rows.append(
            {
                "name": "-",
                "version": 1,
                "origin": str(out),
                "model": failure.model,
                "protocol": failure.protocol,
                "task": failure.task,
                "source": failure.source,
                "draw": failure.draw,
                "seed": failure.seed,
                "state": f"failed: {failure.error}",
            }
        )
    return rows


def list_published() -> list[dict[str, Any]]:
    """Every row of leaderboards/published.yaml, recalled ones told apart by their status."""
    from madbench.report.published import load_published

    rows = []
    for row in load_published():
        figures = ", ".join(f"{metric} {value:g}" for metric, value in zip(row.metric, row.value, strict=True))
        rows.append(
            {
                "name": row.model,
                "version": row.variant,
                "origin": row.source,
                "task": row.task,
                "split": row.split,
                "status": row.status if row.confidence is None else f"{row.status} ({row.confidence})",
                "result": figures or row.claim,
                "conditions": row.conditions,
            }
        )
    return rows


LISTS = {
    Kind.models: list_models,
    Kind.protocols: list_protocols,
    Kind.tasks: list_tasks,
    Kind.shifts: list_shifts,
    Kind.published: list_published,
}


def _entry(entry: Any, fields: Sequence[str]) -> dict[str, Any]:
    """A catalogue entry as a row; `problem` only when the file is broken."""
    if entry.spec is None:
        return {"name": entry.name, "version": None, "origin": entry.origin, "problem": str(entry.problem)}
    row = {"name": entry.spec.name, "version": entry.spec.version, "origin": entry.origin}
    return row | {field: getattr(entry.spec, field) for field in fields}


def as_table(rows: Sequence[dict[str, Any]]) -> str:
    """Aligned columns under their names; the last one runs as long as it likes."""
    columns = [column for column in rows[0] if column != "problem"]
    for row in rows:
        columns += [column for column in row if column not in columns and column != "problem"]
    body = [[_cell(row, column) for column in columns] for row in rows]
    widths = [max(len(line[place]) for line in [columns, *body]) for place in range(len(columns))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in [columns, *body]
    )


def _cell(row: dict[str, Any], column: str) -> str:
    if column == "summary" and "problem" in row:
        return f"BROKEN: {one_line(row['problem'].splitlines()[0])}"
    value = row.get(column)
    if isinstance(value, list):
        return ",".join(map(str, value))
    return "-" if value is None else one_line(str(value))
