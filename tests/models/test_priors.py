import logging
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from madbench.models.adapter import Context
from madbench.models.overlap import Overlap, tag_overlap
from madbench.models.priors import Majority, RandomGuess
from madbench.tasks.contract import Example, SoftTarget, Split, Tags, TaskInfo

CONTEXT = Context("cpu", 0, Path(), logging.getLogger(), 1000, 1)
VQA = TaskInfo("vqa", ("main",), 3, ("no", "red", "yes"), ("question",), False, True)
SNLI = TaskInfo("snli_ve", ("main",), 3, ("contradiction", "entailment", "neutral"), ("hypothesis",), False, False)
VCR = TaskInfo("vcr", ("q2a", "qa2r"), 4, ("0", "1", "2", "3"), ("question", "answer"), True, False)


def question(place, kind, answer=None):
    target = None if answer is None else SoftTarget(answer, {VQA.labels.index(answer): 1.0})
    return Example(f"{place:016x}", "main", None, {"question": kind}, tags=Tags(question_type=kind), target=target)


def fitted(adapter, info, examples):
    model = adapter(SimpleNamespace(options={}), info, CONTEXT)
    model.fit(Split(examples, leg="main", n_choices=info.n_choices), None)
    return model


def test_majority_answers_per_question_type_and_overall_for_an_unseen_type():
    train = [question(1, "is", "yes"), question(2, "is", "yes"), question(3, "is", "no"), question(4, "what", "red")]
    model = fitted(Majority, VQA, train)
    asked = Split([question(5, "is"), question(6, "what"), question(7, "where")], leg="main", n_choices=3)
    assert model.predict(asked) == ["yes", "red", "yes"]


def test_majority_breaks_ties_by_answer():
    model = fitted(Majority, VQA, [question(1, "is", "yes"), question(2, "is", "no")])
    assert model.predict(Split([question(3, "is")], leg="main", n_choices=3)) == ["no"]


def test_random_depends_on_seed_and_id_but_not_on_the_other_rows():
    model = RandomGuess(SimpleNamespace(options={}), VCR, CONTEXT)
    examples = [Example(f"{place:016x}", "q2a", None, {}) for place in range(50)]
    everything = model.predict(Split(examples, leg="q2a", n_choices=4))
    alone = model.predict(Split(examples[7:8], leg="q2a", n_choices=4))
    assert np.array_equal(everything[7], alone[0])
    assert len(set(everything.argmax(1))) == 4


def test_tag_overlap_counts_shared_tags_and_words_only_break_ties():
    example = Example(
        "0" * 16,
        "q2a",
        None,
        {"question": "Why is Casey sad ?"},
        ("Casey left .", "Riley is sad why is .", "Nobody .", "Casey and Riley ."),
        Tags(
            ("person", "person"),
            {"question": (-1, -1, 0, -1, -1)},
            ((0, -1, -1), (1, -1, -1, -1, -1, -1), (-1, -1), (0, -1, 1, -1)),
        ),
    )
    scores = tag_overlap(example)
    assert np.floor(scores).tolist() == [1, 0, 0, 1]
    assert scores[1] > scores[2]


def test_overlap_learns_which_words_go_with_a_label():
    def pair(place, text, target=None):
        return Example(f"{place:016x}", "main", None, {"hypothesis": text}, target=target)

    train = [pair(1, "nobody sleeps", 0), pair(2, "nobody runs", 0), pair(3, "a man runs", 1), pair(4, "a sad man", 2)]
    scores = fitted(Overlap, SNLI, train).predict(Split([pair(5, "nobody")], leg="main", n_choices=3))
    assert scores.argmax() == 0
