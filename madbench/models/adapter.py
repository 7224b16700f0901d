"""The contract between madbench and a model: one small class.

    import madbench

    @madbench.register_model("coin")
    class Coin(madbench.ModelAdapter):
        def predict(self, split):
            coins = [np.random.default_rng([self.context.seed, int(example.id, 16)]) for example in split]
            return np.stack([coin.random(split.n_choices) for coin in coins])

This module imports no torch: an adapter decides for itself what it needs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from madbench.errors import UsageError, did_you_mean
from madbench.files import sha256_of_file
from madbench.protocols.schema import KEBAB
from madbench.registry import ADAPTERS, TASKS
from madbench.tasks.contract import Split, TaskInfo

NEEDS = frozenset({"image", "regions", "text"})


@dataclass(frozen=True)
class Account:
    """What a fit cost and used; goes into the record and the tables.

    parameters: `total` (with training-only heads), `trainable`, `inference`; empty for models without any.
    updates: optimiser updates; examples_seen: labelled examples passed, repeats counted (a vcr leg is one example);
    sequences_seen: forward sequences in training (4 per vcr example, unlabelled ones included).
    teacher_s: seconds spent on teachers. teacher_forwards: distinct inputs they computed now, 0 when all were cached.
    teacher_cached_s: seconds that what was cached cost whoever computed it, None when that is not known.
    teacher_labels: labelled in-task examples the teachers saw.
    weights: name -> sha256 of the initial weights used. notes: short marks for tables, e.g. `from scratch`.
    loop: what the training loop measured, for the record's timing, e.g. `examples_per_s`, `data_wait_s`.
    """

    parameters: Mapping[str, int] = field(default_factory=dict)
    updates: int = 0
    examples_seen: int = 0
    sequences_seen: int = 0
    teacher_s: float = 0.0
    teacher_cached_s: float | None = 0.0
    teacher_forwards: int = 0
    teacher_labels: int = 0
    unlabelled: int = 0
    weights: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    loop: Mapping[str, float | int | None] = field(default_factory=dict)


@dataclass
class Context:
    """What an adapter is given besides the data.

    device: `cpu` or `cuda`. seed: of this cell. cache_dir: a folder shared between runs, for content-keyed caches.
    max_examples: the protocol's budget in examples seen (more would be the open division). eval_points: how many
    times `evaluate` should be called, evenly spaced, the last at the end. eval_batch and progress are conveniences.
    unlabelled: gives the unlabelled rest of the training pool as a Split, for specs that declare `unlabelled: true`.
    precision: `fp32`, `bf16` or `fp16`, out of the class's `precisions`. at_once: most examples of one forward pass,
    `auto` to find out, None for all of an update. rank, world: this process among those that train together.
    """

    device: str
    seed: int
    cache_dir: Path
    logger: logging.Logger
    max_examples: int
    eval_points: int
    train_fraction: float = 1.0
    precision: str = "fp32"
    at_once: int | Literal["auto"] | None = None
    rank: int = 0
    world: int = 1
    _evaluate: Callable[[int], Mapping[str, float]] | None = None
    _save: Callable[[Any], None] | None = None
    _load: Callable[[], Any] | None = None
    _unlabelled: Callable[[], Split] | None = None
    _progress: Callable[[int, int, str], None] | None = None

    def evaluate(self, step: int) -> Mapping[str, float]:
        """Predict every condition now and store the metrics; returns the select metrics only (empty without select)."""
        return {} if self._evaluate is None else self._evaluate(step)

    def save(self, state: Any) -> None:
        """Keep a state for resume: a dict of tensors, numbers, strings and nested dicts or lists of these."""
        if self._save is not None:
            self._save(state)

    def load(self) -> Any:
        """The state saved last by an interrupted run of the same training, or None."""
        return None if self._load is None else self._load()

    def unlabelled(self) -> Split:
        """The rest of the pool without labels. Raises RuntimeError when the spec does not declare `unlabelled: true`."""
        if self._unlabelled is None:
            raise RuntimeError(
                "this model spec does not declare `unlabelled: true`, so the rest of the pool is withheld"
            )
        return self._unlabelled()

    def progress(self, done: int, total: int, what: str = "") -> None:
        """Tell how far the fit is. Never receives report metrics."""
        if self._progress is not None:
            self._progress(done, total, what)


class ModelAdapter:
    """Fits and predicts. Subclass it and register it with `@madbench.register_model("name")`.

    needs: out of {"image", "regions", "text"}; the plan checks it against the source before anything starts.
    tasks: names of the tasks it can do, None for all.
    uses_select: False for models without model selection; they are fitted on train + select.
    options: a pydantic class that checks the spec's `options`, or None to take any mapping.
    precisions: number formats it can train in; others than `fp32` make another training, so a model that lists none
    has the same identity whatever `--precision` says.
    data_parallel: whether several processes may fit it together: each calls `fit` and `predict` with the same data, and
    `context.rank` and `context.world` say whose share is whose. Otherwise one process does it alone.
    """

    needs: frozenset[str] = frozenset()
    tasks: tuple[str, ...] | None = None
    uses_select: bool = True
    options: type | None = None
    precisions: tuple[str, ...] = ("fp32",)
    data_parallel: bool = False

    def __init__(self, spec, task: TaskInfo, context: Context):
        """spec: the resolved `madbench.models.spec.ModelSpec`; `spec.options` holds this task's hyperparameters."""
        self.spec = spec
        self.task = task
        self.context = context

    def fit(self, train: Split, select: Split | None) -> None:
        """Learn from labelled examples. Optional: a zero-shot model leaves it out."""

    def predict(self, split: Split) -> np.ndarray | list[str]:
        """Scores `[len(split), split.n_choices]` in the order of the split, or (vqa) a list of answer strings."""
        raise NotImplementedError(f"{type(self).__name__} must define predict(split)")

    def restore(self, state: Any) -> bool:
        """Take a kept checkpoint (a state given to `context.save`) instead of fitting. False: cannot, fit again."""
        return False

    def account(self) -> Account:
        """What the fit cost; asked once after it."""
        return Account()


def register_model(name: str) -> Callable[[type], type]:
    """Class decorator: make an adapter known under a name.

    Raises UsageError when the name is taken or not kebab-case, for a class that is no ModelAdapter, and for `needs` and
    `tasks` that nobody knows.
    """

    def add(adapter: type) -> type:
        problem, fix = next(_wrong(name, adapter), (None, ""))
        if problem is not None:
            where = source_file(adapter) if isinstance(adapter, type) else None
            raise UsageError(f"register_model({name!r}): {problem}", fix=fix, where=where)
        ADAPTERS.register(name, adapter, origin=source_file(adapter) or adapter.__module__)
        code_sha256(adapter)  # of the file as it is imported, not as it may be edited while the process lives
        return adapter

    return add


def _wrong(name: Any, adapter: Any) -> Iterator[tuple[str, str]]:
    """What would only show once a run has begun: (problem, cure)."""
    if not isinstance(name, str) or not KEBAB.match(name):
        yield "model names are kebab-case", "e.g. my-model"
    if not isinstance(adapter, type) or not issubclass(adapter, ModelAdapter):
        yield f"{getattr(adapter, '__name__', adapter)} is no ModelAdapter", "derive it from madbench.ModelAdapter"
        return
    known = {"needs": sorted(NEEDS), "tasks": TASKS.names()}
    for trait, names in known.items():
        given = getattr(adapter, trait)
        if given is None and trait == "tasks":
            continue
        if isinstance(given, str) or not isinstance(given, Collection):
            yield f"{trait} is {given!r}, expected a collection of names", f"out of {', '.join(names)}"
            continue
        for one in given:
            if one not in names:
                hint = did_you_mean(str(one), names)
                yield f"{trait} has {one!r}" + (f"; {hint}" if hint else ""), f"use {', '.join(names)}"


@cache
def code_sha256(adapter: type) -> str | None:
    """Hex sha256 of the file an adapter is defined in, as it was when first asked; None when there is no such file."""
    file = source_file(adapter)
    return sha256_of_file(Path(file)) if file is not None and Path(file).is_file() else None


def source_file(adapter: type) -> str | None:
    """The file an adapter is defined in; None for one that was typed into an interactive session."""
    import inspect

    try:
        return inspect.getsourcefile(adapter)
    except (TypeError, OSError):
        return None
