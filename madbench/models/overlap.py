"""Shortcut baseline: pick what repeats the query. No image, no torch, nothing but counting.

vcr: the number of object tags a choice shares with the query (all classes, as sets), the
"cheat" of Ye & Kovashka 2021, where 29 % of the real val is right (a much different figure there means that a reader
misplaces tags); ties broken by shared words. snli_ve has nothing to
overlap with but the hypothesis itself, vqa only the question, so there a word-count model stands in: the label whose
training texts share most words with this one (multinomial naive Bayes over unigrams, add-one).
"""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from madbench.models.adapter import ModelAdapter
from madbench.tasks.contract import Example, SoftTarget, Split

WORD = re.compile(r"[a-z0-9']+")


def words_of(text: str) -> list[str]:
    return WORD.findall(text.lower())


class Overlap(ModelAdapter):
    """Tag overlap for vcr, word overlap with the labels' training texts for snli_ve and vqa."""

    needs = frozenset({"text"})
    uses_select = False

    def fit(self, train: Split, select: Split | None) -> None:
        if self.task.multiple_choice:
            return
        self._label_counts = np.zeros(self.task.n_choices)
        counts: dict[str, Counter] = {}
        for example in train:
            for label, weight in _labels(example):
                self._label_counts[label] += weight
                for word in set(words_of(" ".join(example.text.values()))):
                    counts.setdefault(word, Counter())[label] += weight
        self._words = {word: row for row, word in enumerate(sorted(counts))}
        table = np.ones((len(self._words), self.task.n_choices))
        for word, row in self._words.items():
            for label, weight in counts[word].items():
                table[row, label] += weight
        self._log_words = np.log(table) - np.log(table.sum(axis=0))
        self._log_prior = np.log(self._label_counts + 1) - np.log((self._label_counts + 1).sum())

    def predict(self, split: Split) -> np.ndarray:
        if self.task.multiple_choice:
            return np.stack([tag_overlap(example) for example in split])
        scores = np.empty((len(split), split.n_choices), dtype=np.float32)
        for row, example in enumerate(split):
            known = [self._words[w] for w in sorted(set(words_of(" ".join(example.text.values())))) if w in self._words]
            scores[row] = self._log_prior + self._log_words[known].sum(axis=0)
        return scores


def tag_overlap(example: Example) -> np.ndarray:
    """Shared tags per choice, plus a fraction below 1 for shared words that only breaks ties. Shape [choices]."""
    query_tags = {tag for part in example.tags.parts.values() for tag in part if tag >= 0}
    query_words = set(words_of(" ".join(example.text.values())))
    scores = []
    for text, tags in zip(example.choices, example.tags.choices, strict=True):
        words = set(words_of(text))
        shared_words = len(words & query_words) / (len(words) + 1)
        scores.append(len({tag for tag in tags if tag >= 0} & query_tags) + shared_words)
    return np.array(scores, dtype=np.float32)


def _labels(example: Example) -> list[tuple[int, float]]:
    if isinstance(example.target, SoftTarget):
        return list(example.target.scores.items())
    return [(example.target, 1.0)]
