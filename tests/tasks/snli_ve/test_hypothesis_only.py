import math
import random

import pytest

from madbench.errors import DataMalformed
from madbench.tasks.snli_ve.hypothesis_only import HypothesisOnly, features

CLASSES = ("contradiction", "entailment", "neutral")


def test_features_are_the_set_of_lower_case_unigrams_and_bigrams():
    assert features("The dog's 2 dogs, the DOG's!") == {
        *("the", "dog's", "2", "dogs"),
        *("the dog's", "dog's 2", "2 dogs", "dogs the"),
    }
    assert features("...") == set()


def corpus(count: int, seed: int) -> tuple[list[str], list[str]]:
    draw = random.Random(seed)
    words = [f"w{number}" for number in range(30)]
    labels = [draw.choice(CLASSES) for _ in range(count)]
    texts = [" ".join([*draw.choices(words, k=4), *([label[:4]] if draw.random() < 0.3 else [])]) for label in labels]
    return texts, labels


def by_hand(texts, labels, text) -> str:
    """The recipe, word for word."""
    sets = [features(one) for one in texts]
    kept = {word for word in set().union(*sets) if sum(word in one for one in sets) >= 5}
    best = None
    for name in sorted(set(labels)):
        own = [one for one, label in zip(sets, labels, strict=True) if label == name]
        total = sum(len(one & kept) for one in own)
        score = math.log(len(own) / len(texts))
        for word in sorted(features(text) & kept):
            score += math.log((sum(word in one for one in own) + 1) / (total + len(kept)))
        if best is None or score > best[0]:
            best = (score, name)
    return best[1]


def test_it_predicts_what_the_recipe_says():
    texts, labels = corpus(120, seed=1)
    new, _ = corpus(40, seed=2)
    model = HypothesisOnly(texts, labels)
    assert model.predict(new) == [by_hand(texts, labels, text) for text in new]


def test_the_order_of_training_texts_does_not_matter():
    texts, labels = corpus(300, seed=3)
    new, _ = corpus(200, seed=4)
    assert HypothesisOnly(texts, labels).predict(new) == HypothesisOnly(texts[::-1], labels[::-1]).predict(new)


def test_words_of_fewer_than_five_texts_count_nothing():
    texts = ["cat"] * 4 + ["dog"] * 6
    labels = ["neutral"] * 4 + ["entailment"] * 6
    # `cat` is unknown, so the larger class wins.
    assert HypothesisOnly(texts, labels).predict(["cat"]) == ["entailment"]
    assert HypothesisOnly([*texts, "cat"], [*labels, "neutral"]).predict(["cat"]) == ["neutral"]


def test_ties_go_to_the_first_class_by_name():
    assert HypothesisOnly(["same"] * 30, list(CLASSES) * 10).predict(["same", "", "new"]) == ["contradiction"] * 3


def test_nothing_to_learn_from_is_an_error():
    with pytest.raises(DataMalformed, match="no training rows"):
        HypothesisOnly([], [])
    assert HypothesisOnly(["a"], ["neutral"]).predict([]) == []
