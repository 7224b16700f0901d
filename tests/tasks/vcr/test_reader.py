"""The official layout is read as released; a row that cannot be believed is named by file, line and field."""

import json
import logging
import re
import shutil

import numpy as np
import pytest

from madbench.errors import DataMalformed, DataMissing
from madbench.tasks.vcr import TASK
from madbench.tasks.vcr.metadata import read_boxes
from madbench.tasks.vcr.reader import read_rows


def test_rows_come_in_file_order_with_their_units(fixtures):
    layout = TASK.locate(fixtures)
    rows = TASK.read(layout, "train")
    assert [row.example_id for row in rows] == [f"train-{number}" for number in range(5)]
    assert [row.image_id for row in rows] == ["train-0", "train-1", "train-2", "train-3", "train-1"]
    assert rows[0].group == "9001_MADE_UP_HARBOUR" and rows[0].stratum is None
    assert rows[1].labels == (1, 0) and rows[1].question == ("What", "will", (0, 1), "do", "next", "?")
    assert all(row.image_path.is_file() for row in rows)
    assert layout.has_images("train")
    assert [row.labels for row in TASK.read(layout, "test")] == [None] * 5


@pytest.mark.parametrize("folder", ["vcr1annots", "annotation"])
def test_annotations_may_lie_in_a_folder_of_their_own(fixtures, tmp_path, folder):
    (tmp_path / folder).mkdir()
    for split in ("train", "val"):
        shutil.copy(fixtures / f"{split}.jsonl", tmp_path / folder)
    layout = TASK.locate(tmp_path)
    assert len(TASK.read(layout, "val")) == 5
    assert layout.images["val"] == tmp_path / "vcr1images" and not layout.has_images("val")
    with pytest.raises(DataMissing, match="test"):
        TASK.read(layout, "test")


def test_a_root_without_annotations_is_named(tmp_path):
    with pytest.raises(DataMissing, match=r"train\.jsonl, val\.jsonl, test\.jsonl") as caught:
        TASK.locate(tmp_path)
    assert caught.value.where == str(tmp_path)
    with pytest.raises(DataMissing):
        TASK.locate(tmp_path / "absent")


REQUIRED = ("objects", "img_fn", "metadata_fn", "question", "answer_choices", "rationale_choices", "img_id", "annot_id")


def test_only_eight_fields_are_required(records, read):
    bare = [{name: row[name] for name in REQUIRED} for row in records]
    rows = read(bare)
    assert rows[0].labels is None and rows[0].group is None
    for name in REQUIRED:
        with pytest.raises(DataMalformed, match=f"'{name}' is missing") as caught:
            read([bare[0], {key: value for key, value in bare[1].items() if key != name}])
        assert caught.value.where.endswith("val.jsonl:2")


def test_labels_that_are_both_null_are_no_labels_as_in_a_test_file(records, read):
    assert read([{**row, "answer_label": None, "rationale_label": None} for row in records])[0].labels is None
    without = [{name: value for name, value in row.items() if name != "answer_label"} for row in records]
    assert read([{**row, "rationale_label": None} for row in without])[0].labels is None
    with pytest.raises(DataMalformed, match="'answer_label' must be a whole number, got None"):
        read([{**row, "answer_label": None} for row in records])


@pytest.mark.parametrize(
    "change, word",
    [
        ({"question": ["Is", [4], "?"]}, "'question': tag 4, but the image has 4 objects"),
        ({"question": ["Is", [-1], "?"]}, "tag -1"),
        ({"question": ["Is", [True], "?"]}, "whole number"),
        ({"question": ["Is", 3, "?"]}, "word or a list of tags"),
        ({"question": "Is it?"}, "'question' must be a list"),
        ({"answer_choices": [["a"], ["b"], ["c"]]}, "'answer_choices' must have 4 choices, got 3"),
        ({"rationale_choices": [["a"], ["b"], ["c"], [[10_000]]]}, "hidden tag"),
        ({"rationale_choices": [["a"], ["b"], ["c"], "d"]}, "token lists"),
        ({"answer_label": 4}, "'answer_label' must be 0 to 3"),
        ({"answer_label": "1"}, "'answer_label' must be a whole number"),
        ({"rationale_label": None}, "'rationale_label'"),
        ({"objects": ["person", 3]}, "'objects'"),
        ({"img_fn": "../../etc/passwd.jpg"}, "leaves the folder"),
        ({"metadata_fn": "/etc/passwd"}, "leaves the folder"),
        ({"annot_id": "train-0"}, "'annot_id': 'train-0' stands already on line 1"),
    ],
)
def test_a_bad_row_is_named_by_line_and_field(records, read, change, word):
    with pytest.raises(DataMalformed, match=re.escape(word)) as caught:
        read([records[0], {**records[1], **change}])
    assert caught.value.where.endswith("val.jsonl:2")


def test_hidden_tags_are_read_when_asked_for(records, tmp_path):
    records[0]["answer_choices"][0][0] = [10_000]
    path = tmp_path / "adversarial.jsonl"
    path.write_text(json.dumps(records[0]) + "\n")
    with pytest.raises(DataMalformed, match="adversarial"):
        read_rows(path, tmp_path)
    assert read_rows(path, tmp_path, allow_masked=True)[0].answer_choices[0][0] == (10_000,)
    records[0]["answer_choices"][0][0] = [10_004]
    path.write_text(json.dumps(records[0]) + "\n")
    with pytest.raises(DataMalformed, match="10004"):
        read_rows(path, tmp_path, allow_masked=True)


def test_files_that_look_edited_are_read_with_one_warning(records, read, caplog):
    with caplog.at_level(logging.WARNING):
        read(records)
        assert not caplog.records
        records[1]["answer_match_iter"] = [0, 1, 2, 3]
        records[2]["rationale_sources"] = [1, 2, 3, 4]
        assert len(read(records)) == 5
    assert [record.getMessage().split(" of ")[0] for record in caplog.records] == ["2 rows"]


def test_boxes_are_fractions_of_the_image(fixtures):
    row = TASK.read(TASK.locate(fixtures), "train")[2]
    boxes = read_boxes(row.images, row.metadata_name, row.objects)
    assert boxes.shape == (3, 4)
    np.testing.assert_allclose(boxes[0], [2.5 / 96, 3.25 / 40, 31 / 96, 36.75 / 40], rtol=1e-6)


@pytest.mark.parametrize(
    "change, word",
    [
        ({"names": ["person", "cup"]}, "'names'"),
        ({"names": ["cup", "person", "diningtable"]}, "'names'"),
        ({"boxes": [[0, 0, 1, 1, 1]] * 2}, "'boxes'"),
        ({"boxes": [[5, 0, 1, 1, 1]] * 3}, "'boxes'"),
        ({"boxes": [[0, 0, "1", 1, 1]] * 3}, "'boxes'"),
        ({"width": 0}, "'width'"),
        ({"width": "96"}, "'width'"),
    ],
)
def test_metadata_that_does_not_fit_the_row_is_refused(fixtures, tmp_path, change, word):
    row = TASK.read(TASK.locate(fixtures), "train")[2]
    metadata = json.loads((fixtures / "vcr1images" / row.metadata_name).read_text())
    (tmp_path / "x.json").write_text(json.dumps({**metadata, **change}))
    with pytest.raises(DataMalformed, match=word):
        read_boxes(tmp_path, "x.json", row.objects)
    with pytest.raises(DataMissing):
        read_boxes(tmp_path, "absent.json", row.objects)
