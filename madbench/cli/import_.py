"""`madbench import`: a scored record from predictions that were made elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def import_command(
    predictions: Annotated[
        list[str],
        typer.Option(
            "--predictions",
            metavar="[CONDITION=]FILE",
            help="In the task's submission format, or parquet as runs store it. Repeatable.",
        ),
    ],
    protocol: Annotated[str, typer.Option("--protocol", help="The protocol: name or path.")],
    task: Annotated[str, typer.Option("--task", help="vcr, snli_ve or vqa.")],
    draw: Annotated[int, typer.Option("--draw", help="The draw that the model was trained on.")],
    model: Annotated[str, typer.Option("--model", help="A name for the model, kebab-case.")],
    seed: Annotated[
        int | None, typer.Option("--seed", help="The seed (default: the protocol's first).", show_default=False)
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="auto|mini|TASK=ROOT", help="Where the data lie.", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of the results.")] = Path("runs"),
    note: Annotated[str | None, typer.Option("--note", help="A short remark for the tables.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what was imported for this place.")] = False,
) -> None:
    """Score predictions made elsewhere and record them.

    The record stands in the same tables as runs, in the external division: training not witnessed.
    """
    from madbench.harness.importing import ImportRequest, import_predictions

    done = import_predictions(
        ImportRequest(predictions, protocol, task, draw, model, seed, data or [], out, note, overwrite)
    )
    if done.notice:
        typer.echo(done.notice, err=True)
    primary = done.record["primary"]
    for one in done.record["conditions"]:
        value = one["metrics"].get(primary)
        said = (
            f"{primary} {100 * value:.2f} on {one['n']:,} rows"
            if value is not None
            else f"not available: {one.get('reason')}"
        )
        typer.echo(f"{one['name']}: {said}")
    typer.echo(f"{'imported' if done.new else 'imported before'}: {done.folder}")
