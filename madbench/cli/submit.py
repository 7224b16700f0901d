"""`madbench submit RUN_DIR --out FILE`: predictions in the task's leaderboard format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from madbench.cli.predict import Data, Device, Plugin, ProtocolFile, RunDir, Verbose


def submit_command(
    run_dir: RunDir,
    out: Annotated[Path, typer.Option("--out", help="The file to write.")],
    split: Annotated[
        str | None,
        typer.Option("--split", help="Predict this split (default: the only one without labels).", show_default=False),
    ] = None,
    condition: Annotated[
        str | None,
        typer.Option("--condition", help="Export the stored predictions of this condition.", show_default=False),
    ] = None,
    data: Data = None,
    device: Device = "auto",
    protocol: ProtocolFile = None,
    plugin: Plugin = None,
    verbose: Verbose = False,
) -> None:
    """Write the leaderboard file of a finished cell.

    vcr: csv with 16 rationale columns; vqa: the results json; snli_ve: csv `pairID,prediction`, a format of ours.
    """
    from madbench.errors import UsageError
    from madbench.harness.exports import write_submission
    from madbench.harness.log import logged
    from madbench.harness.predicting import FinishedCell, find_cell, obvious_split
    from madbench.plugins import load_plugin

    if split is not None and condition is not None:
        raise UsageError("--split predicts, --condition exports what is stored", fix="give one of the two")
    for one in plugin or []:
        load_plugin(one)
    cell = FinishedCell(find_cell(run_dir, split, condition), data or [], device, protocol)
    with logged(None, verbose):
        if condition is not None:
            predictions = cell.stored(condition)
        else:
            split = split or obvious_split(cell)
            predictions = cell.predict(split)
    write_submission(out, cell.task.name, predictions)
    typer.echo(f"{len(predictions.rows):,} predictions of {cell.task.name} {condition or split}: {out}")
