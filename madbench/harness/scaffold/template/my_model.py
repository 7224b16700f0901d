"""my-model: words and logistic scores, in numpy. Everything that madbench calls is here; replace what you like.

It learns a weight for each word (for pairs of a question's first word and an answer's word, too) and answer.
"""

import re
import zlib
from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

import madbench
from madbench.models.adapter import Account

WORD = re.compile(r"[a-z0-9']+")
BUCKETS = 1 << 13


class Options(BaseModel):
    """What a model file's `options`, `--set` and `madbench tune` may change; anything else is an error."""

    model_config = ConfigDict(extra="forbid")

    learning_rate: float = Field(default=0.5, gt=0)
    passes: int = Field(default=10, ge=1)
    batch_examples: int = Field(default=16, ge=1)


@madbench.register_model("my-model")
class MyModel(madbench.ModelAdapter):
    """Say in one line what the model does."""

    needs = frozenset({"text"})  # out of {"image", "regions", "text"}: what the examples must have
    tasks = None  # all; or some of ("vcr", "snli_ve", "vqa")
    uses_select = True  # False: nothing to choose among, so it is fitted on train + select
    options = Options

    def __init__(self, spec, task, context):
        """One instance per cell. spec.options: as resolved. task: name, legs, labels, n_choices. No data yet."""
        super().__init__(spec, task, context)
        self.chosen = Options.model_validate(dict(spec.options))
        # vcr brings its candidates along, and one weight a word scores any of them; the other tasks have fixed labels.
        self.weights = np.zeros((BUCKETS, 1 if task.multiple_choice else task.n_choices), np.float32)
        self._account = Account()

    # ----- learning. A zero-shot model leaves `fit` out.

    def fit(self, train, select):
        """train, select: examples with targets; select is None where the protocol has none. vcr: both legs in one."""
        context, chosen = self.context, self.chosen
        words = [self._words(example) for example in train]
        targets = [self._target(example) for example in train]
        batch = min(chosen.batch_examples, len(train), context.max_examples)
        # max_examples is the protocol's budget: fewer is fine, more puts the row into the open division.
        updates = min(chosen.passes * len(train), context.max_examples) // batch
        # As many evaluation points as the protocol asks for, the last at the end.
        points = {updates * number // context.eval_points for number in range(1, context.eval_points + 1)}

        state, done = context.load(), 0  # None, or what an interrupted run of this very training saved last
        if state is not None:
            self.weights, done = state["weights"], state["step"]
        for step in range(done, updates):
            for row in self._rows(step, batch, len(train)):
                self._learn(words[row], targets[row], chosen.learning_rate / batch)
            context.progress(step + 1, updates, "updates")
            if step + 1 in points:
                # Scores every condition now. Returns the select metrics only ({} without a select split).
                context.evaluate(step + 1)
                # Tensors, arrays, numbers, texts. With "step" it can also be kept, for `restore`.
                context.save({"step": step + 1, "weights": self.weights})
        self._account = Account(
            parameters={"total": self.weights.size, "trainable": self.weights.size, "inference": self.weights.size},
            updates=updates,
            examples_seen=updates * batch,
        )

    def _rows(self, step: int, batch: int, count: int) -> list[int]:
        """The rows of an update, a function of seed and step alone: so a resumed training sees the same ones."""
        places = range(step * batch, (step + 1) * batch)
        return [int(self._order(place // count, count)[place % count]) for place in places]

    def _order(self, epoch: int, count: int) -> np.ndarray:
        # A generator of our own: the one that numpy shares is in a state that depends on what ran before.
        return np.random.default_rng([self.context.seed, epoch]).permutation(count)

    def _learn(self, words: list[np.ndarray], target: np.ndarray, rate: float) -> None:
        """One step of softmax regression. words: of each candidate, or of the one text. target: sums to 1, or all 0."""
        error = (softmax(self._scores(words)) - target) * target.sum()
        if self.task.multiple_choice:
            for candidate, wrong in zip(words, error, strict=True):
                self.weights[candidate] -= rate * wrong
        else:
            self.weights[words[0]] -= rate * error

    def _target(self, example) -> np.ndarray:
        """The share of each choice. vqa has a score for each answer of the vocabulary that an annotator gave."""
        share = np.zeros(self.task.n_choices, np.float32)
        if self.task.open:
            for answer, score in example.target.scores.items():
                share[answer] = score
            return share / max(share.sum(), 1e-6)
        share[example.target] = 1
        return share

    # ----- predicting

    def predict(self, split):
        """Scores [len(split), split.n_choices], a row an example, in the order of the split. Targets are withheld."""
        return np.stack([self._scores(self._words(example)) for example in split])

    def _scores(self, words: Sequence[np.ndarray]) -> np.ndarray:
        scores = np.stack([self.weights[one].sum(axis=0) for one in words])  # [candidates, 1] or [1, labels]
        return scores.ravel()

    def _words(self, example) -> list[np.ndarray]:
        """Bucket numbers for each candidate (vcr), or one array for the whole text (snli_ve, vqa).

        There is more to see: example.image.open() is the picture (declare "image" in needs), example.tags says which
        words stand for which object, example.leg which of vcr's two questions this is.
        """
        query = WORD.findall(" ".join(example.text.values()).lower())
        if not self.task.multiple_choice:
            return [buckets([*query, *(f"{query[0]} {word}" for word in query[1:])])]
        found = []
        for choice in example.choices:
            words = WORD.findall(choice.lower())
            shared = [f"both {word}" for word in words if word in query]
            found.append(buckets([*words, *shared, *(f"{query[0]} {word}" for word in words)]))
        return found

    # ----- afterwards

    def restore(self, state):
        """Take a kept state instead of fitting: conditions that are added later are then only predicted."""
        self.weights = state["weights"]
        return True

    def account(self):
        """What the fit cost, for the record and the tables."""
        return self._account


def buckets(words: Sequence[str]) -> np.ndarray:
    """Words as numbers below BUCKETS, each once. Not by hash(), which differs from process to process."""
    return np.unique([zlib.crc32(word.encode()) % BUCKETS for word in ("", *words)])


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()
