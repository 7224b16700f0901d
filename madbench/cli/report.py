"""`madbench report`: comparison tables from records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report_command(
    dirs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[DIR]...", help="Run folders, .tar.zst or .jsonl.gz of `pack` (default: runs).", show_default=False
        ),
    ] = None,
    format: Annotated[str, typer.Option("--format", metavar="md|csv|json|latex|html", help="What to write.")] = "md",
    out: Annotated[Path | None, typer.Option("--out", help="Write to this file instead of the screen.")] = None,
    baseline: Annotated[
        str, typer.Option("--baseline", help="The model that the others are compared with.")
    ] = "student",
    published: Annotated[
        str,
        typer.Option(
            "--published", metavar="facts|all|none", help="Published results, set apart below tables of real data."
        ),
    ] = "facts",
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit 4 when anything is missing, failed, limited or mixed.")
    ] = False,
    check: Annotated[
        Path | None,
        typer.Option("--check", help="Compare with this file instead of printing; exit 4 when it is stale."),
    ] = None,
    include_limited: Annotated[
        bool, typer.Option("--include-limited", help="Also show runs made with --limit, marked with *.")
    ] = False,
    interval: Annotated[
        str,
        typer.Option(
            "--interval",
            metavar="t|bootstrap",
            help="Intervals of numbers that rest on a single run: Student's t, or 10,000 resamples of whole images.",
        ),
    ] = "t",
    board: Annotated[
        str,
        typer.Option("--board", metavar="protocol|curve|shift|cost|groups|all", help="Show only one of the boards."),
    ] = "all",
    min_group: Annotated[
        int, typer.Option("--min-group", help="The fewest items of a group that can be the worst one.")
    ] = 50,
    mixed: Annotated[
        bool,
        typer.Option(
            "--mixed",
            help="Records whose protocol hash, data, metric versions or shift files differ: in one table, marked.",
        ),
    ] = False,
    figures: Annotated[
        Path | None, typer.Option("--figures", help="Also write the figures to this folder, as SVG and PNG.")
    ] = None,
) -> None:
    """Compare what has been run: tables with intervals, differences and costs."""
    from madbench.report import report

    text = report(
        dirs or [Path("runs")],
        format=format,
        baseline=baseline,
        out=out,
        published=published,
        strict=strict,
        check=check,
        include_limited=include_limited,
        interval=interval,
        board=board,
        min_group=min_group,
        figures=figures,
        mixed=mixed,
    )
    if figures is not None:
        typer.echo(f"wrote figures to {figures}", err=True)
    if check is not None:
        typer.echo(f"{check} is up to date")
    elif out is not None:
        typer.echo(f"wrote {out}", err=True)
    else:
        typer.echo(text, nl=False)
