"""On real VQA v2 rows, which may not be shipped: set MADBENCH_REAL_VQA to the folder that holds them.

The expected figures were printed by the official tool for a part of the data (4,138 questions called val2014).
"""

import os
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from madbench.tasks.vqa.reader import locate, read
from madbench.tasks.vqa.score import official_percent, score_answers

pytestmark = pytest.mark.skipif("MADBENCH_REAL_VQA" not in os.environ, reason="MADBENCH_REAL_VQA is not set")


@pytest.fixture(scope="module")
def splits():
    layout = locate(Path(os.environ["MADBENCH_REAL_VQA"]))
    train, val = read(layout, "train"), read(layout, "val")
    if (len(train), len(val)) != (12262, 4138):
        pytest.skip("the figures below belong to another part of the data")
    return train, val


def percent(rows, answers) -> list[float]:
    """Overall, yes/no, number, other."""
    correct = score_answers(rows, answers).correct["main"]
    groups = [correct]
    for kind in ("yes/no", "number", "other"):
        groups.append([one for one, row in zip(correct, rows, strict=True) if row.answer_type == kind])
    return [official_percent(group) for group in groups]


def test_the_most_common_answer_of_the_annotators(splits):
    _, val = splits
    assert percent(val, [row.multiple_choice_answer for row in val]) == [96.31, 100.00, 96.23, 93.46]


def test_the_first_annotator(splits):
    _, val = splits
    assert percent(val, [row.answers[0] for row in val]) == [85.92, 96.34, 87.83, 77.28]


def test_always_yes(splits):
    _, val = splits
    assert percent(val, ["yes"] * len(val)) == [24.97, 63.92, 0.17, 1.07]


def test_the_most_common_training_answer_of_each_question_type(splits):
    train, val = splits
    counts = defaultdict(Counter)
    for row in train:
        counts[row.question_type][row.multiple_choice_answer] += 1
    mode = {kind: min(answers.items(), key=lambda item: (-item[1], item[0]))[0] for kind, answers in counts.items()}
    assert percent(val, [mode[row.question_type] for row in val]) == [32.29, 64.23, 26.79, 8.81]
