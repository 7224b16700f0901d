"""`madbench cite`: the references of a report, and its numbers for a model card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def cite_command(
    dirs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[DIR]...", help="Run folders, packed results or archives of records; none: every reference."
        ),
    ] = None,
    model_index: Annotated[
        str | None,
        typer.Option(
            "--model-index",
            metavar="MODEL",
            help="The numbers of this model as a Hugging Face model card's front matter.",
        ),
    ] = None,
) -> None:
    """BibTeX of madbench and of the data sets, shifted sets and methods behind the records of a report."""
    from madbench.errors import UsageError
    from madbench.report.citation import bibtex, needed
    from madbench.report.pack import opened
    from madbench.report.records import load_runs

    if model_index is not None and not dirs:
        raise UsageError("--model-index needs the records of the model", fix="name the --out folder of `madbench run`")
    with opened(dirs or []) as folders:
        runs = load_runs(folders) if folders else None
        if model_index is not None:
            from madbench.report.model_card import model_card

            typer.echo(model_card(runs, model_index), nl=False)
            return
        typer.echo(bibtex(needed(None if runs is None else runs.records)), nl=False)
