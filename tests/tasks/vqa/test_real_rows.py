"""On real VQA v2 rows, which may not be shipped: set MADBENCH_REAL_VQA to the folder that holds them.

The expected figures were printed by the official tool for a part of the data (4,138 questions called val2014).
"""

import json
import os
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from madbench.tasks.vqa.official_files import locate
from madbench.tasks.vqa.question_types import QuestionTypes
from madbench.tasks.vqa.reader import read
from madbench.tasks.vqa.submission import write_submission

pytestmark = pytest.mark.skipif("MADBENCH_REAL_VQA" not in os.environ, reason="MADBENCH_REAL_VQA is not set")


@pytest.fixture(scope="module")
def source():
    """The layout, and the rows of train and val."""
    layout = locate(Path(os.environ["MADBENCH_REAL_VQA"]))
    train, val = read(layout, "train"), read(layout, "val")
    if (len(train), len(val)) != (12262, 4138):
        pytest.skip("the figures below belong to another part of the data")
    return layout, train, val


@pytest.fixture
def percent(source, madbench, tmp_path):
    """Overall, yes/no, number, other, as `madbench score vqa` prints them for one answer a question."""
    layout, _, val = source

    def score(answers) -> list[float]:
        path = tmp_path / "predictions.json"
        write_submission(path, val, answers)
        questions, annotations = layout.files["val"]
        files = ("--questions", questions, "--annotations", annotations, "--predictions", path)
        result = madbench("score", "vqa", *files, "--json")
        assert result.code == 0, result.err
        official = json.loads(result.out)["official"]
        return [official["overall"], *(official["perAnswerType"][name] for name in ("yes/no", "number", "other"))]

    return score


def test_the_most_common_answer_of_the_annotators(source, percent):
    assert percent([row.multiple_choice_answer for row in source[2]]) == [96.31, 100.00, 96.23, 93.46]


def test_the_first_annotator(source, percent):
    assert percent([row.answers[0] for row in source[2]]) == [85.92, 96.34, 87.83, 77.28]


def test_always_yes(source, percent):
    assert percent(["yes"] * len(source[2])) == [24.97, 63.92, 0.17, 1.07]


def test_the_most_common_training_answer_of_each_question_type(source, percent):
    _, train, val = source
    counts = defaultdict(Counter)
    for row in train:
        counts[row.question_type][row.multiple_choice_answer] += 1
    mode = {kind: min(answers.items(), key=lambda item: (-item[1], item[0]))[0] for kind, answers in counts.items()}
    assert percent([mode[row.question_type] for row in val]) == [32.29, 64.23, 26.79, 8.81]


def test_the_words_of_every_question_say_the_annotated_type(source):
    _, train, val = source
    types = QuestionTypes(row.question_type for row in train)
    assert [types.of(row.question) for row in (*train, *val)] == [row.question_type for row in (*train, *val)]
