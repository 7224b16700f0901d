"""`madbench data ...`: the embedded data, registering a data set, and checking one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from madbench.cli.data_attack import attack_command
from madbench.cli.data_features import convert_features_command
from madbench.cli.data_rebuild import rebuild_snli_ve_command
from madbench.cli.data_shift import shift_command
from madbench.cli.data_subset import subset_command

data = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Register, check and write data sets.")
TaskName = Annotated[str, typer.Argument(help="vcr, snli_ve or vqa.")]


@data.command("mini")
def mini_command(
    out: Annotated[
        Path | None, typer.Option(help="Write the data there, a folder per task (with --pretrain: the weights).")
    ] = None,
    card: Annotated[
        bool, typer.Option("--card", help="Measure what mini must show: runs what is missing in runs/ first (long).")
    ] = False,
    pretrain: Annotated[
        str | None, typer.Option(help="Make the small weights again: clip, text, student or all (long; needs --out).")
    ] = None,
    runs: Annotated[Path, typer.Option(help="With --card: the results folder.")] = Path("runs"),
    regions: Annotated[bool, typer.Option("--regions", help="With --out: region features too.")] = False,
) -> None:
    """Write the mini data in the official layouts, measure it, or make its weights."""
    from madbench.errors import UsageError

    if (out is not None and pretrain is None) + card + (pretrain is not None) != 1:
        raise UsageError("choose one thing to do", fix="--out DIR, --card, or --pretrain NAME --out DIR")
    if regions and (card or pretrain is not None):
        raise UsageError("--regions goes with --out alone", fix="leave it out")
    if card:
        _measure_card(runs)
    elif pretrain is not None:
        _pretrain(pretrain, out)
    else:
        _write_mini(out, regions)


def _write_mini(out: Path, with_regions: bool) -> None:
    from madbench.errors import UsageError
    from madbench.mini.build import TASKS, write_regions, write_world

    for task in TASKS:
        if (out / task).exists():
            raise UsageError(f"{out / task} is there already", fix="name a new folder, or remove it")
    for task in TASKS:
        typer.echo(f"{task}: {write_world(task, out / task)}")
        if with_regions:
            typer.echo(f"{task}: {write_regions(task, out / task)}")


def _measure_card(runs: Path) -> None:
    from madbench.harness import run
    from madbench.mini.build import ensure
    from madbench.mini.levels import measure
    from madbench.report.must_show import FULL, LOW, MODELS, check, render
    from madbench.report.records import load_runs

    result = run(list(MODELS), [LOW, FULL], data="mini", out=runs, jobs=None)
    typer.echo(render(check(load_runs([runs]).records)))
    root = ensure()
    size = (
        sum(path.stat().st_size for path in root.rglob("*") if path.is_file() and "regions" not in path.parts) / 2**20
    )
    typer.echo(f"\ndisk: {size:.0f} MiB in files (target: under 150)\n\nshortcut levels, without the picture:")
    for name, level in measure(*(root / task for task in ("vcr", "snli_ve", "vqa"))).items():
        typer.echo(f"  {name:45} {level:.3f}")
    if result.exit_code:
        raise typer.Exit(result.exit_code)


def _pretrain(name: str, out: Path | None) -> None:
    from madbench.errors import UsageError, did_you_mean
    from madbench.mini.weights import NAMES

    if out is None:
        raise UsageError("--pretrain needs a folder to write to", fix="add --out DIR")
    if name not in (*NAMES, "all"):
        raise UsageError(
            f"no mini weights named '{name}'", fix=did_you_mean(name, NAMES) or f"known: {', '.join(NAMES)}"
        )
    from madbench.models.mini_pretrain import pretrain

    for one in NAMES if name == "all" else (name,):
        figures = pretrain(one, out, lambda done, total, one=one: _say(one, done, total))
        typer.echo(f"{one}: {out / one}.safetensors {figures}")


def _say(name: str, done: int, total: int) -> None:
    if done % 100 == 0 or done == total:
        typer.echo(f"{name}: {done} of {total} updates")


@data.command("register")
def register_command(
    task: Annotated[str | None, typer.Argument(help="vcr, snli_ve or vqa.")] = None,
    root: Annotated[
        Path | None, typer.Option(help="The folder that holds the data set in its official layout.")
    ] = None,
    file: Annotated[
        list[str] | None, typer.Option(metavar="NAME=PATH", help="A file that a shift needs, wherever it lies.")
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="Print what is registered.")] = False,
    forget: Annotated[str | None, typer.Option(metavar="TASK", help="Undo it; no data is touched.")] = None,
) -> None:
    """Remember where a data set lies.

    Every run uses it from then on. With --file alone, only that file is remembered.
    """
    from madbench.cli.data_register import register_from

    register_from(task, root, file or [], show, forget)


@data.command("check")
def check_command(
    task: TaskName,
    root: Annotated[Path | None, typer.Option(help="The folder of the data set (default: as registered).")] = None,
    images: Annotated[bool, typer.Option("--images", help="Open and decode every image (long).")] = False,
    features: Annotated[bool, typer.Option("--features", help="Look at the region features too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare a data set with the official one.

    Reads every annotation file, counts, and looks whether images exist; exit code 3 on any problem.
    """
    from madbench.cli.data_check import check_and_print

    check_and_print(task, root, images, features, as_json)


data.command("shift")(shift_command)
data.command("attack")(attack_command)
data.command("subset")(subset_command)
data.command("convert-features")(convert_features_command)
data.command("rebuild-snli-ve")(rebuild_snli_ve_command)
