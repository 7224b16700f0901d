"""`madbench verify DIR`: whether the records of a result folder can be believed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

HONEST = "verify finds edits and slips; whoever makes a whole folder anew, digests included, it does not find"


def verify_command(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Results of `madbench run`, a part of them, or a .tar.zst of `pack`.")
    ],
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="TASK=ROOT", help="Where the annotations lie, if not registered."),
    ] = None,
    protocol: Annotated[
        list[str] | None,
        typer.Option("--protocol", metavar="FILE", help="The file of a protocol that no name finds. Repeatable."),
    ] = None,
    complete: Annotated[
        bool, typer.Option("--complete", help="Exit 4 too when declared draws or seeds are missing, or cells failed.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check records against their digests, manifests, predictions and data; exit code 4 when anything is wrong.

    Form, digests and ids are compared, predictions scored again, leaks counted again, limited runs refused. What cannot
    be checked is said. It finds edits, not forgers. A study need not be complete, unless --complete asks for it.
    """
    import json
    from dataclasses import asdict

    from madbench.errors import one_line
    from madbench.report.pack import unpacked

    with unpacked(directory) as folder:
        cells, failed, missing, notes = _verify(folder, data or [], protocol or [])
    wrong = [cell for cell in cells if cell.problems]
    if as_json:
        listed = [{**asdict(cell), "state": cell.state} for cell in cells]
        content = {"cells": listed, "failed": failed, "incomplete": missing, "notes": [*missing, *notes, HONEST]}
        typer.echo(json.dumps(content, indent=1))
    else:
        for cell in cells:
            typer.echo(f"{cell.state:<8} {cell.cell}: {one_line(_said(cell))}")
        for name in failed:
            typer.echo(f"failed   {name}: no record")
        for note in (*missing, *notes):
            typer.echo(f"note: {one_line(note)}")
        for cell in wrong:
            for problem in cell.problems:
                typer.echo(f"problem: {cell.cell}: {one_line(problem)}")
        typer.echo(f"note: {HONEST}")
        typer.echo(_summary(cells, failed))
    if wrong or (complete and (missing or failed)):
        raise typer.Exit(4)


def _verify(
    directory: Path, data: list[str], protocols: list[str]
) -> tuple[list[Any], list[str], list[str], list[str]]:
    """The cells in the order of their paths, the names of failed ones, what was not run, and notes on the whole."""
    from madbench.errors import DataMalformed, DataMissing
    from madbench.harness.verifier import Verifier, sources_at_hand
    from madbench.harness.verify import Verified, verify_cell, verify_together
    from madbench.report.records import cell_folders, read_record

    cells, records, failed = {}, {}, []
    for folder, finished in cell_folders([directory]):
        name = "/".join(folder.resolve().parts[-4:])
        if name in records or name in cells:  # a copied folder below the same DIR
            name = str(folder)
        if not finished:
            failed.append(name)
            continue
        try:
            records[name] = read_record(folder)
        except DataMalformed as error:
            cells[name] = Verified(name, problems=[str(error)])
    if not cells and not records and not failed:
        raise DataMissing(f"no records below '{directory}'", fix="name the --out folder of `madbench run`")
    verifier = Verifier(sources_at_hand(data, {(record.task, record.source) for record in records.values()}), protocols)
    # Cells of the same data one after the other: the rows of one task at a time are kept.
    order = sorted(
        records,
        key=lambda name: (records[name].task, records[name].source, records[name].protocol, records[name].run, name),
    )
    for name in order:
        cells[name] = verify_cell(name, records[name].folder, records[name].content, verifier)
    together = {name: (record.folder, record.content) for name, record in records.items()}
    missing, notes = verify_together(together, cells, verifier)
    return [cells[name] for name in sorted(cells)], sorted(failed), missing, notes


def _said(cell: Any) -> str:
    parts = [", ".join(cell.checked) or "nothing checked", *cell.marks]
    parts += [f"not checked: {one}" for one in cell.unchecked]
    if cell.problems:
        parts.append(f"{len(cell.problems)} problems")
    return "; ".join(parts)


def _summary(cells: list[Any], failed: list[str]) -> str:
    counts = {state: sum(cell.state == state for cell in cells) for state in ("ok", "partly", "problem")}
    words = {"ok": "verified", "partly": "verified in part", "problem": "with problems"}
    parts = [f"{count} {words[state]}" for state, count in counts.items() if count]
    if failed:
        parts.append(f"{len(failed)} failed")
    return f"{len(cells)} records: {', '.join(parts)}"
