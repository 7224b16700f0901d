"""How far one gets on mini without the picture: the figures of CARD.md, measured again by `python -m madbench.mini.levels`."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np

Features = list[dict[str, float]]  # one dict a choice: feature name -> value

PRONOUNS = frozenset(("he", "she", "they"))
SUBJECT_WORDS = PRONOUNS | frozenset((",", "and", "left", "right", "of", "above", "below"))
CHOICES = {"q2a": ("answer_choices", "answer_label"), "qa2r": ("rationale_choices", "rationale_label")}


def choice_level(train: list[tuple[Features, int]], test: list[tuple[Features, int]], steps: int = 150) -> float:
    """Accuracy on `test` of a conditional logistic regression over choices, trained on `train`.

    Each question is the features of its choices and the position of the right one.
    """
    names = sorted({name for features, _ in train for one in features for name in one})
    index = {name: place for place, name in enumerate(names)}
    x, y = _matrix(train, index)
    x_test, y_test = _matrix(test, index)
    weights = np.zeros(len(names))
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    target = np.eye(x.shape[1])[y]
    for step in range(1, steps + 1):
        scores = x @ weights
        probabilities = np.exp(scores - scores.max(-1, keepdims=True))
        probabilities /= probabilities.sum(-1, keepdims=True)
        gradient = np.einsum("nc,ncf->f", probabilities - target, x) / len(x) + 1e-3 * weights
        # Adam, step size 0.05
        first = 0.9 * first + 0.1 * gradient
        second = 0.99 * second + 0.01 * gradient**2
        weights -= 0.05 * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-8)
    return float(np.mean((x_test @ weights).argmax(1) == y_test))


def _matrix(rows: list[tuple[Features, int]], index: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    x = np.zeros((len(rows), len(rows[0][0]), len(index)), np.float32)
    for row, (features, _) in enumerate(rows):
        for choice, values in enumerate(features):
            for name, value in values.items():
                if name in index:
                    x[row, choice, index[name]] = value
    return x, np.array([label for _, label in rows])


def bag_of_words(choices: list[list]) -> Features:
    """Words of each choice, and by how many choices each is shared; tags count as one word."""
    bags = [{token.lower() if isinstance(token, str) else "<tag>" for token in choice} for choice in choices]
    shared = Counter(word for bag in bags for word in bag)
    features = []
    for bag in bags:
        one: dict[str, float] = {f"has {word}": 1.0 for word in bag}
        for word in bag:
            one[f"shared by {shared[word]}"] = one.get(f"shared by {shared[word]}", 0.0) + 1
        features.append(one)
    return features


def content(choices: list[list]) -> list[list]:
    """The choices without their subjects: the shortcut is there, the content should tell nothing."""
    return [[one for one in choice if isinstance(one, str) and one.lower() not in SUBJECT_WORDS] for choice in choices]


def tag_use(question: list, choices: list[list]) -> Features:
    """How each choice names the people asked about."""
    asked = tags_of(question)
    features = []
    for choice in choices:
        tags, pronoun = tags_of(choice), has_pronoun(choice)
        use = f"same {len(asked & tags)} other {len(tags - asked)} missing {len(asked - tags)} pronoun {pronoun}"
        features.append({use: 1.0, f"{len(asked)} asked, {use}": 1.0})
    return features


def tags_of(tokens: list) -> set[int]:
    return {tag for token in tokens if isinstance(token, list) for tag in token}


def has_pronoun(tokens: list) -> bool:
    return any(isinstance(token, str) and token.lower() in PRONOUNS for token in tokens)


def naming_shares(rows: list[dict], choices: str, label: str) -> dict[str, float]:
    """How right and wrong choices of questions about one person name people, as shares of these choices."""
    counts: dict[str, Counter] = {"right": Counter(), "wrong": Counter()}
    for row in rows:
        asked = tags_of(row["question"])
        if len(asked) != 1:
            continue
        for place, choice in enumerate(row[choices]):
            tags, count = tags_of(choice), counts["right" if place == row[label] else "wrong"]
            count["all"] += 1
            count["the person asked about"] += asked <= tags
            count["only the person asked about"] += asked == tags
            count["somebody else"] += bool(tags - asked)
            count["only somebody else"] += bool(tags) and not asked & tags
            count["a pronoun"] += has_pronoun(choice)
    return {
        f"{kind}: {what}": number / count["all"]
        for kind, count in counts.items()
        for what, number in count.items()
        if what != "all"
    }


def both(first: Features, second: Features) -> Features:
    return [{**one, **two} for one, two in zip(first, second, strict=True)]


def naive_bayes_level(train: list[tuple[str, str]], test: list[tuple[str, str]]) -> float:
    """Accuracy of multinomial naive Bayes on words and pairs of words (presence, add one), from texts to labels."""
    labels = sorted({label for _, label in train})
    counts: dict[str, Counter] = {label: Counter() for label in labels}
    for text, label in train:
        counts[label].update(_grams(text))
    vocabulary = {gram for counter in counts.values() for gram in counter}
    total = {label: sum(counts[label].values()) + len(vocabulary) for label in labels}
    prior = Counter(label for _, label in train)

    def score(grams: set[str], label: str) -> float:
        seen = [np.log((counts[label][gram] + 1) / total[label]) for gram in sorted(grams) if gram in vocabulary]
        return float(np.log(prior[label]) + sum(seen))

    return sum(max(labels, key=lambda one: score(_grams(text), one)) == label for text, label in test) / len(test)


def _grams(text: str) -> set[str]:
    words = text.lower().replace(".", " .").split()
    return {*words, *(f"{one} {two}" for one, two in pairwise(words))}


def favourite_level(annotations: list[dict]) -> float:
    """Share of vqa questions whose most common answer is the favourite of their question type."""
    kinds: dict[str, Counter] = {}
    for one in annotations:
        kinds.setdefault(one["question_type"], Counter())[one["multiple_choice_answer"]] += 1
    return sum(max(answers.values()) for answers in kinds.values()) / len(annotations)


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def vcr_levels(train: list[dict], test: list[dict]) -> dict[str, float]:
    """Levels by leg and kind of text-only probe, from raw annotation rows."""
    found = {}
    for leg, (choices, label) in CHOICES.items():
        probes = {
            "content words": lambda row, key=choices: bag_of_words(content(row[key])),
            "bag of words": lambda row, key=choices: bag_of_words(row[key]),
            "tag use": lambda row, key=choices: tag_use(row["question"], row[key]),
            "bag of words and tag use": lambda row, key=choices: both(
                bag_of_words(row[key]), tag_use(row["question"], row[key])
            ),
        }
        for name, features in probes.items():
            parts = [[(features(row), row[label]) for row in rows] for rows in (train, test)]
            found[f"vcr {leg}: {name}"] = choice_level(*parts)
    return found


def measure(vcr: Path, snli_ve: Path, vqa: Path) -> dict[str, float]:
    """All levels of a world, from its task roots; and how vcr's training choices name people."""
    train = lines(vcr / "train.jsonl")
    found = vcr_levels(train[:8000], lines(vcr / "val.jsonl"))
    for leg, (choices, label) in CHOICES.items():
        found |= {f"vcr {leg} {what}": share for what, share in naming_shares(train, choices, label).items()}
    pairs = {
        split: [(row["sentence2"], row["gold_label"]) for row in lines(snli_ve / f"snli_ve_{split}.jsonl")]
        for split in ("train", "dev", "test")
    }
    for split in ("dev", "test"):
        found[f"snli_ve {split}: naive Bayes on hypotheses"] = naive_bayes_level(pairs["train"], pairs[split])
    given = json.loads((vqa / "v2_mscoco_val2014_annotations.json").read_text(encoding="utf-8"))["annotations"]
    found["vqa val: favourite answer of the question type"] = favourite_level(given)
    return found


if __name__ == "__main__":
    from madbench.mini.build import ensure

    for name, level in measure(ensure("vcr"), ensure("snli_ve"), ensure("vqa")).items():
        print(f"{name:45} {level:.3f}")
