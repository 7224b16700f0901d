import json
import shutil
from pathlib import Path

import pytest

from madbench.errors import DataMalformed, DataMissing
from madbench.tasks.vqa.official_files import locate
from madbench.tasks.vqa.reader import read

QUESTIONS = "v2_OpenEnded_mscoco_val2014_questions.json"
ANNOTATIONS = "v2_mscoco_val2014_annotations.json"


@pytest.fixture
def copy(root, tmp_path) -> Path:
    """Val questions and annotations alone, to be damaged."""
    for name in (QUESTIONS, ANNOTATIONS):
        shutil.copy(root / name, tmp_path / name)
    return tmp_path


def edit(folder: Path, name: str, change, **style) -> None:
    content = json.loads((folder / name).read_text())
    change(content)
    (folder / name).write_text(json.dumps(content, **style))


def test_a_row_holds_what_the_files_say(root):
    row = read(locate(root), "val")[0]
    assert (row.example_id, row.image_id, row.stratum) == ("910101000", "910101", "other")
    assert (row.question, row.question_type) == ("What color is the kettle?", "what color is the")
    assert row.answers == ("red",) * 6 + ("dark red", "maroon", "red", "orange")
    assert row.multiple_choice_answer == "red"
    assert row.image_path == root / "val2014" / "COCO_val2014_000000910101.jpg"


def test_every_split_is_read_and_its_pictures_exist(root):
    layout = locate(root)
    assert list(layout.files) == ["train", "val", "test", "test-dev"]
    for split, count in {"train": 5, "val": 5, "test": 5, "test-dev": 3}.items():
        rows = read(layout, split)
        assert len(rows) == count
        assert layout.has_images(split)
        assert all(row.image_path.is_file() for row in rows)


def test_test_dev_uses_the_pictures_of_test_and_has_no_labels(root):
    row = read(locate(root), "test-dev")[0]
    assert row.image_path.name.startswith("COCO_test2015_")
    assert (row.answers, row.multiple_choice_answer, row.stratum, row.question_type) == ((), None, None, None)


def test_files_are_joined_by_id_and_the_annotation_file_gives_the_order(copy):
    before = read(locate(copy), "val")
    edit(copy, QUESTIONS, lambda content: content["questions"].reverse())
    assert read(locate(copy), "val") == before
    edit(copy, ANNOTATIONS, lambda content: content["annotations"].reverse())
    assert read(locate(copy), "val") == before[::-1]


def test_without_image_folders_rows_have_no_image(copy):
    layout = locate(copy)
    assert not layout.has_images("val")
    assert all(row.image_path is None for row in read(layout, "val"))


def test_a_byte_order_mark_and_crlf_change_nothing(copy):
    before = read(locate(copy), "val")
    for name in (QUESTIONS, ANNOTATIONS):
        text = json.dumps(json.loads((copy / name).read_text()), indent=1).replace("\n", "\r\n")
        (copy / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read(locate(copy), "val") == before


def annotation(index, **values):
    return ANNOTATIONS, lambda content: content["annotations"][index].update(values)


def without(name, key, index, field):
    return name, lambda content: content[key][index].pop(field)


def answer(**values):
    return ANNOTATIONS, lambda content: content["annotations"][1]["answers"][4].update(values)


BAD = {
    "missing field": (*without(ANNOTATIONS, "annotations", 2, "question_type"), "field 'question_type' is missing"),
    "question without text": (*without(QUESTIONS, "questions", 2, "question"), "field 'question' is missing"),
    "id as text": (*annotation(0, question_id="910101000"), "field 'question_id' must be a whole number"),
    "answer is a number": (*answer(answer=3), "'answers' lacks 'answer'"),
    "nine answers": (
        ANNOTATIONS,
        lambda content: content["annotations"][1]["answers"].pop(),
        "'answers' has 9 entries, not ten",
    ),
    "answer id twice": (*answer(answer_id=1), "answer_ids are .* not 1 to 10"),
    "answer type": (*annotation(0, answer_type="yesno"), "'answer_type' is 'yesno'"),
    "two images": (*annotation(0, image_id=5), "image_id 5 of question_id 910101000 is 910101"),
    "annotated twice": (*annotation(1, question_id=910101000), "question_id 910101000 occurs a second time"),
    "asked twice": (
        QUESTIONS,
        lambda content: content["questions"].append(content["questions"][0]),
        r"questions\[5\]: question_id 910101000 occurs a second time",
    ),
    "no question": (QUESTIONS, lambda content: content["questions"].pop(), "910103000 has no question"),
    "no annotation": (ANNOTATIONS, lambda content: content["annotations"].pop(), "910103000 has no annotation"),
    "no list": (QUESTIONS, lambda content: content.pop("questions"), "field 'questions' is missing"),
    "negative image": (
        QUESTIONS,
        lambda content: content["questions"][0].update(image_id=-1),
        "'image_id' is negative",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_with_file_line_and_field(copy, case):
    name, change, message = BAD[case]
    edit(copy, name, change)
    with pytest.raises(DataMalformed, match=message) as caught:
        read(locate(copy), "val")
    assert caught.value.where.startswith(str(copy))
    assert caught.value.where.endswith(".json:1")


def test_the_line_is_found_in_an_indented_file(copy):
    edit(copy, ANNOTATIONS, lambda content: content["annotations"][3].update(answer_type="x"), indent=1)
    with pytest.raises(DataMalformed) as caught:
        read(locate(copy), "val")
    line = int(caught.value.where.rpartition(":")[2])
    text = (copy / ANNOTATIONS).read_text().splitlines()
    assert text[line - 1].strip() == "{"
    assert '"question_type": "none of the above"' in text[line]


def test_a_split_the_source_lacks_is_named_when_read(copy):
    layout = locate(copy)
    assert list(layout.files) == ["val"]
    with pytest.raises(DataMissing, match="no train split of vqa; not there: v2_OpenEnded"):
        read(layout, "train")


def test_freely_numbered_questions_are_only_warned_about(copy, caplog):
    edit(copy, QUESTIONS, lambda content: content["questions"][0].update(question_id=7))
    edit(copy, ANNOTATIONS, lambda content: content["annotations"][0].update(question_id=7))
    assert read(locate(copy), "val")[0].example_id == "7"
    assert "1 question_ids are not image_id * 1000 + k" in caplog.text


def test_regions_need_no_pictures(tmp_path):
    name = "v2_OpenEnded_mscoco_test2015_questions.json"
    shutil.copy(Path(__file__).parents[2] / "data" / "vqa" / name, tmp_path)
    (tmp_path / "regions").mkdir()
    row = read(locate(tmp_path), "test")[0]
    assert row.image_path is None
    assert row.region_path == tmp_path / "regions" / f"COCO_test2015_{int(row.image_id):012d}.npz"
