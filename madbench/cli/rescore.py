"""`madbench rescore DIR`: metrics again from predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def rescore_command(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Results of `madbench run`, or a part of them.")],
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="TASK=ROOT", help="Where the annotations lie, if not registered."),
    ] = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option("--protocol", metavar="FILE", help="The file of a protocol that no name finds. Repeatable."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score stored predictions with the current scorers; old metrics stay in each record as `history`.

    Exit code 3 when a cell could not be scored: its predictions or its data are not at hand, or it was edited.
    """
    import json
    from dataclasses import asdict

    from madbench.errors import DataMalformed, DataMissing, one_line
    from madbench.harness.rescore import Rescored, rescore_cell
    from madbench.harness.verifier import Verifier, sources_at_hand
    from madbench.report.records import cell_folders, read_record

    records, left = [], []
    for folder, finished in cell_folders([directory]):
        try:
            records += [read_record(folder)] if finished else []
        except DataMalformed as error:
            left.append(Rescored(_name(folder), left=str(error)))
    if not records and not left:
        raise DataMissing(f"no records below '{directory}'", fix="name the --out folder of `madbench run`")
    verifier = Verifier(sources_at_hand(data or [], {(one.task, one.source) for one in records}), protocol or [])
    records.sort(key=lambda one: (one.task, one.source, one.protocol, one.run, one.model))
    cells = [rescore_cell(_name(one.folder), one.folder, one.content, verifier) for one in records] + left
    if as_json:
        typer.echo(json.dumps([{**asdict(cell), "state": cell.state} for cell in cells], indent=1))
    else:
        for cell in cells:
            typer.echo(f"{cell.state:<8} {cell.cell}" + (f": {one_line(cell.left)}" if cell.left else ""))
            for change in cell.changes if not cell.left else []:
                typer.echo(f"         {change}")
        counts = [f"{sum(one.state == state for one in cells)} {state}" for state in ("same", "changed", "left")]
        typer.echo(f"{len(cells)} records: {', '.join(counts)}")
    if any(cell.left for cell in cells):
        raise typer.Exit(3)


def _name(folder: Path) -> str:
    return "/".join(folder.resolve().parts[-4:])
