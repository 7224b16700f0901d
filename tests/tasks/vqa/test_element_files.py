import json

import pytest

from madbench.errors import DataMalformed, DataMissing
from madbench.tasks.vqa.element_files import pairs
from madbench.tasks.vqa.elements import ElementFile

NOWHERE = (None, None)


def question(number=1000, **changes):
    return {"image_id": 1, "question": "What is it?", "question_id": number, **changes}


def annotation(number=1000, **changes):
    return {
        "question_type": "what is",
        "multiple_choice_answer": "cat",
        "answers": [{"answer": "cat", "answer_confidence": "yes", "answer_id": at} for at in range(1, 11)],
        "image_id": 1,
        "answer_type": "other",
        "question_id": number,
        **changes,
    }


@pytest.fixture
def files(tmp_path):
    """Write both files, an element a line: `files([question()], [annotation()])`."""

    def write(questions, annotations, key=None):
        made = []
        for name, elements in (("questions", questions), ("annotations", annotations)):
            text = "[\n" + ",\n".join(map(json.dumps, elements)) + "\n]"
            path = tmp_path / f"{name}.json"
            path.write_text(text if key is None else f'{{"{name}": {text}}}')
            made.append(ElementFile(path, None if key is None else name))
        return made

    return write


def rows(made, **options):
    return [pair.row(str(pair.annotation["question_id"]), NOWHERE) for pair in pairs(*made, **options)]


@pytest.mark.parametrize("key", [None, "object"])
def test_questions_and_annotations_are_joined_in_the_order_of_the_annotations(files, key):
    made = files([question(1000), question(1001, question="Why?")], [annotation(1001), annotation(1000)], key)
    found = rows(made)
    assert [(row.example_id, row.image_id, row.question) for row in found] == [
        ("1001", "1", "Why?"),
        ("1000", "1", "What is it?"),
    ]
    assert found[0].answers == ("cat",) * 10


ANSWERS = annotation()["answers"]


@pytest.mark.parametrize(
    ("questions", "annotations", "message", "file", "line"),
    [
        ([question(), question()], [annotation()], "question_id 1000 occurs a second time", "questions", 3),
        ([question()], [annotation(), annotation()], "question_id 1000 occurs a second time", "annotations", 3),
        ([question()], [annotation(), annotation(1001)], "1001 has no question", "annotations", 3),
        ([question(), question(1001)], [annotation()], "1001 has no annotation", "questions", 3),
        ([question()], [annotation(image_id=2)], "image_id 2 of question_id 1000 is 1", "annotations", 2),
        ([question(question=None)], [annotation()], "field 'question' must be text", "questions", 2),
        ([question(question_id="7")], [annotation()], "field 'question_id' must be a whole number", "questions", 2),
        ([question(image_id=-1)], [annotation(image_id=-1)], "field 'image_id' is negative", "questions", 2),
        ([question()], [annotation(answer_type="colour")], "field 'answer_type' is 'colour'", "annotations", 2),
        ([question()], [annotation(answers=ANSWERS[:9])], "'answers' has 9 entries, not ten", "annotations", 2),
        ([question()], [annotation(answers=[*ANSWERS[:9], ANSWERS[0]])], "the answer_ids are", "annotations", 2),
        ([question()], [annotation(answers=["cat"] * 10)], "lacks 'answer'", "annotations", 2),
        ([question()], [annotation(), "x"], "not an object", "annotations", 3),
    ],
)
def test_elements_that_cannot_be_believed(files, questions, annotations, message, file, line):
    made = files(questions, annotations)
    with pytest.raises(DataMalformed) as caught:
        rows(made)
    assert message in caught.value.what
    assert caught.value.where.endswith(f"{file}.json:{line}")
    assert caught.value.fix


def test_a_field_that_both_must_have_alike(files):
    made = files([question(coco_split="val2014")], [annotation(coco_split="train2014")])
    with pytest.raises(DataMalformed, match="coco_split train2014 of question_id 1000 is val2014"):
        rows(made, shared={"coco_split": str})
    with pytest.raises(DataMalformed, match="field 'coco_split' is missing"):
        rows(files([question(coco_split="val2014")], [annotation()]), shared={"coco_split": str})


def test_ids_that_collide_are_told_apart_by_another_identity(files):
    made = files([question(), question(image_id=2)], [annotation(), annotation(image_id=2)])
    found = rows(made, identity=lambda record: (record["question_id"], record["image_id"]))
    assert [row.image_id for row in found] == ["1", "2"]


def test_no_file(tmp_path):
    with pytest.raises(DataMissing):
        list(ElementFile(tmp_path / "x.json", None).elements({}))
