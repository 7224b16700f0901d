"""`madbench data subset TASK`: which examples train and select, for training code outside madbench."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def subset_command(
    task: Annotated[str, typer.Argument(help="vcr, snli_ve or vqa.")],
    draw: Annotated[int, typer.Option(help="The draw, 0 or more.")] = 0,
    fraction: Annotated[float | None, typer.Option(help="Of the training units, in (0, 1].")] = None,
    shots: Annotated[int | None, typer.Option(help="Rows per class, instead of a fraction.")] = None,
    unit: Annotated[
        str | None, typer.Option(metavar="image|example", help="What is drawn (default: image; with shots example).")
    ] = None,
    select_every: Annotated[
        str | None,
        typer.Option(metavar="N|none", help="Each N-th unit selects (default: as in the protocol of that fraction)."),
    ] = None,
    protocol: Annotated[str | None, typer.Option(help="Take size and select rule from this protocol.")] = None,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="auto|mini|TASK=ROOT", help="Where the data lie.", show_default=False),
    ] = None,
    write: Annotated[
        Path | None, typer.Option(help="Write the subset there, in the official layout of the task.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a subset that was written there.")] = False,
) -> None:
    """Print the manifest of a subset, or write it with its rows.

    A run of the protocol with that draw trains on exactly these examples.
    """
    import json

    from madbench.harness.data import choose_sources
    from madbench.harness.subset_files import SubsetRequest, subset_manifest, write_subset
    from madbench.registry import TASKS
    from madbench.tasks.sources import parse_data

    if task not in TASKS:
        raise TASKS.unknown(task)
    sources = choose_sources(parse_data(data or []), [task], [task])
    if sources.notice:
        typer.echo(sources.notice, err=True)
    source = sources.by_task[task]
    request = SubsetRequest(task, draw, fraction, unit, shots, select_every, protocol)
    manifest = subset_manifest(request, source)
    if write is None:
        typer.echo(json.dumps(manifest, indent=1, sort_keys=True))
        return
    written = write_subset(write, manifest, source, overwrite)
    for part, names in written["files"].items():
        typer.echo(f"{part}: {written[part]['n']:,} rows in {', '.join(str(write / part / name) for name in names)}")
    for line in written["left_out"]:
        typer.echo(f"left out: {line}")
    typer.echo(f"manifest: {write / 'manifest.json'}")
