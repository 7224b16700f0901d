"""A classifier that reads the hypothesis alone: multinomial naive Bayes, reproducible to the bit.

It defines `ve-hard`, so nothing in it may depend on chance, file order or a library version: counts are whole numbers,
and the log probabilities of a hypothesis are added in one fixed order (prior first, then its features by code point).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from madbench.errors import DataMalformed

_TOKEN = re.compile(r"[a-z0-9']+")
MINIMUM_DOCUMENTS = 5


def features(text: str) -> set[str]:
    """Unigrams and bigrams (`"a b"`) of the lower-cased text; presence, not counts."""
    words = _TOKEN.findall(text.lower())
    return {*words, *map(" ".join, pairwise(words))}


class HypothesisOnly:
    """Multinomial naive Bayes on the presence of features, add-one smoothing, empirical priors.

    log P(c) = log(n_c / n); log P(w|c) = log((n_wc + 1) / (sum_w n_wc + V)), over the V features that at least
    MINIMUM_DOCUMENTS training texts have. Features outside V count nothing. Ties go to the class first in name order.
    """

    def __init__(self, texts: Iterable[str], labels: Iterable[str]):
        """Raises DataMalformed for no texts."""
        documents: Counter[str] = Counter()
        by_class: dict[str, Counter[str]] = {}
        for text, label in zip(texts, labels, strict=True):
            documents[label] += 1
            by_class.setdefault(label, Counter()).update(features(text))
        if not documents:
            raise DataMalformed("no training rows for the hypothesis-only classifier", fix="give a training split")
        self.classes = tuple(sorted(documents))
        total: Counter[str] = Counter()
        for counts in by_class.values():
            total.update(counts)
        kept = sorted(feature for feature, count in total.items() if count >= MINIMUM_DOCUMENTS)
        self._index = {feature: place for place, feature in enumerate(kept)}
        n = documents.total()
        self._prior = [math.log(documents[label] / n) for label in self.classes]
        # [features + 1, classes]; the last row is padding. math.log, because numpy's differs between processors.
        self._log = np.zeros((len(kept) + 1, len(self.classes)))
        for column, label in enumerate(self.classes):
            counts = by_class[label]
            denominator = sum(counts[feature] for feature in kept) + len(kept)
            logs: dict[int, float] = {}
            for row, feature in enumerate(kept):
                count = counts[feature] + 1
                if count not in logs:
                    logs[count] = math.log(count / denominator)
                self._log[row, column] = logs[count]

    def predict(self, texts: Sequence[str]) -> list[str]:
        """The most probable class of each text."""
        index = self._index
        known = [sorted(index[feature] for feature in features(text) if feature in index) for text in texts]
        padded = np.full((len(known), max(map(len, known), default=0)), len(index))
        for row, places in enumerate(known):
            padded[row, : len(places)] = places
        scores = np.tile(np.array(self._prior), (len(known), 1))  # [texts, classes]
        # One feature after the other: a matrix product would add in an order of its own. Padding adds an exact zero.
        for column in padded.T:
            scores += self._log[column]
        return [self.classes[best] for best in scores.argmax(axis=1)]
