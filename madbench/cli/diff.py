"""`madbench diff A B`: why two runs are or are not comparable."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def diff_command(
    first: Annotated[Path, typer.Argument(metavar="A", help="A cell's folder, or its record.json.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare two records field by field; exit code 4 when their numbers must not stand in one column."""
    import json

    from madbench.report.difference import GROUPS, compare, protocol_differences, short

    one, other = _record(first), _record(second)
    found = compare(one, other)
    changed = {difference.field for difference in found.differences}
    explained = protocol_differences(one, other) if changed & {"protocol.task_hash", "protocol.hash"} else []
    if as_json:
        typer.echo(json.dumps({**found.as_json(), "protocol": explained}, indent=1))
    else:
        for group in GROUPS:
            here = [difference for difference in found.differences if difference.group == group]
            if here:
                typer.echo(f"{group}:")
            for difference in here:
                why = f"   <- {difference.breaks}" if difference.breaks else ""
                typer.echo(f"  {difference.field}: {short(difference.first)} | {short(difference.second)}{why}")
            if group == "protocol":
                for line in explained:
                    typer.echo(f"  in the protocols: {line}")
        typer.echo(found.verdict)
    if not found.comparable:
        raise typer.Exit(4)


def _record(path: Path) -> dict:
    from madbench.errors import DataMissing
    from madbench.report.records import read_record

    folder = path.parent if path.name == "record.json" else path
    if not (folder / "record.json").is_file():
        raise DataMissing(f"no record.json in '{folder}'", fix="name the folder of one finished cell")
    return dict(read_record(folder).content)
