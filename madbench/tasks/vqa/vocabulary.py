"""The answers a classifier may give, built from training rows only, and the soft targets over them.

The recipe is that of the usual 3,129-answer vocabulary (hengyuan-hu/bottom-up-attention-vqa, also LXMERT and UNITER),
except that it sees the training rows in use and nothing else: a vocabulary from the full train and val annotations
would bring labels into a 1 % run. `answers_3129` is that one; protocols that use
it say so and book its labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

from madbench.errors import DataMalformed
from madbench.files import sha256_of_lines
from madbench.tasks.contract import SoftTarget
from madbench.tasks.vqa.normalise import clean, digits_and_articles, normalise, punctuation
from madbench.tasks.vqa.rows import VqaRow
from madbench.tasks.vqa.score import accuracy

FULL_THRESHOLD = 9  # "more than 8" of the published recipe, for the whole training split
SOFT_SCORE = {1: 0.3, 2: 0.6, 3: 0.9}  # how many of the ten annotators -> score; four and more: 1


def threshold(fraction: float) -> int:
    """How many questions must have an answer for it to be a label: 9 scaled with the training fraction, at least 1.

    `round` is Python's, exact halves to even: 9 at 1.0, 1 at 0.1 and below.
    """
    return max(1, round(FULL_THRESHOLD * fraction))


def training_answer(answer: str) -> str:
    """An answer as a label: the official punctuation and digit/article steps, white space left as it is before them.

    (The published recipe then deletes commas; the punctuation step leaves none.) The official scorer normalises the
    same way, so a label is a string that it can match; it may be empty ("the", "?").
    """
    return digits_and_articles(punctuation(answer))


def vocabulary(train: Sequence[VqaRow], fraction: float) -> tuple[str, ...]:
    """Labels in code point order: processed multiple_choice_answers of at least `threshold(fraction)` questions.

    When no answer is that common (a handful of rows), every answer is a label. Raises DataMalformed for rows without
    answers, or no rows.
    """
    counts: Counter[str] = Counter()
    for row in train:
        if row.multiple_choice_answer is None:
            raise DataMalformed(f"question {row.example_id} has no answer", fix="train on a split with annotations")
        counts[training_answer(row.multiple_choice_answer)] += 1
    if not counts:
        raise DataMalformed("no training rows to take answers from", fix="give at least one annotated question")
    least = threshold(fraction)
    return tuple(sorted(answer for answer, count in counts.items() if count >= least) or sorted(counts))


def fingerprint(labels: Sequence[str]) -> str:
    """SHA-256 of the labels sorted by code point and joined by newlines: the form the literature's list is known by."""
    return sha256_of_lines(sorted(labels))


def soft_target(row: VqaRow, index: Mapping[str, int]) -> SoftTarget:
    """index: label -> its place. A label scores by how many of the ten *raw* answers equal it: 1 .3, 2 .6, 3 .9, 4+ 1.

    May have no scores at all. Raises DataMalformed for a row without answers.
    """
    if row.multiple_choice_answer is None:
        raise DataMalformed(f"question {row.example_id} has no answer", fix="train on a split with annotations")
    counts = Counter(row.answers)
    scores = {index[answer]: SOFT_SCORE.get(count, 1.0) for answer, count in counts.items() if answer in index}
    return SoftTarget(answer=row.multiple_choice_answer, scores=scores)


class Oracle:
    """The best label for each question, looked up once for each different set of answers.

    Conditions of one evaluation split share their questions, so one oracle serves all of them.
    """

    def __init__(self, labels: Sequence[str]):
        # Unanimous questions are compared after `clean` alone, the others after `normalise`: one label each is enough.
        self._by_clean = {clean(label): label for label in labels}
        self._by_normal = {normalise(label): label for label in labels}
        self._best: dict[tuple[str, ...], float] = {}

    def ceiling(self, rows: Sequence[VqaRow]) -> float:
        """Mean official accuracy (2021) of an oracle that must answer with a label: what the vocabulary costs.

        Raises DataMalformed for no rows.
        """
        if not rows:
            raise DataMalformed("no questions to average over", fix="give at least one annotated question")
        total = 0.0
        for row in rows:
            total += self._score(row.answers)
        return total / len(rows)

    def _score(self, answers: tuple[str, ...]) -> float:
        if answers not in self._best:
            unanimous = len(set(map(clean, answers))) == 1
            key, table = (clean, self._by_clean) if unanimous else (normalise, self._by_normal)
            candidates = {table[key(answer)] for answer in answers if key(answer) in table}
            self._best[answers] = max((accuracy(answers, label) for label in candidates), default=0.0)
        return self._best[answers]


@lru_cache(2)
def oracle(labels: tuple[str, ...]) -> Oracle:
    """The oracle of a vocabulary, kept while its conditions are scored."""
    return Oracle(labels)
