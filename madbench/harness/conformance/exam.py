"""What is examined, for one task: the model, the world, and the trainings that several checks look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from madbench.harness.cell import Cell
from madbench.harness.conformance.outcome import Failed, Meter, Skipped
from madbench.harness.conformance.predictions import Difference, Predictions
from madbench.harness.conformance.trials import Trial, Whole, run_whole
from madbench.harness.conformance.watch import Watch, process_settings
from madbench.harness.conformance.world import cells
from madbench.harness.store import Store
from madbench.models.spec import ModelFile
from madbench.tasks.contract import Split
from madbench.tasks.sources import Source

# How far a score may move with the order or the number of rows, absolute and relative: sums of float32 in another
# order, and on a GPU other kernels for other shapes.
ALLOWED = {"cpu": 1e-4, "cuda": 1e-2}
# Of the generators that a process shares; which numbers they are does not matter, only that they are two.
SOME, OTHER = 0, 90_210


@dataclass(frozen=True)
class Again:
    """A training from the constructor to the predictions; what failed is in it."""

    trial: Trial
    predictions: Predictions | None
    failure: Failed | None


@dataclass
class Exam:
    """Trainings are made when a check first asks for them.

    source: the file that defines the adapter, None when it cannot be known. needs: what the plan takes it to need.
    shown: the splits that the first training was shown, by condition (or `train`) and leg; before: what was in them.
    predictions: of the first training. settings: of the process, before any adapter code ran.
    """

    file: ModelFile
    adapter: type
    source: str | None
    data: Source
    needs: frozenset[str]
    overrides: dict[str, Any]
    device: str
    folder: Path
    meter: Meter
    shown: dict[tuple[str, str], Split] = field(default_factory=dict)
    before: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    predictions: Predictions = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=process_settings)

    def __post_init__(self) -> None:
        self.plain = self._cells(select=False)
        self.selecting = self._cells(select=True)
        self.first = self.trial("first")

    def trial(self, name: str, seed: int = 0, generators: int = SOME, watch: Watch | None = None) -> Trial:
        """A training without a select split; only `watched` ones note what they read."""
        return Trial(self.plain[seed], self.folder / name, self.device, self.source, generators, watch)

    @cached_property
    def other_seed(self) -> Again:
        return self._again(self.trial("other-seed", seed=1))

    @cached_property
    def watched(self) -> Again:
        """The first training once more: watched, with other generators, and after one with another seed."""
        _ = self.other_seed
        return self._again(self.trial("watched", generators=OTHER, watch=Watch()))

    @property
    def store(self) -> Store:
        """Where `whole` lies."""
        return Store(self.folder / "whole")

    @cached_property
    def whole(self) -> Whole:
        """A cell through the harness, with a select split and two evaluation points."""
        with self.meter.step("whole cell"):
            return run_whole(self.selecting[0], self.store, self.device)

    def first_condition(self) -> Predictions:
        """The first training's predictions on the unshifted rows."""
        first = self.first.conditions[0].name
        return {key: found for key, found in self.predictions.items() if key[0] == first}

    def refuse(self, found: Difference | None, where: str, cure: str) -> None:
        """Predictions that must be equal: bit for bit on the CPU; a GPU promises no such thing."""
        if found is None:
            return
        if self.device != "cpu":
            raise Skipped(f"bit for bit on the CPU only; {where} {found}")
        raise Failed(f"{where} {found}; {cure}")

    def _cells(self, select: bool) -> list[Cell]:
        return cells(self.file, self.data, select, self.overrides, self.folder)

    def _again(self, trial: Trial) -> Again:
        try:
            return Again(trial, trial.whole(), None)
        except Failed as failure:
            return Again(trial, None, failure)
        finally:
            trial.adapter = None  # a large model does not fit many times
