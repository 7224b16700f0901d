"""Model specs before anything runs: resolved, `--set` laid over them, their options checked, their weights named.

What a model needs and can do is read here too. Imports no torch for built-in models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from madbench.errors import ConfigError, UsageError, did_you_mean
from madbench.models.adapter import code_sha256
from madbench.models.spec import ModelFile, ModelSpec, merge
from madbench.models.weight_references import (
    RANDOM,
    identity_of,
    names_by_content,
    references,
    remember_places,
    renamed,
)
from madbench.registry import ADAPTERS
from madbench.tasks.sources import Source


@dataclass(frozen=True)
class Traits:
    """What a model needs and can do. tasks: None for all. precisions: those it can compute in."""

    needs: frozenset[str]
    uses_select: bool
    tasks: tuple[str, ...] | None
    precisions: tuple[str, ...] = ("fp32",)


def traits_of(file: ModelFile) -> Traits:
    """What a model needs and can do. The YAML wins; the adapter class is imported only for what it leaves open."""
    if file.adapter not in ADAPTERS:
        raise ADAPTERS.unknown(file.adapter)
    if file.needs is not None and ADAPTERS.origin(file.adapter) == "built-in":
        # Importing such an adapter would import torch; what its YAML leaves out has the contract's default.
        tasks = tuple(file.only_tasks) if file.only_tasks is not None else None
        from madbench.models.options import PRECISIONS

        precisions = PRECISIONS.get(file.adapter, ("fp32",))
        return Traits(frozenset(file.needs), file.uses_select is not False, tasks, precisions)
    adapter = ADAPTERS.load(file.adapter)
    return Traits(
        frozenset(adapter.needs if file.needs is None else file.needs),
        adapter.uses_select if file.uses_select is None else file.uses_select,
        _tuple(adapter.tasks if file.only_tasks is None else file.only_tasks),
        adapter.precisions,
    )


def code_of(adapter: str) -> str | None:
    """Hex sha256 of the file that defines an adapter; None for a built-in one, and for one that is in no file."""
    return None if ADAPTERS.origin(adapter) == "built-in" else code_sha256(ADAPTERS.load(adapter))


def _tuple(names: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(names)


def resolved_spec(
    file: ModelFile,
    task: str,
    profile: str,
    overrides: Mapping[str, Any],
    weights: Mapping[str, str] = MappingProxyType({}),
) -> ModelSpec:
    """The resolved spec with `--set` laid over it, its options checked by the adapter's schema.

    weights: other names for those of weights in it (`--weights`).
    """
    if file.adapter not in ADAPTERS:
        raise ADAPTERS.unknown(file.adapter)
    spec = file.resolve(task, profile)
    spec = replace(spec, options=renamed(merge(spec.options, overrides), weights))
    schema = options_schema(file.adapter)
    if schema is not None:
        _check_options(schema, spec)
    return spec


def options_schema(adapter: str) -> Any:
    """The pydantic class of an adapter's options, or None. Imports no built-in adapter that has one."""
    from madbench.models.options import OPTION_SCHEMAS

    if adapter in OPTION_SCHEMAS and ADAPTERS.origin(adapter) == "built-in":
        return OPTION_SCHEMAS[adapter]
    return ADAPTERS.load(adapter).options


def _check_options(schema: Any, spec: ModelSpec) -> None:
    from pydantic import ValidationError

    try:
        schema.model_validate(dict(spec.options))
    except ValidationError as error:
        problems = []
        for one in error.errors():
            path = ".".join(["options", *map(str, one["loc"])])
            hint, told = "", one["msg"].lower()
            if one["type"] == "extra_forbidden":
                hint = did_you_mean(str(one["loc"][-1]), _fields_at(schema, one["loc"][:-1]))
            elif one["type"] == "literal_error":
                hint = did_you_mean(str(one["input"]), re.findall(r"'([^']*)'", one["ctx"]["expected"]))
                told += f", got {one['input']!r}"
            problems.append(f"{path}: {told}" + (f"; {hint}" if hint else ""))
        raise ConfigError(
            f"model '{spec.name}': " + "; ".join(problems), fix="correct the model file, or what --set gives"
        ) from None


def _fields_at(schema: Any, path: Sequence[Any]) -> list[str]:
    """The option names of a nested schema, as far as the path leads through plain fields."""
    for key in path:
        field = schema.model_fields.get(key)
        if field is None or not hasattr(field.annotation, "model_fields"):
            return []
        schema = field.annotation
    return list(schema.model_fields)


def initial_weights(spec: ModelSpec, source: Source) -> dict[str, str]:
    """Name -> content hash or pinned revision of all weights a spec starts from.

    Raises UsageError for mini weights on other data and for names that pin nothing, DataMissing for paths.
    """
    names = spec.mini_weights()
    if names and source.kind != "mini":
        raise UsageError(
            f"model '{spec.name}' starts from {', '.join(names)}, which only know the mini data, and {source.task} is real",
            fix=f"--weights {names[0].removeprefix(RANDOM)}=NAME_OR_PATH; or a `profiles: {{real: ...}}` in the model's file"
            f" without them, or --data {source.task}=mini",
        )
    weights = {name: identity_of(name) for name in references(spec.options)}
    remember_places(names_by_content(spec.options, weights))
    return weights
