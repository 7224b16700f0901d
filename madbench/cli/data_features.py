"""`madbench data convert-features`: other people's detector features into region files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

SHOWN = 5


def convert_features_command(
    input: Annotated[Path, typer.Option(help="The folder of the LMDB (with data.mdb in it or one below).")],
    output: Annotated[Path, typer.Option(help="The folder of region files; `regions` in the root of the source.")],
    form: Annotated[str, typer.Option("--from", help="The format: uniter-lmdb.")] = "uniter-lmdb",
    task: Annotated[str | None, typer.Option(help="vcr, snli_ve or vqa (default: by the names in it).")] = None,
    root: Annotated[
        Path | None, typer.Option(help="vcr: the source whose annotations name the images (default: as registered).")
    ] = None,
    names: Annotated[
        Path | None, typer.Option(help="A CSV with columns key,name: image names that win over the built-in rule.")
    ] = None,
    threshold: Annotated[float, typer.Option(help="Regions above this confidence are kept.")] = 0.2,
    minimum: Annotated[int, typer.Option("--min", help="Keep at least this many regions of an image.")] = 10,
    maximum: Annotated[int, typer.Option("--max", help="Keep at most this many regions of an image.")] = 100,
    limit: Annotated[int | None, typer.Option(help="Stop after this many entries.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Write files anew that are there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Convert detector features to region files.

    Files that are there are kept, so an interrupted conversion goes on. Exit code 3 when an entry was not converted.
    """
    import json

    from madbench.errors import DataMissing, UsageError
    from madbench.tasks.uniter_features import LIST, Selection, convert

    if form != "uniter-lmdb":
        raise UsageError(f"--from {form}: unknown format", fix="use uniter-lmdb")
    if not 0 <= threshold <= 1 or not 1 <= minimum <= maximum:
        raise UsageError(
            f"--threshold {threshold} --min {minimum} --max {maximum}: expected 0 to 1, and 1 <= min <= max",
            fix="UNITER's are 0.2, 10 and 100",
        )
    found = convert(
        input.expanduser(),
        output.expanduser(),
        _naming(task, names, input.expanduser(), root),
        Selection(threshold, minimum, maximum),
        limit=limit,
        overwrite=overwrite,
        progress=_say,
    )
    if as_json:
        typer.echo(json.dumps(vars(found), indent=1))
    else:
        typer.echo(
            f"{output}: {found.written:,} region files written, {found.kept:,} kept, {found.widened:,} boxes widened"
        )
        _tell("without an image name", found.unmapped)
        _tell("refused", [f"{key}: {reason}" for key, reason in found.refused.items()])
        _tell("listed in the database and not in it", found.missing)
        if not found.complete:
            typer.echo(f"all of them: {output / LIST}")
    if not found.complete:
        raise typer.Exit(DataMissing.exit_code)


def _naming(task: str | None, names: Path | None, database: Path, root: Path | None) -> Callable[[str], str | None]:
    """key -> image name, or None: by the CSV first, then by the rule of the task."""
    from madbench.errors import DataMissing, UsageError
    from madbench.registry import TASKS
    from madbench.tasks.sources import registered
    from madbench.tasks.uniter_features import first_key
    from madbench.tasks.uniter_names import read_names, table, task_of, vcr_image_names

    given = {} if names is None else read_names(names.expanduser())
    if task is not None and task not in TASKS:
        raise TASKS.unknown(task)
    if task is None:
        first = first_key(database)
        task = None if first is None else task_of(first)
        if task is None and not given:
            raise UsageError(
                f"the first name, {first!r}, does not tell the task" if first else "the database is empty",
                fix="name the images with --names FILE.csv",
            )
    images: tuple[str, ...] = ()
    if task == "vcr":
        folder = root if root is not None else registered().get("vcr")
        if folder is None and not given:
            raise DataMissing(
                "the names of VCR images have folders, which only the annotations know",
                fix="name the source with --root DIR, or the images with --names FILE.csv",
            )
        images = () if folder is None else tuple(vcr_image_names(folder.expanduser()))
    rule = (lambda key: None) if task is None else table(task, images)
    return lambda key: given.get(key.removesuffix(".npz")) or rule(key)


def _tell(what: str, lines: list[str]) -> None:
    if lines:
        typer.echo(f"{len(lines):,} {what}:")
        for line in lines[:SHOWN]:
            typer.echo(f"  {line}")
        if len(lines) > SHOWN:
            typer.echo(f"  and {len(lines) - SHOWN:,} more")


def _say(done: int, total: int) -> None:
    if done and (done % 10_000 == 0 or done == total):
        typer.echo(f"{done:,} of {total:,} entries", err=True)
