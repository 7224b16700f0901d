"""`madbench data attack`: the losses of a model, word by word, for the adversarial shifts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def attack_command(
    model: Annotated[str, typer.Option("--model", help="The attack model: name or path.")],
    output: Annotated[Path, typer.Option("--output", help="The score file to write.")],
    protocol: Annotated[str, typer.Option("--protocol", help="How it is trained: a protocol, name or path.")] = "full",
    task: Annotated[str, typer.Option("--task", help="vcr, the only task with this attack.")] = "vcr",
    split: Annotated[str, typer.Option("--split", help="The split to attack.")] = "val",
    runs: Annotated[Path, typer.Option("--runs", help="Folder of the results; a training there is used.")] = Path(
        "runs"
    ),
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data", metavar="auto|mini|TASK=ROOT", help="Where the data lie. Repeatable.", show_default=False
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY.PATH=VALUE", help="Override a model option. Repeatable.", show_default=False
        ),
    ] = None,
    draw: Annotated[int, typer.Option("--draw", help="Subset draw of the training.")] = 0,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the training.")] = 0,
    limit: Annotated[
        int | None, typer.Option("--limit", help="Only the first N rows; the training is whole.", show_default=False)
    ] = None,
    attach: Annotated[
        bool, typer.Option("--attach", help="Use the file from now on, as the vcr source's shortcut-scores.")
    ] = False,
    device: Annotated[str, typer.Option("--device", metavar="auto|cpu|cuda", help="Where to compute.")] = "auto",
    plugin: Annotated[
        list[str] | None,
        typer.Option(
            "--plugin", metavar="FILE|MODULE", help="Code that registers models. Repeatable.", show_default=False
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an output that is there.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Write what a trained model loses when each word of a choice is hidden.

    Such a file makes adv-top1 and keep-top1, -3, -5: `madbench data shift`, or protocol domainshift-adversarial.
    The model's scores are taken as logits. Interrupted, the same command goes on where it stopped.
    """
    from madbench.errors import UsageError
    from madbench.plugins import load_plugin

    if task != "vcr":
        raise UsageError(f"--task {task}: only vcr has this attack", fix="leave it out")
    for one in plugin or ():
        load_plugin(one)
    from madbench.harness.attack import AttackRequest, attack
    from madbench.harness.progress import make_display
    from madbench.tasks.sources import attach as attach_file

    request = AttackRequest(
        model=model,
        output=output,
        protocol=protocol,
        split=split,
        runs=runs,
        data=tuple(data or ()),
        overrides=tuple(set_ or ()),
        draw=draw,
        seed=seed,
        limit=limit,
        device=device,
        plugins=tuple(plugin or ()),
        overwrite=overwrite,
    )
    with make_display(1, quiet) as display:
        result = attack(request, display)
    name, train_id = result.attack["model"], result.attack["train_id"]
    typer.echo(f"{name}: {result.rows:,} rows, {result.predictions:,} hidden words predicted; model: {result.origin}")
    typer.echo(f"train id: {train_id}")
    typer.echo(f"written: {output}")
    if attach:
        attach_file("vcr", "shortcut-scores", output)
        typer.echo("attached: runs on vcr use it (madbench run --protocol domainshift-adversarial)")
