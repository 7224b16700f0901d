"""Models that look at nothing: a coin, and the most common answer. No torch."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np

from madbench.models.adapter import ModelAdapter
from madbench.tasks.contract import SoftTarget, Split


class RandomGuess(ModelAdapter):
    """A uniform guess per example, from the cell's seed and the example's id (so row order does not matter)."""

    uses_select = False

    def predict(self, split: Split) -> np.ndarray:
        scores = np.empty((len(split), split.n_choices), dtype=np.float32)
        for row, example in enumerate(split):
            rng = np.random.default_rng([self.context.seed, int(example.id, 16)])
            scores[row] = rng.random(split.n_choices, dtype=np.float32)
        return scores


class Majority(ModelAdapter):
    """The most common training answer; for vqa per question type (overall for an unseen one), ties by answer.

    vqa counts `multiple_choice_answer` and answers in strings, so it is not limited to a vocabulary.
    """

    uses_select = False

    def fit(self, train: Split, select: Split | None) -> None:
        self._counts: dict[tuple[str, str | None], Counter] = defaultdict(Counter)
        for example in train:
            answer = example.target.answer if isinstance(example.target, SoftTarget) else example.target
            self._counts[example.leg, None][answer] += 1
            if example.tags.question_type is not None:
                self._counts[example.leg, example.tags.question_type][answer] += 1

    def predict(self, split: Split) -> np.ndarray | list[str]:
        modes = {key: min(counts, key=lambda answer: (-counts[answer], answer)) for key, counts in self._counts.items()}
        answers = [modes.get((one.leg, one.tags.question_type), modes[one.leg, None]) for one in split]
        if self.task.open:
            return answers
        scores = np.zeros((len(split), split.n_choices), dtype=np.float32)
        scores[np.arange(len(split)), answers] = 1
        return scores
