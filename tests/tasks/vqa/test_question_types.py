"""The type of a question follows from its words: longest known beginning, as the official list is used."""

import json
import shutil

import pytest

from madbench.tasks import cache
from madbench.tasks.contract import AnswerSpace
from madbench.tasks.sources import locate
from madbench.tasks.table import RowTable
from madbench.tasks.vqa.question_types import QuestionTypes
from madbench.tasks.vqa.task import TASK

TYPES = QuestionTypes(["is", "is the", "is this a", "what color", "what color is the", "none of the above", None])
REPHRASED = "v2_OpenEnded_mscoco_valrep2014_humans_og_questions.json"


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Is the cat asleep?", "is the"),
        ("is  THE\ncat asleep", "is the"),
        ("Is there a cat?", "is"),  # `is the` ends within a word
        ("Is this a.m. or p.m.?", "is"),
        ("What color(s) are they?", "none of the above"),
        ("What color is the car?", "what color is the"),
        ("What color?", "what color"),
        ("Does it rain?", "none of the above"),
        ("?", "none of the above"),
        ("", "none of the above"),
    ],
)
def test_the_longest_beginning_of_whole_words_is_the_type(question, kind):
    assert TYPES.of(question) == kind


def test_without_a_type_for_all_others_none_fits():
    assert QuestionTypes(["is the"]).of("Why not?") is None
    assert QuestionTypes([]).of("Is the cat asleep?") is None


@pytest.fixture
def copy(root, tmp_path):
    """A copy of the source in which train knows the types that its test questions begin with."""
    shutil.copytree(root, tmp_path / "vqa")
    known = iter(["what", "what color is the", "how many", "is the", "none of the above"])
    edit(
        tmp_path / "vqa" / "v2_mscoco_train2014_annotations.json",
        "annotations",
        lambda one: {"question_type": next(known)},
    )
    return tmp_path / "vqa"


def edit(file, key, change):
    content = json.loads(file.read_text())
    for one in content[key]:
        one.update(change(one))
    file.write_text(json.dumps(content))


def shown(rows):
    view = TASK.view(
        rows, condition="test", space=AnswerSpace(("yes",), open=True), rendering="index@1", labelled=False
    )
    kinds = {example.text["question"]: example.tags.question_type for example in view}
    return [kinds[row.question] for row in rows]


@pytest.mark.parametrize("split", ["test", "test-dev"])
def test_questions_without_annotations_show_the_types_of_their_words(copy, split):
    questions = copy / f"v2_OpenEnded_mscoco_{split}2015_questions.json"
    words = iter(["What color is the bus?", "How many dogs?", "Why?", "What is it?", "Is the dog wet?"])
    edit(questions, "questions", lambda one: {"question": next(words)})
    rows = TASK.read(TASK.locate(copy), split)
    expected = ["what color is the", "how many", "none of the above", "what", "is the"]
    assert shown(rows) == expected[: len(rows)]
    # It is no annotation: nothing is counted or scored by it.
    assert all(row.question_type is None and not row.groups for row in rows)


def test_without_annotations_anywhere_no_type_is_shown(copy):
    for file in (*copy.glob("*train2014_*.json"), *copy.glob("*val2014_*.json")):
        file.unlink()
    assert set(shown(TASK.read(TASK.locate(copy), "test"))) == {None}


def test_annotated_questions_show_the_annotated_type(copy):
    for split in ("train", "val", "cp-test", "vs-val"):
        rows = TASK.read(locate(TASK, copy), split)
        assert shown(rows) == [row.question_type for row in rows]


def test_a_rephrasing_shows_the_type_of_its_own_words_and_not_of_its_original(copy):
    words = iter(
        ["What is it?", "Is the thing a kettle?", "Kettle or pan?", "What color is the kettle?", "What is it?"]
    )
    edit(copy / "rephrasings" / REPHRASED, "questions", lambda one: {"question": next(words)})
    rows = TASK.read(locate(TASK, copy), "rephrasings")
    assert [row.shown_type for row in rows[1:4]] == ["is the", "none of the above", "what color is the"]
    # The original keeps its own annotation, and scores by type go by the annotated one.
    assert rows[0].shown_type == rows[0].question_type
    assert {row.question_type for row in rows[:4]} == {rows[0].question_type}


def test_types_are_remembered_with_the_rows_and_follow_train(copy, tmp_path, monkeypatch):
    fresh = TASK.read(TASK.locate(copy), "test")
    monkeypatch.setenv("MADBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(cache, "SMALLEST", 0)
    for _ in range(2):
        rows = TASK.read(TASK.locate(copy), "test")
        assert isinstance(rows, RowTable) and list(rows) == list(fresh)
    edit(copy / "v2_mscoco_train2014_annotations.json", "annotations", lambda one: {"question_type": "unheard of"})
    assert set(shown(TASK.read(TASK.locate(copy), "test"))) == {None}


def test_a_damaged_train_file_is_not_the_fault_of_test(copy):
    (copy / "v2_mscoco_train2014_annotations.json").write_text("{")
    assert len(TASK.read(TASK.locate(copy), "test")) == 5
