"""Which words of a sequence the text teachers are asked about (our reading: docs/method.md).

CLIP-TD's abstract says "adaptively selected tokens per instance". Candidates are words without stop words and
punctuation. relevance = alpha x rank of the teacher's word-image similarity + (1-alpha) x rank of the word's IDF; TF-IDF
and min-max normalisation are the alternatives.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from madbench.models.students.tokens import pieces

STOP_WORDS = frozenset(
    [
        "a",
        "an",
        "the",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "am",
        "do",
        "does",
        "did",
        "has",
        "have",
        "had",
        "of",
        "in",
        "on",
        "at",
        "to",
        "for",
        "from",
        "with",
        "by",
        "as",
        "and",
        "or",
        "but",
        "not",
        "it",
        "its",
        "this",
        "that",
        "these",
        "those",
        "there",
        "here",
        "he",
        "she",
        "they",
        "them",
        "him",
        "his",
        "her",
        "hers",
        "their",
        "i",
        "you",
        "we",
        "who",
        "whom",
        "whose",
        "what",
        "which",
        "why",
        "where",
        "when",
        "how",
        "because",
        "so",
        "if",
        "then",
        "than",
        "s",
    ]
)


def content_words(text: str) -> list[str]:
    """Lower-cased words in order, repeats kept, without stop words and punctuation."""
    return [word for word in pieces(text) if word[0].isalnum() and word not in STOP_WORDS]


def inverse_document_frequency(texts: Sequence[str]) -> dict[str, float]:
    """log((1 + documents) / (1 + documents with the word)) over the distinct texts given (training texts only)."""
    distinct = set(texts)
    counts = Counter(word for text in distinct for word in set(content_words(text)))
    return {word: math.log((1 + len(distinct)) / (1 + count)) for word, count in counts.items()}


def rank01(values: np.ndarray) -> np.ndarray:
    """Ranks scaled to 0..1 (ties by position); one value gives 1."""
    if len(values) == 1:
        return np.ones(1)
    ranks = np.empty(len(values))
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return ranks / (len(values) - 1)


def min_max(values: np.ndarray) -> np.ndarray:
    """Values moved and scaled to 0..1; all 1 where they are equal, and nothing is told apart."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.ones(len(values))


SCALES = {"rank": rank01, "min_max": min_max}


def selected_words(
    text: str,
    mode: str,
    count: int,
    alpha: float,
    visual: dict[str, float],
    idf: dict[str, float],
    seed: int,
    *,
    keyword: str = "idf",
    normalise: str = "rank",
) -> list[str]:
    """The kept words in text order. visual: word -> similarity with this example's image.

    With at most `count` candidates all are kept, in every mode. seed: for mode `random`, one per sequence. keyword:
    `idf`, or `tf_idf` (times the word's count in this text). normalise: `rank` or `min_max`, of both scores.
    """
    words = content_words(text)
    if len(words) <= count:
        return words
    if mode == "first":
        return words[:count]
    if mode == "random":
        kept = np.sort(np.random.default_rng(seed).permutation(len(words))[:count])
        return [words[place] for place in kept]
    seen = np.array([visual.get(word, 0.0) for word in words])
    rare = np.array([idf.get(word, 0.0) for word in words])
    if keyword == "tf_idf":
        often = Counter(words)
        rare = rare * np.array([often[word] for word in words])
    scaled = SCALES[normalise]
    relevance = alpha * scaled(seen) + (1 - alpha) * scaled(rare)
    kept = np.sort(np.argsort(-relevance, kind="stable")[:count])
    return [words[place] for place in kept]
