"""Options back into words: for processes that get this very command, and for `--executor print`."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import join
from typing import Any

# Said by the cells themselves, or of no use to one command of many.
_OF_THE_WHOLE = ("model", "protocol", "task", "draws", "seeds", "executor", "cluster", "jobs", "on_error", "dry_run")


def as_arguments(given: Mapping[str, Any]) -> list[str]:
    """The options of a command, as one would type them."""
    words = []
    for name, value in given.items():
        option = "--" + name.strip("_").replace("_", "-")
        if value is True:
            words.append(option)
        elif value is not None and value is not False:
            for one in value if isinstance(value, list) else [value]:
                words += [option, str(one)]
    return words


def _names_of_specs(plan: Any, given: Mapping[str, Any]) -> dict[str, str]:
    """Hash of a resolved spec -> the model as it was named: two files may have one model name."""
    from madbench.harness.overrides import parse_overrides, weights_asked
    from madbench.harness.specs import resolved_spec
    from madbench.models.load import load_model

    overrides, files = parse_overrides(given["set_"] or ()), {name: load_model(name) for name in given["model"]}
    places = sorted({(planned.cell.task, planned.cell.source.kind) for planned in plan.cells})
    tasks = [task for task, _ in places]
    weights = weights_asked(given["weights"] or (), list(files.values()), tasks, overrides)
    found: dict[str, str] = {}
    for name, file in files.items():
        for task, kind in places:
            found.setdefault(resolved_spec(file, task, kind, overrides, weights).hash, name)
    return found


def commands_of(plan: Any, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[str]:
    """A command for each training that a plan still needs, with all that is scored of it.

    given: the options of the whole command; what is at its default is left out. The commands may run at the same time,
    in any order, from this folder.
    """
    from madbench.harness.executor import chains_of
    from madbench.protocols.loading import load_protocol

    name_of = _names_of_specs(plan, given)
    protocols = {load_protocol(name).hash: name for name in given["protocol"]}
    rest = {name: value for name, value in given.items() if name not in _OF_THE_WHOLE and value != defaults[name]}
    lines = []
    for chain in chains_of([planned.cell for planned in plan.to_do]):
        own = {
            "model": name_of[chain[0].spec.hash],
            "protocol": [protocols[sha] for sha in dict.fromkeys(cell.protocol.hash for cell in chain)],
            "task": chain[0].task,
            "draws": ",".join(map(str, sorted({cell.draw for cell in chain}))),
            "seeds": ",".join(map(str, sorted({cell.seed for cell in chain}))),
        }
        lines.append(join(["madbench", "run", *as_arguments({**own, **rest})]))
    return lines
