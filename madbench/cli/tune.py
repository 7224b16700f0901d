"""`madbench tune`: the same search of options for every row, on draws and rows that no table shows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from madbench.cli.run import Data, Device, Jobs, Model, OnError, Plugin, Precision, Quiet, Set, Task, Verbose, Weights


def tune_command(
    model: Model,
    protocol: Annotated[str, typer.Option("--protocol", help="The protocol whose recipe the trials follow.")],
    trials: Annotated[int, typer.Option("--trials", help="Trials of each model on each task, the same for all.")],
    task: Task = None,
    draws: Annotated[
        str, typer.Option("--draws", metavar="90-91", help="Draws of the search, 90 and up; scores are averaged.")
    ] = "90",
    space: Annotated[
        Path | None,
        typer.Option("--space", help="YAML with `tune: {option: {log: [low, high]}}`.", show_default=False),
    ] = None,
    search_seed: Annotated[int, typer.Option("--search-seed", help="Seed of the quasi-random points.")] = 0,
    data: Data = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of the trials.")] = Path("tuning"),
    write: Annotated[
        Path | None, typer.Option("--write", help="Model file to write (one model).", show_default=False)
    ] = None,
    write_dir: Annotated[
        Path | None,
        typer.Option("--write-dir", help="Folder to write MODEL-tuned.yaml files into.", show_default=False),
    ] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    set_: Set = None,
    weights: Weights = None,
    plugin: Plugin = None,
    jobs: Jobs = None,
    on_error: OnError = "stop",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Choose options of models: the same number of trials, at the same points, for all models named.

    The same command again goes on where it stopped. The labels a search used are in every record of a tuned model.
    """
    import json

    from madbench.cli.errors import show_errors
    from madbench.errors import Interrupted, UsageError
    from madbench.harness.device import resolve_precision
    from madbench.harness.tuning import TuneRequest
    from madbench.harness.tuning_run import tune

    if write is not None and (len(set(model)) > 1 or write_dir is not None):
        raise UsageError("--write names one file, of one model", fix="use --write-dir alone")

    def place(name: str) -> Path | None:
        return write if write_dir is None else write_dir / f"{name}-tuned.yaml"

    request = TuneRequest(
        models=model,
        protocol=protocol,
        trials=trials,
        tasks=task or (),
        draws=draws,
        seed=search_seed,
        data=data or (),
        out=out,
        space=space,
        overrides=set_ or (),
        weights=weights or (),
        precision=resolve_precision(precision, device),
    )
    try:
        result = tune(
            request,
            device=device,
            jobs=jobs,
            on_error=on_error,
            plugins=plugin or (),
            place=place,
            quiet=quiet,
            verbose=verbose,
        )
    except KeyboardInterrupt:
        raise Interrupted("interrupted", fix="the same command again goes on where this one stopped") from None
    typer.echo(json.dumps(as_content(result), indent=1) if as_json else as_text(result))
    show_errors(result.errors)
    if result.errors:
        raise typer.Exit(1)


def as_content(result: Any) -> dict[str, Any]:
    """Model -> its search record, and the files."""
    return {
        "protocol": result.plan.protocol.of,
        "models": {file.name: tuned.model_dump(mode="json") for file, tuned in result.found.values()},
        "trials": [str(path) for path in result.trials],
        "written": [str(path) for path in result.written],
    }


def as_text(result: Any) -> str:
    """A markdown table for each task, and where everything lies."""
    lines: list[str] = []
    for task in result.plan.protocol.tasks:
        rows = [(file.name, tuned.tasks[task], tuned) for file, tuned in result.found.values() if task in tuned.tasks]
        if not rows:
            continue
        first = rows[0][1]
        draws = ", ".join(map(str, result.plan.draws))
        where = "the tuning world of mini" if first.source == "mini" else "training images set aside"
        lines += [
            f"{task}: {first.metric} in percent on {first.evaluated:,} rows of {where}, draws {draws}",
            "",
            "| model | trial | options | score | |",
            "|---|--:|---|--:|---|",
        ]
        for name, one, tuned in rows:
            for number, (values, score) in enumerate(zip(one.values, one.scores, strict=True)):
                shown = "failed" if score is None else f"{100 * score:.2f}"
                options = ", ".join(f"{key} {value}" for key, value in _named(values, tuned)) or "none"
                mark = "chosen" if number == one.chosen else ""
                lines.append(f"| {name} | {number} | {options} | {shown} | {mark} |")
        lines += ["", *(f"labels.tune of {name}: {one.labels:,}" for name, one, _ in rows), ""]
    lines += [f"wrote {path}" for path in result.written]
    lines += [f"trials: {path}" for path in result.trials]
    return "\n".join(lines)


def _named(values: dict[str, Any], tuned: Any):
    """A factor is shown as one."""
    for name, value in values.items():
        one = tuned.space.get(name)
        yield name, f"x {value:g}" if one is not None and one.scale is not None else value
