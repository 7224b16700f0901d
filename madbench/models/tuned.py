"""What a model file says of tuning: the search space of its options, and the search its values came from. No torch."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field, model_validator

from madbench.errors import did_you_mean
from madbench.protocols.schema import Strict, TaskName

# Enough to tell two trials apart, few enough that the YAML reads as it was tried.
DIGITS = 3


class Distribution(Strict):
    """Where an option's values are drawn from. Exactly one of log, uniform, choice, scale.

    log, uniform: [low, high], even on that scale, rounded to three digits. choice: one of a list.
    scale: one of a list of factors on the value the model has, so that a row keeps what makes it that row.
    also: more options that the same factor multiplies.
    """

    log: list[float] | None = Field(default=None, min_length=2, max_length=2)
    uniform: list[float] | None = Field(default=None, min_length=2, max_length=2)
    choice: list[Any] | None = Field(default=None, min_length=1)
    scale: list[float] | None = Field(default=None, min_length=1)
    also: list[str] = []

    @model_validator(mode="after")
    def _one_kind(self):
        given = [name for name in ("log", "uniform", "choice", "scale") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of log, uniform, choice, scale (got {', '.join(given) or 'none'})")
        for name in ("log", "uniform"):
            bounds = getattr(self, name)
            if bounds is not None and not bounds[0] < bounds[1]:
                raise ValueError(f"{name}: [low, high] with low below high, got {bounds}")
        if self.log is not None and self.log[0] <= 0:
            raise ValueError(f"log: both bounds are above 0, got {self.log}")
        if self.scale is not None and min(self.scale) <= 0:
            raise ValueError(f"scale: factors are above 0, got {self.scale}")
        if self.also and self.scale is None:
            raise ValueError("also: only a factor (`scale`) can change more than one option")
        return self

    def at(self, share: float) -> Any:
        """The value, or the factor of `scale`, at a place in [0, 1)."""
        if self.log is not None:
            low, high = self.log
            return _rounded(low * (high / low) ** share)
        if self.uniform is not None:
            low, high = self.uniform
            return _rounded(low + (high - low) * share)
        values = self.choice if self.choice is not None else self.scale
        return values[int(share * len(values))]

    def written(self) -> dict[str, Any]:
        """As it stands in a YAML."""
        return self.model_dump(exclude_none=True, exclude={"also"} if not self.also else None)


Space = dict[str, Distribution]


def option_names(space: Space) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every option a space names, with its key path below the space."""
    for name, one in space.items():
        yield (name,), name
        yield from (((name, "also", place), other) for place, other in enumerate(one.also))


def unknown_option(name: str, known: Any) -> tuple[str, str] | None:
    """What fits none of the options a model has: (a did-you-mean or nothing, what could be named); None when it fits.

    name: keys with dots between, `*` for each item of a list. known: the pydantic class of the options, or options.
    """
    parts = name.split(".")
    for place, part in enumerate(parts):
        names = _below(known)
        if part not in names and not ("*" in names and part == "*"):
            hint = did_you_mean(".".join([*parts[:place], part]), [".".join([*parts[:place], one]) for one in names])
            return hint, f"name one of {', '.join(names)}" if names else "name an option, not what lies below one"
        known = names[part]
    return None


def _below(known: Any) -> dict[str, Any]:
    """Option -> what lies below it; `*` stands for each item of a list."""
    if isinstance(known, type) and issubclass(known, BaseModel):
        return {name: field.annotation for name, field in known.model_fields.items()}
    if isinstance(known, Mapping):
        return dict(known)
    if isinstance(known, list):
        return {"*": known[0]} if known else {}
    if typing.get_origin(known) is list:
        return {"*": typing.get_args(known)[0]}
    return {}


class SpaceFile(Strict):
    """A search space in a file of its own, for `--space`."""

    tune: dict[str, Distribution] = Field(min_length=1)


class TunedTask(Strict):
    """The search of one task: every trial, and what it cost in labels.

    source, data: what it ran on (`mini` means the tuning world) and the fingerprint of that. evaluated: rows each trial
    was scored on. labels: labelled examples the search used, each once: those that any draw trained or selected on, and
    the evaluated ones. values, scores: by trial; a score is the mean over draws, None for a trial that failed.
    """

    source: Literal["mini", "real"]
    data: str
    metric: str
    evaluated: int = Field(ge=1)
    labels: int = Field(ge=1)
    chosen: int = Field(ge=0)
    values: list[dict[str, Any]] = Field(min_length=1)
    scores: list[float | None] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_the_best(self):
        scores = [-1.0 if score is None else score for score in self.scores]
        if len(self.values) != len(scores):
            raise ValueError(f"scores: {len(scores)} for {len(self.values)} trials")
        if self.chosen != scores.index(max(scores)) or self.scores[self.chosen] is None:
            raise ValueError(f"chosen: trial {self.chosen} is not the first with the highest score")
        return self


class Tuned(Strict):
    """The search that chose a model file's values, written by `madbench tune`.

    protocol: whose subset recipe and budget the trials had. draws: of the search, none that a table shows. seed: of the
    quasi-random points. rows: the models that were tuned together, with the same trials. set: options laid over all trials.
    """

    protocol: str
    trials: int = Field(ge=1)
    draws: list[int] = Field(min_length=1)
    seed: int = Field(ge=0)
    rows: list[str] = Field(min_length=1)
    space: dict[str, Distribution]
    set: list[str] = []
    madbench: str
    tasks: dict[TaskName, TunedTask] = Field(min_length=1)

    def labels(self, task: str, source: str) -> int:
        """Labelled examples behind the values that hold for a task on a kind of source; 0 where none was tuned."""
        found = self.tasks.get(task)
        return found.labels if found is not None and found.source == source else 0


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
