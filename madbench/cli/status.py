"""`madbench status`: the states of the cells below a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def status_command(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="Results of `madbench run`.")] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show which cells are done, failed, running, unfinished or broken (files that cannot be read)."""
    import json

    from madbench.errors import one_line
    from madbench.harness.status import STATES, cell_states

    states = cell_states(directory)
    if as_json:
        typer.echo(json.dumps(states, indent=1))
        return
    for one in states:
        typer.echo(f"{one['state']:<10} {one['cell']}" + (f": {one_line(one['detail'])}" if one["detail"] else ""))
    counts = {state: sum(one["state"] == state for one in states) for state in STATES}
    typer.echo(", ".join(f"{count} {state}" for state, count in counts.items() if count) or "no cells")
