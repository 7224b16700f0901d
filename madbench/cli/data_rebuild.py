"""`madbench data rebuild-snli-ve`: SNLI-VE from SNLI 1.0 and the two official image lists."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def rebuild_snli_ve_command(
    snli: Annotated[Path, typer.Option(help="The folder with the SNLI 1.0 jsonl files, or with snli_1.0.zip.")],
    lists: Annotated[Path, typer.Option(help="The folder with flickr30k_train_val.lst and flickr30k_test.lst.")],
    out: Annotated[Path, typer.Option(help="Where the three files go.")],
    layout: Annotated[str, typer.Option(help="Field names of the release: 2020 or 2018.")] = "2020",
    any_lists: Annotated[
        bool, typer.Option("--any-lists", help="Go on with other lists and counts; the result is not official.")
    ] = False,
) -> None:
    """Make SNLI-VE again by the rule of its generator.

    Counts are compared with the official ones; exit code 3, and nothing written, when they differ.
    """
    from madbench.registry import TASKS
    from madbench.tasks.snli_ve.rebuild import rebuild

    task = TASKS.load("snli_ve")
    made = rebuild(snli.expanduser(), lists.expanduser(), out.expanduser(), task.official_labels, layout, any_lists)
    if made.differences:
        typer.echo("NOT THE OFFICIAL SNLI-VE: do not report numbers on it as SNLI-VE", err=True)
    typer.echo(made.text())
    typer.echo(f"images: put them into {out}/flickr30k_images/, then `madbench data check snli_ve --root {out}`")
