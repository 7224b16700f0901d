"""`madbench data shift`: an annotation file in the official layout, shifted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def shift_command(
    shift: Annotated[
        str, typer.Argument(help="e.g. rule-singular, adv-top1, ve-hard, corrected-labels, ce-hard, blur-3.")
    ],
    input: Annotated[
        Path, typer.Option("--input", help="The official annotation file; for image corruptions the image folder.")
    ],
    output: Annotated[Path, typer.Option("--output", help="The shifted file (or folder) to write.")],
    scores: Annotated[
        Path | None, typer.Option(help="adv-top1, keep-topK: the losses of an attack model (see data attack).")
    ] = None,
    train: Annotated[Path | None, typer.Option(help="ve-hard, changed-prior: the official training file.")] = None,
    labels: Annotated[Path | None, typer.Option(help="corrected-labels: the CSV of e-SNLI-VE.")] = None,
    ids: Annotated[
        Path | None, typer.Option(help="ce-*: the list of question ids, or the folder of both lists.")
    ] = None,
    only_distractors: Annotated[
        bool, typer.Option("--only-distractors", help="adv-top1, keep-topK: leave the correct choices as they are.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an output that is there.")] = False,
) -> None:
    """Write the shifted annotation file in the official layout, or a folder of corrupted images."""
    from madbench.tasks.shift_files import shift_file

    options = {"scores": scores, "train": train, "labels": labels, "ids": ids, "only-distractors": only_distractors}
    typer.echo(shift_file(shift, input, output, options, overwrite))
    typer.echo(f"written: {output}")
