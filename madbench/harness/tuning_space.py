"""The search space of `madbench tune`: what ships, its points, and what a point makes of a model's options."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from madbench.errors import ConfigError, UsageError
from madbench.models.spec import ModelFile
from madbench.models.tuned import Distribution, Space, SpaceFile, option_names, unknown_option
from madbench.protocols.problems import check
from madbench.protocols.yaml_files import read_document
from madbench.registry import ADAPTERS

# The strength of distillation is one dimension; for a row without teachers it changes nothing.
DEFAULT: dict[str, dict[str, dict[str, Any]]] = {
    "finetune": {
        "training.learning_rate": {"log": [3.0e-5, 3.0e-3]},
        # Updates decide where a row has them; where it has none they are None, and are left out.
        "training.passes": {
            "scale": [0.5, 1.0, 2.0],
            "also": ["training.min_examples", "training.max_examples", "training.updates"],
        },
        "objective.teachers.*.weight": {"scale": [0.1, 0.3, 1.0, 3.0]},
    },
    "clip-probe": {
        "learning_rate": {"log": [1.0e-4, 1.0e-2]},
        "updates": {"scale": [0.5, 1.0, 2.0]},
    },
}


def read_space(path: Path) -> Space:
    """A `--space` file: `tune: {option: {log|uniform|choice|scale: [...]}}`. Raises DataMissing, ConfigError."""
    return check(read_document(path), SpaceFile).tune


def space_of(file: ModelFile, given: Space | None) -> Space:
    """What is searched for a model: what is given, else its own `search`, else what ships for its adapter.

    Raises ConfigError for an option that its adapter does not have, UsageError when there is nothing to search.
    """
    space = given if given is not None else file.search
    if space is None and file.adapter in DEFAULT and ADAPTERS.origin(file.adapter) == "built-in":
        space = {name: Distribution.model_validate(one) for name, one in DEFAULT[file.adapter].items()}
    if not space:
        raise UsageError(
            f"model '{file.name}' has nothing to search: no space ships for the adapter {file.adapter}",
            fix="give one with --space FILE, or as `search` in the model file",
        )
    return space


def shared(spaces: Mapping[str, Space]) -> Space:
    """One space for all models, so that what they share has the same values. spaces: model -> its own.

    Raises ConfigError when two models draw one option from different values.
    """
    together: Space = {}
    first: dict[str, str] = {}
    for model, space in spaces.items():
        for name, one in space.items():
            if name in together and together[name] != one:
                raise ConfigError(
                    f"{first[name]} and {model} search {name} in different values, and rows are tuned alike",
                    fix="give one space for both with --space FILE",
                )
            together[name] = one
            first.setdefault(name, model)
    return together


def points(space: Space, trials: int, seed: int) -> list[dict[str, Any]]:
    """Trial -> option -> value (the factor of `scale`): a scrambled Halton sequence, whose beginning does not change with
    the number of trials."""
    from scipy.stats import qmc

    places = qmc.Halton(d=len(space), scramble=True, rng=seed).random(trials)  # (trials, options), in [0, 1)
    return [
        {name: one.at(float(share)) for (name, one), share in zip(space.items(), row, strict=True)} for row in places
    ]


def laid_over(options: Mapping[str, Any], schema: type[BaseModel] | None, space: Space, point: Mapping[str, Any]):
    """`(options, values)`: the options with a trial's values, and those by name; what a model has nowhere is left out.

    schema: of the adapter's options, whose defaults a factor multiplies; None: the options alone.
    """
    base = dict(options) if schema is None else schema.model_validate(dict(options)).model_dump()
    changed, values = copy.deepcopy(dict(options)), {}
    for name, one in space.items():
        value = point[name]
        for target in (name, *one.also):
            for path in _paths(base, tuple(target.split("."))):
                before = _at(base, path)
                if before is None and target in one.also:
                    continue
                _assign(changed, path, _scaled(name, before, value) if one.scale is not None else value)
                values[name] = value
    return changed, values


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What must be laid over `before` to have `after`: mappings key by key, everything else whole."""
    found = {}
    for key, value in after.items():
        if isinstance(value, Mapping) and isinstance(before.get(key), Mapping):
            inner = difference(before[key], value)
            if inner:
                found[key] = inner
        elif key not in before or before[key] != value:
            found[key] = value
    return found


def check_space(model: str, space: Space, schema: type[BaseModel] | None, options: Mapping[str, Any]) -> None:
    """Raises ConfigError for the first option of a space that the model's options do not have."""
    for _, name in option_names(space):
        unknown = unknown_option(name, options if schema is None else schema)
        if unknown is not None:
            hint, fix = unknown
            raise ConfigError(
                f"model '{model}' has no option '{name}' to search" + (f"; {hint}" if hint else ""), fix=fix
            )


def _paths(value: Any, parts: Sequence[str]) -> Iterator[tuple[str | int, ...]]:
    """The paths that a name with `*` stands for in options; none when a list on the way is empty."""
    if not parts:
        yield ()
        return
    first, rest = parts[0], parts[1:]
    if first == "*" and isinstance(value, list):
        for place, item in enumerate(value):
            yield from ((place, *path) for path in _paths(item, rest))
    elif isinstance(value, Mapping) and first in value:
        yield from ((first, *path) for path in _paths(value[first], rest))


def _at(value: Any, path: Sequence[str | int]) -> Any:
    for part in path:
        value = value[part]
    return value


def _assign(options: dict[str, Any], path: Sequence[str | int], value: Any) -> None:
    inner: Any = options
    for part in path[:-1]:
        inner = inner[part] if isinstance(part, int) else inner.setdefault(part, {})
    inner[path[-1]] = value


def _scaled(name: str, before: Any, factor: float) -> int | float:
    """A value times a factor; whole numbers stay whole, and at least 1."""
    if isinstance(before, bool) or not isinstance(before, (int, float)):
        raise ConfigError(
            f"{name}: only a number can be scaled, and it is {before!r}", fix="use choice, log or uniform"
        )
    return max(1, round(before * factor)) if isinstance(before, int) else float(f"{before * factor:.6g}")
