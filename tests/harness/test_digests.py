"""digests.json: each edited file and each edited part of a record is named; an honest folder has nothing to tell."""

import json

import pytest

from madbench.files import read_json, sha256_of, write_json
from madbench.harness.digests import broken_digests, files_of, record_parts, sealed, without_checkpoint

RECORD = {
    "draw": 0,
    "data": {"source": "mini", "n_train": 4, "audit": [{"between": ["train", "val"]}]},
    "conditions": [{"name": "val", "metrics": {"accuracy": 0.5}}, {"name": "hard", "metrics": {}}],
    "notes": [],
}


@pytest.fixture
def cell(tmp_path):
    for name in ("manifest.json", "history.jsonl", "predictions/val@3.parquet", "checkpoint/kept.safetensors"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / ".lock").write_text("")
    write_json(tmp_path / "record.json", sealed(tmp_path, RECORD))
    return tmp_path


def broken(cell):
    return broken_digests(cell, read_json(cell / "record.json"))


def test_an_untouched_cell_agrees_with_its_digests(cell):
    assert broken(cell) == []
    assert read_json(cell / "record.json")["digests_sha256"] == sha256_of(read_json(cell / "digests.json"))


def test_the_parts_of_a_record_go_two_levels_deep():
    assert sorted(record_parts(RECORD)) == [
        "conditions[0].metrics",
        "conditions[0].name",
        "conditions[1].metrics",
        "conditions[1].name",
        "data.audit",
        "data.n_train",
        "data.source",
        "draw",
        "notes",
    ]


@pytest.mark.parametrize("name", ["manifest.json", "history.jsonl", "predictions/val@3.parquet"])
def test_a_file_that_is_changed_missing_or_added_is_named(cell, name):
    text = (cell / name).read_text()
    (cell / name).write_text(text + " ")
    assert broken(cell) == [f"{name} was changed after the run"]
    (cell / name).unlink()
    assert broken(cell) == [f"{name} is missing"]
    (cell / name).write_text(text)
    (cell / f"{name}.old").write_text("")
    assert broken(cell) == [f"{name}.old was added after the run"]


def test_a_link_in_place_of_a_file_is_a_change(cell, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "manifest.json"
    (cell / "manifest.json").rename(elsewhere)
    (cell / "manifest.json").symlink_to(elsewhere)
    assert broken(cell) == ["manifest.json was changed after the run"]


def test_a_checkpoint_may_go_but_not_change(cell):
    (cell / "checkpoint" / "kept.safetensors").write_text("other weights")
    assert broken(cell) == ["checkpoint/kept.safetensors was changed after the run"]
    (cell / "checkpoint" / "kept.safetensors").unlink()
    assert broken(cell) == [] and without_checkpoint(cell, read_json(cell / "record.json"))


def test_changed_digests_are_found_through_the_record(cell):
    digests = read_json(cell / "digests.json")
    (cell / "manifest.json").write_text("{}")
    digests["files"]["manifest.json"] = sha256_of({})
    (cell / "digests.json").write_text(json.dumps(digests))
    assert "digests_sha256 is not the hash of digests.json" in broken(cell)[0]


def test_digests_and_the_field_belong_together(cell):
    record = read_json(cell / "record.json")
    del record["digests_sha256"]
    assert broken_digests(cell, record) == ["digests.json lies there, and record.json has no digests_sha256"]
    (cell / "digests.json").unlink()
    assert broken(cell) == ["digests.json is missing, and record.json has its digests_sha256"]
    assert broken_digests(cell, record) is None  # a cell from before there were digests
    (cell / "digests.json").write_text("[]")
    assert "cannot be read" in broken(cell)[0]


def test_neither_the_record_nor_the_digests_are_in_their_own_digests(cell):
    assert files_of(cell) == [
        "checkpoint/kept.safetensors",
        "history.jsonl",
        "manifest.json",
        "predictions/val@3.parquet",
    ]
