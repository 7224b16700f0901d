from dataclasses import fields, replace

import pytest

from madbench.errors import DataMalformed
from madbench.registry import TASKS
from madbench.tasks.contract import Example, LegPredictions, SoftTarget


@pytest.fixture
def task():
    return TASKS.load("vqa")


def visible(example: Example) -> dict:
    """All that a model can read of an example, the picture by its key."""
    shown = {one.name: getattr(example, one.name) for one in fields(example)}
    shown["image"] = None if example.image is None else example.image.key
    return shown


def view(task, rows, space, condition="val", labelled=False):
    return task.view(rows, condition=condition, space=space, rendering="index@1", labelled=labelled)


def test_withheld_labels_change_nothing_a_model_sees(task, root):
    rows = task.read(task.locate(root), "val")
    space = task.answer_space(rows, 1.0)
    other = [
        replace(row, answers=("zebra",) * 10, multiple_choice_answer="zebra", answer_type="number", stratum="number")
        for row in rows
    ]
    assert [visible(e) for e in view(task, rows, space)] == [visible(e) for e in view(task, other, space)]


def test_labels_are_there_for_training(task, root):
    rows = task.read(task.locate(root), "train")
    space = task.answer_space(rows, 1.0)
    targets = [example.target for example in view(task, rows, space, labelled=True)]
    assert all(isinstance(target, SoftTarget) and target.scores for target in targets)


def test_question_and_question_type_are_visible_and_source_ids_are_not(task, root):
    rows = task.read(task.locate(root), "val")
    space = task.answer_space(rows, 1.0)
    shown = view(task, rows, space)
    assert {example.tags.question_type for example in shown} == {row.question_type for row in rows}
    text = " ".join(str(visible(example)) for example in shown)
    assert not any(row.example_id in text or row.image_id in text for row in rows)
    assert tuple(shown[0].text) == task.text_parts


def test_ids_of_two_conditions_do_not_join(task, root):
    rows = task.read(task.locate(root), "val")
    space = task.answer_space(rows, 1.0)
    first, second = ({e.id for e in view(task, rows, space, condition=name)} for name in ("val", "changed-prior"))
    assert len(first) == len(second) == 5
    assert not first & second


def test_questions_of_one_picture_share_it_and_it_opens(task, root):
    rows = task.read(task.locate(root), "val")
    shown = view(task, rows, task.answer_space(rows, 1.0))
    assert len({example.image.key for example in shown}) == 3
    assert shown[0].image.open().mode == "RGB"


def test_a_model_may_answer_outside_the_vocabulary(task, root):
    rows = task.read(task.locate(root), "val")
    space = task.answer_space(task.read(task.locate(root), "train"), 0.01)
    assert space.open and space.n_choices == view(task, rows, space).n_choices
    answers = tuple(row.multiple_choice_answer for row in rows)
    scores = task.score(rows, {"main": LegPredictions(answers)}, {})
    assert scores.metrics[task.primary] == 1.0
    assert scores.correct["main"].shape == (5,)


def test_the_version_of_the_score_can_be_chosen(task, row):
    rows = [row(1, "the cat", answers=["the cat"] * 9 + ["dog"])]
    predictions = {"main": LegPredictions(("cat",))}
    assert task.score(rows, predictions, {}).metrics["vqa_accuracy"] == 1.0
    assert task.score(rows, predictions, {"vqa_accuracy": "2016"}).metrics["vqa_accuracy"] == 0.0


def test_predictions_of_another_leg_are_refused(task, row):
    with pytest.raises(DataMalformed, match="leg main"):
        task.score([row(1, "x")], {"q2a": LegPredictions(("x",))}, {})
