"""An evaluation point: every condition predicted, stored and scored; only the select metrics leave it."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from madbench.errors import MadbenchError
from madbench.harness.conditions import ConditionRows, score_all
from madbench.harness.following import predict_together
from madbench.harness.prediction_files import MOST_SCORES_STORED, write_predictions
from madbench.harness.store import CellFolder
from madbench.tasks.contract import AnswerSpace, LegPredictions, Row, Split, Task, opaque_id

SELECT = "select"


@dataclass
class Evaluation:
    """Predicts with one adapter on all conditions of a cell.

    select: rows of the select split, or None. The split of a condition is made once and used at every point.
    seconds: spent in here so far. conditions may be fewer than the cell has (the others being stored already).
    group: of the processes that predict together (`madbench.training.distribution.Group`), None for this one alone.
    """

    task: Task
    space: AnswerSpace
    rendering: str
    versions: Mapping[str, str]
    conditions: Sequence[ConditionRows]
    select: Sequence[Row] | None
    folder: CellFolder
    adapter_name: str
    seconds: float = 0.0
    group: Any = None
    _views: dict[tuple[str, str], tuple[Split, list[int]]] = field(default_factory=dict)

    def at(self, adapter: Any, step: int) -> dict[str, Any]:
        """The history line of a step: {"step", "select": metrics, "conditions": {condition: metrics}}.

        Predictions are on disk when it returns. Raises MadbenchError naming the adapter when its output cannot be used.
        """
        began = time.monotonic()
        stored = {one.name: one for one in self.conditions if one.stored}
        predictions: dict[str, dict[str, LegPredictions]] = {name: {} for name in stored}
        selected: dict[str, LegPredictions] = {}
        with _random_state_kept():
            for leg in self.task.legs:
                if self.select is not None:
                    selected[leg] = self.predict(adapter, SELECT, self.select, leg)
                for name, condition in stored.items():
                    predictions[name][leg] = self.predict(adapter, name, condition.rows, leg)
                if leg != self.task.legs[-1]:
                    # A later leg shows the gold answers of this one: what was predicted is written down before.
                    for name, condition in stored.items():
                        write_predictions(self.folder.predictions(name, step), condition.rows, predictions[name], {})
        scores = score_all(self.task, self.conditions, predictions, dict(self.versions))
        for name, condition in stored.items():
            path = self.folder.predictions(name, step)
            write_predictions(path, condition.rows, predictions[name], scores[name].correct)
        select_metrics: dict[str, float] = {}
        if self.select is not None:
            select_metrics = plain(self.task.score(self.select, selected, self.versions).metrics)
        self.seconds += time.monotonic() - began
        return {
            "step": step,
            "select": select_metrics,
            "conditions": {name: plain(one.metrics) for name, one in scores.items()},
        }

    def predict(self, adapter: Any, condition: str, rows: Sequence[Row], leg: str) -> LegPredictions:
        """What the adapter says of rows it sees under ids of `condition`, in the order of the rows."""
        split, order = self._view(condition, rows, leg)
        output = adapter.predict(split) if self.group is None else predict_together(adapter, split, self.group)
        checked = check_output(output, len(split), self.space, f"{self.adapter_name} on {condition}, leg {leg}")
        storable = checked.scores is not None and checked.scores.shape[1] <= MOST_SCORES_STORED
        return LegPredictions(
            tuple(checked.labels[place] for place in order), checked.scores[order] if storable else None
        )

    def assist(self, adapter: Any) -> None:
        """What `at` is in the processes beside rank 0: their share of the same predictions in the same order."""
        with _random_state_kept():
            for leg in self.task.legs:
                asked = [(one.name, one.rows) for one in self.conditions if one.stored]
                for name, rows in [*([] if self.select is None else [(SELECT, self.select)]), *asked]:
                    predict_together(adapter, self._view(name, rows, leg)[0], self.group)

    def _view(self, condition: str, rows: Sequence[Row], leg: str) -> tuple[Split, list[int]]:
        """The split a model sees, and for each row its place in it."""
        if (condition, leg) not in self._views:
            split = self.task.view(
                rows, condition=condition, space=self.space, rendering=self.rendering, labelled=False, leg=leg
            )
            place_of = {example.id: place for place, example in enumerate(split)}
            order = [place_of[opaque_id(self.task.name, condition, leg, row.example_id)] for row in rows]
            self._views[condition, leg] = split, order
        return self._views[condition, leg]


def check_output(output: Any, rows: int, space: AnswerSpace, what: str) -> LegPredictions:
    """An adapter's output as predictions in the order of its split; the lowest index wins a tie.

    Raises MadbenchError beginning with `what` for wrong types, lengths, shapes, and values that are no numbers.
    """
    if isinstance(output, (list, tuple)) and all(isinstance(one, str) for one in output):
        if not space.open:
            raise MadbenchError(f"{what}: predict returned strings", fix="return scores, one per choice")
        if len(output) != rows:
            raise MadbenchError(f"{what}: predict returned {len(output)} answers for {rows} examples", fix="one each")
        return LegPredictions(tuple(output))
    try:
        scores = np.asarray(output, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise MadbenchError(
            f"{what}: predict returned {type(output).__name__}, which is no array of numbers ({error})",
            fix="return an array [examples, choices]" + (" or a list of strings" if space.open else ""),
        ) from None
    if scores.shape != (rows, space.n_choices):
        raise MadbenchError(
            f"{what}: predict returned shape {list(scores.shape)}, expected [{rows}, {space.n_choices}]",
            fix="return one row per example of the split and one column per choice",
        )
    if not np.isfinite(scores).all():
        bad = int(np.argwhere(~np.isfinite(scores))[0][0])
        raise MadbenchError(
            f"{what}: predict returned a score that is not finite for example {bad}", fix="return finite scores"
        )
    return LegPredictions(tuple(space.labels[place] for place in scores.argmax(axis=1)), scores)


def plain(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items()}


@contextmanager
def _random_state_kept() -> Iterator[None]:
    """What is evaluated must not change what is trained: the global generators go on as if nothing had happened."""
    python, numpy = random.getstate(), np.random.get_state()
    torch = sys.modules.get("torch")
    state = torch.get_rng_state() if torch is not None else None
    cuda = torch.cuda.get_rng_state_all() if torch is not None and torch.cuda.is_initialized() else None
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        if state is not None:
            torch.set_rng_state(state)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)
