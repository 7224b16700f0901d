"""`madbench show protocol|model|shift NAME`: the resolved card, its hash, and who stated what."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer


class Kind(StrEnum):
    protocol = "protocol"
    model = "model"
    shift = "shift"


def show_command(
    kind: Annotated[Kind, typer.Argument(help="protocol, model or shift.")],
    name: Annotated[
        str,
        typer.Argument(
            help="A name, name@version, or the path of a YAML file; of a shift or a set of its own: the name."
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    plugin: Annotated[list[str] | None, typer.Option(help="A file or module that registers adapters.")] = None,
) -> None:
    """Show one protocol or model with its hash, or what a shift is.

    Every value with `extends` resolved, and which of them a source states and which are our choice.
    """
    import json

    from madbench.plugins import load_plugin

    if kind is Kind.shift:
        cards = shift_cards(name)
        typer.echo(json.dumps(cards, indent=1) if as_json else "\n".join(map(shift_text, cards)))
        return
    for one in plugin or []:
        load_plugin(one)
    card = protocol_card(name) if kind is Kind.protocol else model_card(name)
    typer.echo(json.dumps(card, indent=1, ensure_ascii=False) if as_json else card_text(card))


def shift_cards(name: str) -> list[dict[str, Any]]:
    """A shift, or an evaluation set with files of its own, of every task that has it. Raises UsageError."""
    from fnmatch import fnmatchcase

    from madbench.errors import UsageError, did_you_mean
    from madbench.registry import TASKS

    cards, known = [], []
    for task_name in TASKS.names():
        task = TASKS.load(task_name)
        shift = task.shifts().get(name)
        if shift is not None:
            files = {one: list(task.extra_files.get(one, ())) for one in shift.files}
            facts = {"version": shift.version, "of": shift.kind, "files": files}
            cards.append({"kind": "shift", "name": name, "task": task_name, **facts, "card": shift.card.strip()})
        for pattern, card in task.set_cards().items():
            if name == pattern or fnmatchcase(name, pattern):
                cards.append({"kind": "split", "name": name, "task": task_name, "card": card.strip()})
        known += [*task.shifts(), *task.set_cards()]
    if not cards:
        hint = did_you_mean(name, known)
        raise UsageError(
            f"no shift named '{name}'" + (f"; {hint}" if hint else ""),
            fix="run `madbench list shifts` to see all; sets of their own: "
            + ", ".join(pattern for one in TASKS.names() for pattern in TASKS.load(one).set_cards()),
        )
    return cards


def shift_text(card: dict[str, Any]) -> str:
    """The card of one task, and where its files may lie."""
    lines = [f"{card['kind']} {card['name']} of {card['task']}", "", card["card"]]
    for name, places in card.get("files", {}).items():
        lines.append(f"\nfile {name}: {' or '.join(places)}")
    return "\n".join(lines) + "\n"


def protocol_card(name: str) -> dict[str, Any]:
    """A protocol with everything resolved, as plain values."""
    from madbench.protocols import PROTOCOLS, load_protocol

    protocol = load_protocol(name)
    provenance = protocol.provenance.model_dump()
    content = protocol.model_dump(by_alias=True, mode="json", exclude={"provenance", "name", "version", "summary"})
    return {
        "kind": "protocol",
        "name": protocol.name,
        "version": protocol.version,
        "summary": protocol.summary,
        "file": str(PROTOCOLS.find(name)),
        "hash": protocol.hash,
        "task_hashes": {task: protocol.task_hash(task) for task in protocol.tasks},
        "content": _without_empty(content),
        "stated": provenance["stated"],
        "ours": provenance["ours"],
    }


def model_card(name: str) -> dict[str, Any]:
    """A model file with its options resolved for each task, on mini and on real data."""
    from typing import get_args

    from madbench.models.load import load_model, model_path
    from madbench.protocols.schema import TaskName

    model = load_model(name)
    provenance = model.provenance.model_dump()
    tasks = model.only_tasks or get_args(TaskName)
    resolved = {profile: {task: model.resolve(task, profile) for task in tasks} for profile in ("mini", "real")}
    path = model_path(name)
    return {
        "kind": "model",
        "name": model.name,
        "version": model.version,
        "summary": model.summary,
        "file": None if path is None else str(path),
        "hash": {
            profile: {task: _identified(spec).hash for task, spec in specs.items()}
            for profile, specs in resolved.items()
        },
        "content": _without_empty(
            model.model_dump(
                by_alias=True,
                mode="json",
                include={
                    "schema_",
                    "adapter",
                    "needs",
                    "uses_select",
                    "only_tasks",
                    "unlabelled",
                    "blind",
                    "seen",
                    "search",
                },
            )
        ),
        "tuned": None if model.tuned is None else _without_empty(model.tuned.model_dump(mode="json")),
        "options": {
            profile: {task: dict(spec.options) for task, spec in specs.items()} for profile, specs in resolved.items()
        },
        "stated": provenance["stated"],
        "ours": provenance["ours"],
    }


def _identified(spec: Any) -> Any:
    """A spec as records have it, where what it names lies on this machine: local weights by their content."""
    from dataclasses import replace

    from madbench.errors import MadbenchError
    from madbench.models.weight_references import identity_of, names_by_content, parse, references, renamed

    try:
        local = [name for name in references(spec.options) if parse(name).path is not None]
        names = names_by_content(spec.options, {name: identity_of(name) for name in local})
    except MadbenchError:
        return spec
    return replace(spec, options=renamed(spec.options, names))


def card_text(card: dict[str, Any]) -> str:
    """A card for reading: YAML in blocks, then who stated what."""
    import yaml

    def block(value: Any) -> str:
        text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None)
        return "".join(f"  {line}\n" for line in text.splitlines())

    lines = [f"{card['kind']} {card['name']}@{card['version']}\n"]
    if card["summary"]:
        lines.append(f"{card['summary']}\n")
    lines.append(f"file: {card['file'] or 'none (an adapter with its defaults)'}\n")
    lines.append("hash:\n" + block(card["hash"]) if isinstance(card["hash"], dict) else f"hash: {card['hash']}\n")
    lines.append("\ncontent:\n" + block(card["content"]))
    if "options" in card:
        lines.append("\n" + _options_text(card["options"], block))
    if card.get("tuned"):
        lines.append("\ntuned (the search that chose options):\n" + block(card["tuned"]))
    for title, key in (("stated by a public source:", "stated"), ("our reading, our choice:", "ours")):
        if card[key]:
            lines.append(f"\n{title}\n" + "".join(f"  - {line}\n" for line in card[key]))
    return "".join(lines).rstrip("\n")


def _options_text(options: dict[str, dict[str, Any]], block: Any) -> str:
    """Each different set of options once, headed by where it holds."""
    groups: list[tuple[list[str], Any]] = []
    for profile, tasks in options.items():
        for task, values in tasks.items():
            for places, known in groups:
                if known == values:
                    places.append(f"{task} on {profile}")
                    break
            else:
                groups.append(([f"{task} on {profile}"], values))
    everywhere = len(groups) == 1
    return "".join(
        f"options{'' if everywhere else ' (' + ', '.join(places) + ')'}:\n{block(values) if values else '  none'}"
        for places, values in groups
    )


def _without_empty(content: dict[str, Any]) -> dict[str, Any]:
    """Less of what is not set, down to every level: a card shows decisions."""

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strip(item) for key, item in value.items() if item is not None}
        return [strip(item) for item in value] if isinstance(value, list) else value

    return strip(content)
