import json

import pytest

from madbench.errors import DataMalformed
from madbench.tasks.contract import LegPredictions
from madbench.tasks.sources import locate
from madbench.tasks.vqa import gqa
from madbench.tasks.vqa.task import TASK

RECORD = {
    "imageId": "n54424",
    "question": "What is on the table?",
    "answer": "cup",
    "fullAnswer": "The cup is on the table.",
    "groups": {"local": "06-table", "global": "object"},
}


@pytest.fixture
def source(tmp_path):
    """A root with GQA-OOD test-dev, tail: `source({"0512": RECORD})`."""

    def make(content):
        (tmp_path / "gqa-ood").mkdir(exist_ok=True)
        (tmp_path / "gqa" / "images").mkdir(parents=True, exist_ok=True)
        path = tmp_path / "gqa-ood" / "ood_testdev_tail.json"
        path.write_text(json.dumps(content))
        return path

    return make


def test_its_rows_stand_apart_from_coco(source, tmp_path):
    source({"0512": RECORD})
    layout = locate(TASK, tmp_path)
    assert set(layout.files) == {"gqa-ood-testdev-tail"} and layout.has_images("gqa-ood-testdev-tail")
    (row,) = TASK.read(layout, "gqa-ood-testdev-tail")
    assert (row.example_id, row.image_id, row.answers) == ("gqa-0512", "gqa-n54424", ("cup",))
    assert row.image_path == tmp_path / "gqa" / "images" / "n54424.jpg"
    assert row.question_type is None and row.answer_type is None


def test_one_right_answer_after_the_normaliser_on_both_sides(source):
    path = source(
        {str(n): {**RECORD, "answer": answer} for n, answer in enumerate(["cup", "Two", "the t-shirt", "red"])}
    )
    rows = gqa.read(path, None)
    scores = TASK.score(rows, {"main": LegPredictions(("the cup", "2", "t shirt", "blue"))}, {})
    assert scores.metrics == {"accuracy": 0.75}
    assert scores.correct["main"].tolist() == [1, 1, 1, 0]


def test_answers_must_fit_the_rows(source):
    rows = gqa.read(source({"1": RECORD}), None)
    with pytest.raises(DataMalformed, match="2 answers for 1 questions"):
        gqa.score_exact(rows, ["a", "b"])
    with pytest.raises(DataMalformed, match="is 2, not text"):
        gqa.score_exact(rows, [2])


def test_the_ceiling_is_the_share_of_answers_among_the_labels(source):
    rows = gqa.read(source({"1": RECORD, "2": {**RECORD, "answer": "spoon"}}), None)
    assert gqa.ceiling(rows, ("cup", "fork")) == 0.5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([RECORD], "not an object of question ids"),
        ({"1": "x"}, "question 1 is not an object"),
        ({"1": {**RECORD, "answer": None}}, "question 1: field 'answer' must be text"),
        ({"1": {"imageId": "n1", "question": "?"}}, "question 1: field 'answer' is missing"),
        ({"1": {**RECORD, "imageId": "../x"}}, "leaves the folder"),
        ({"1": {**RECORD, "imageId": "a/b"}}, "field 'imageId' is 'a/b'"),
        ({"1": {**RECORD, "imageId": ""}}, "field 'imageId' is ''"),
    ],
)
def test_files_that_cannot_be_believed(source, content, message):
    with pytest.raises(DataMalformed) as caught:
        gqa.read(source(content), None)
    assert message in caught.value.what and caught.value.where
