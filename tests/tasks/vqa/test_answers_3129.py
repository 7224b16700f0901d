import json

import pytest

from madbench.errors import ConfigError, DataMalformed
from madbench.registry import TASKS
from madbench.tasks.contract import Layout
from madbench.tasks.vqa import answers_3129
from madbench.tasks.vqa.answers_3129 import FILE, build, closed_vocabulary, read_labels
from madbench.tasks.vqa.vocabulary import fingerprint

OFFICIAL = {"train": 443757, "val": 214354}


def layout(tmp_path, **extras):
    return Layout("vqa", tmp_path, {}, {}, extras)


def test_it_counts_the_questions_of_train_and_val_together(row):
    train = [row(n, "The Cat") for n in range(5)] + [row(20 + n, "dog") for n in range(8)]
    val = [row(100 + n, "cat") for n in range(4)] + [row(20, "dog")]  # question 20 once more is the same question
    assert build([train, val]) == ("cat",)


def test_the_ledger_gets_the_rows_behind_the_list(row, tmp_path):
    splits = {"train": [row(n, "yes") for n in range(9)], "val": [row(90, "no"), row(91, "yes")]}
    found = closed_vocabulary(layout(tmp_path), splits.__getitem__, OFFICIAL)
    assert (found.labels, found.rows, found.origin) == (("yes",), {"train": 9, "val": 2}, "annotations")
    assert found.note.startswith("not the literature's 3,129 answers: 1 answers, fingerprint ")


def test_a_file_keeps_its_order_and_counts_as_all_official_rows(tmp_path, monkeypatch):
    file = tmp_path / "trainval_label2ans.json"
    file.write_text(json.dumps(["yes", "", "no"]))
    monkeypatch.setattr(answers_3129, "LITERATURE", fingerprint(["", "no", "yes"]))
    found = closed_vocabulary(layout(tmp_path, **{FILE: file}), None, OFFICIAL)
    assert (found.labels, found.rows, found.origin, found.note) == (("yes", "", "no"), OFFICIAL, "file", None)


def test_the_fingerprint_does_not_depend_on_the_order():
    assert fingerprint(["b", "a"]) == fingerprint(["a", "b"]) != fingerprint(["ab"])
    # printf a | sha256sum
    assert fingerprint(["a"]) == "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"


def test_an_object_is_read_by_its_indices(tmp_path):
    file = tmp_path / "ans2label.json"
    file.write_text(json.dumps({"no": 1, "yes": 0, "2": 2}))
    assert read_labels(file) == ("yes", "no", "2")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"yes": 0, "no": 2}, "the indices of 2 answers are not 0 to 1"),
        ({"yes": 0, "no": True}, "indices"),
        (["yes", 3], "expected a JSON list of answers"),
        ("yes", "expected a JSON list of answers"),
        (["yes", "yes"], "repeats an answer"),
        ([], "empty"),
    ],
)
def test_another_file_is_refused(tmp_path, content, words):
    file = tmp_path / "answers-3129.json"
    file.write_text(json.dumps(content))
    with pytest.raises(DataMalformed, match=words):
        read_labels(file)


def test_a_task_with_fixed_labels_has_no_closed_vocabulary():
    with pytest.raises(ConfigError, match="vcr has fixed labels"):
        TASKS.load("vcr").closed_vocabulary(None, None)
