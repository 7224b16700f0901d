"""Model specs: the YAML files of baselines/, resolved for one task and one source. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from madbench.files import sha256_of
from madbench.models.tuned import Distribution, Tuned
from madbench.protocols.schema import KEBAB, Provenance, Strict, TaskName
from madbench.tasks.exposure import unknown_data_set

MINI_WEIGHTS = "mini:"


class Overlay(Strict):
    """Values laid over the options: `options` for every task, then `tasks` for one."""

    options: dict[str, Any] = {}
    tasks: dict[TaskName, dict[str, Any]] = {}


class ModelFile(Strict):
    """A model YAML, schema 1, after `extends` is resolved.

    options go to the adapter. Order of merging for a cell: options, tasks.<task>, profiles.<mini|real>.options,
    profiles.<mini|real>.tasks.<task>. Mappings merge key by key, everything else is replaced.
    needs, uses_select, only_tasks: override what the adapter class declares. seen: data sets the initial weights saw, by the
    names of `madbench.tasks.exposure`. search: what `madbench tune` tries, option -> values. tuned: the search that chose
    values of this file; it is booked in records, and only the values it chose decide a training.
    """

    schema_: Literal[1] = Field(alias="schema")
    name: str
    version: int = Field(ge=1)
    adapter: str
    summary: str
    needs: list[Literal["image", "regions", "text"]] | None = None
    uses_select: bool | None = None
    only_tasks: list[TaskName] | None = None
    unlabelled: bool = False
    blind: bool = False
    seen: list[str] = []
    options: dict[str, Any] = {}
    tasks: dict[TaskName, dict[str, Any]] = {}
    profiles: dict[Literal["mini", "real"], Overlay] = {}
    search: dict[str, Distribution] | None = None
    tuned: Tuned | None = None
    provenance: Provenance = Provenance()

    @field_validator("seen")
    @classmethod
    def _known_data_sets(cls, names):
        problems = [problem for problem in map(unknown_data_set, names) if problem]
        if problems:
            raise ValueError("; ".join(problems))
        return names

    @model_validator(mode="after")
    def _kebab(self):
        if not KEBAB.match(self.name):
            raise ValueError(f"model names are kebab-case, got '{self.name}'")
        return self

    def resolve(self, task: str, profile: str) -> ModelSpec:
        """The spec of one cell. profile: `mini` or `real`."""
        overlay = self.profiles.get(profile, Overlay())
        options: dict[str, Any] = {}
        for layer in (self.options, self.tasks.get(task, {}), overlay.options, overlay.tasks.get(task, {})):
            options = merge(options, layer)
        return ModelSpec(
            name=self.name,
            version=self.version,
            adapter=self.adapter,
            options=options,
            unlabelled=self.unlabelled,
            blind=self.blind,
            seen=tuple(self.seen),
            profile=profile,
            tune_labels=0 if self.tuned is None else self.tuned.labels(task, profile),
        )


@dataclass(frozen=True)
class ModelSpec:
    """A model file resolved for one task and one profile: what an adapter is given as `spec`.

    tune_labels: labelled examples that the search for these options used.
    """

    name: str
    version: int
    adapter: str
    options: Mapping[str, Any]
    unlabelled: bool = False
    blind: bool = False
    seen: tuple[str, ...] = ()
    profile: str = "real"
    tune_labels: int = 0

    @property
    def hash(self) -> str:
        """Hex sha256 of what decides the training. The name and profile are labels; the resolved options count."""
        return sha256_of(
            {
                "name": self.name,
                "version": self.version,
                "adapter": self.adapter,
                "options": self.options,
                "unlabelled": self.unlabelled,
            }
        )

    def mini_weights(self) -> list[str]:
        """Every option value of the form `mini:NAME`, also behind `random:`: their words only fit the mini data."""
        values = (value for value in _leaves(self.options) if isinstance(value, str))
        return sorted({value for value in values if value.removeprefix("random:").startswith(MINI_WEIGHTS)})


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two mappings merged key by key; what is above wins; lists and scalars are replaced whole."""
    merged = dict(below)
    for key, value in above.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def _leaves(value: Any):
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _leaves(item)
    else:
        yield value
