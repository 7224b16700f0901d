"""`madbench predict RUN_DIR --split NAME`: a trained model on any split of its source."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RunDir = Annotated[Path, typer.Argument(metavar="RUN_DIR", help="A cell's folder, or a folder with one that fits.")]
Data = Annotated[
    list[str] | None,
    typer.Option("--data", metavar="auto|mini|TASK=ROOT", help="Where the data lie.", show_default=False),
]
ProtocolFile = Annotated[
    str | None, typer.Option("--protocol", help="The file of its protocol, when no name finds it.", show_default=False)
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="What the model logs, on stderr.")]
Device = Annotated[str, typer.Option("--device", metavar="auto|cpu|cuda", help="Where to compute.")]
Plugin = Annotated[
    list[str] | None,
    typer.Option("--plugin", metavar="FILE|MODULE", help="Code that registers models. Repeatable.", show_default=False),
]


def predict_command(
    run_dir: RunDir,
    split: Annotated[str, typer.Option("--split", help="The split, with or without labels.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="The parquet file (default: named after the cell and the split).")
    ] = None,
    data: Data = None,
    device: Device = "auto",
    protocol: ProtocolFile = None,
    plugin: Plugin = None,
    verbose: Verbose = False,
) -> None:
    """Predict a split with a finished cell's checkpoint.

    Models without trained state (priors, counts) are fitted again on their subset.
    """
    from madbench.harness.exports import write_split_predictions
    from madbench.harness.log import logged
    from madbench.harness.predicting import FinishedCell, find_cell
    from madbench.plugins import load_plugin

    for one in plugin or []:
        load_plugin(one)
    cell = FinishedCell(find_cell(run_dir, split=split), data or [], device, protocol)
    with logged(None, verbose):
        predictions = cell.predict(split)
    record = cell.record
    name = f"{record['model']['name']}-{cell.task.name}-{split}-d{record['draw']}-s{record['seed']}.parquet"
    target = out or Path(name)
    write_split_predictions(target, predictions, cell.task.legs)
    typer.echo(f"{len(predictions.rows):,} predictions of {cell.task.name} {split}: {target}")
