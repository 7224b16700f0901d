"""What can be guessed without the picture: conditional logistic regression and naive Bayes, in numpy only."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np


def choice_level(train: list, test: list, *, steps: int = 150, l2: float = 1e-3) -> float:
    """Accuracy on `test` of a conditional logistic regression over choices.

    train, test: (features of each choice: list of dicts name -> number, label) per question.
    """
    names = sorted({name for features, _ in train for one in features for name in one})
    index = {name: place for place, name in enumerate(names)}
    x, y = _matrix(train, index)
    x_test, y_test = _matrix(test, index)
    weights = np.zeros(len(names))
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    target = np.eye(x.shape[1])[y]
    for step in range(1, steps + 1):
        gradient = np.einsum("nc,ncf->f", _softmax(x @ weights) - target, x) / len(x) + l2 * weights
        first = 0.9 * first + 0.1 * gradient
        second = 0.99 * second + 0.01 * gradient**2
        weights -= 0.05 * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-8)
    return float(np.mean((x_test @ weights).argmax(1) == y_test))


def _matrix(rows: list, index: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    x = np.zeros((len(rows), len(rows[0][0]), len(index)), np.float32)
    for row, (features, _) in enumerate(rows):
        for choice, values in enumerate(features):
            for name, value in values.items():
                if name in index:
                    x[row, choice, index[name]] = value
    return x, np.array([label for _, label in rows])


def _softmax(scores: np.ndarray) -> np.ndarray:
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    return scores / scores.sum(-1, keepdims=True)


def bag_of_words(choices: list[list]) -> list[dict[str, float]]:
    """Words of each choice, and how many of the other choices have each of them; tags count as one word."""
    bags = [{token.lower() if isinstance(token, str) else "<tag>" for token in choice} for choice in choices]
    shared = Counter(word for bag in bags for word in bag)
    features = []
    for bag in bags:
        one: dict[str, float] = {f"has {word}": 1.0 for word in bag}
        for word in bag:
            one[f"shared by {shared[word]}"] = one.get(f"shared by {shared[word]}", 0.0) + 1
        features.append(one)
    return features


def tag_use(question: list, choices: list[list]) -> list[dict[str, float]]:
    """How each choice names the people asked about."""
    asked = {tag for token in question if isinstance(token, list) for tag in token}
    features = []
    for choice in choices:
        tags = {tag for token in choice if isinstance(token, list) for tag in token}
        pronoun = any(isinstance(token, str) and token.lower() in ("he", "she", "they") for token in choice)
        use = f"same {len(asked & tags)} other {len(tags - asked)} missing {len(asked - tags)} pronoun {pronoun}"
        features.append({use: 1.0, f"{len(asked)} asked, {use}": 1.0})
    return features


def joined(*feature_lists: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{name: value for one in group for name, value in one.items()} for group in zip(*feature_lists, strict=True)]


def naive_bayes_level(train: list[tuple[str, str]], test: list[tuple[str, str]]) -> float:
    """Accuracy of multinomial naive Bayes on unigrams and bigrams (presence, add one) from texts to labels."""
    labels = sorted({label for _, label in train})
    counts = {label: Counter() for label in labels}
    for text, label in train:
        counts[label].update(_grams(text))
    vocabulary = {gram for counter in counts.values() for gram in counter}
    total = {label: sum(counts[label].values()) + len(vocabulary) for label in labels}
    prior = Counter(label for _, label in train)

    def score(grams: set[str], label: str) -> float:
        seen = [np.log((counts[label][gram] + 1) / total[label]) for gram in sorted(grams) if gram in vocabulary]
        return float(np.log(prior[label]) + sum(seen))

    right = 0
    for text, label in test:
        grams = _grams(text)
        right += max(labels, key=lambda one: score(grams, one)) == label
    return right / len(test)


def _grams(text: str) -> set[str]:
    words = text.lower().replace(".", " .").split()
    return {*words, *(f"{one} {two}" for one, two in pairwise(words))}
