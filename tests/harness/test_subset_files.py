"""The subset that other people's code is given: the one a run trains on, in files that the readers read back."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from pathlib import Path

import pytest

from madbench.errors import DataError, UsageError
from madbench.files import sha256_of_lines
from madbench.harness import run
from madbench.harness.data import choose_sources, load_subset
from madbench.harness.subset_files import SubsetRequest, subset_manifest, write_subset
from madbench.protocols import load_protocol
from madbench.registry import TASKS
from madbench.tasks.jsonl_part import copy_lines
from madbench.tasks.sources import DataChoice, locate
from madbench.tasks.vqa.subset_files import write_part

TASK_NAMES = ("vcr", "snli_ve", "vqa")


@pytest.fixture
def source(small_worlds):
    def of(task):
        return choose_sources(DataChoice(named={task: small_worlds[task]}), [task], [task]).by_task[task]

    return of


def manifest_of(source, task, **asked):
    return subset_manifest(SubsetRequest(task, asked.pop("draw", 0), **asked), source(task))


@pytest.mark.parametrize("task", TASK_NAMES)
def test_the_manifest_is_the_one_of_a_run(source, small_worlds, task, tmp_path):
    result = run("majority", "lowshot-10pct", task=task, data=f"{task}={small_worlds[task]}", out=tmp_path, quiet=True)
    (folder,) = result.folders
    theirs = json.loads((folder / "manifest.json").read_text())
    record = json.loads((folder / "record.json").read_text())
    ours = manifest_of(source, task, fraction=0.1)
    assert ours["protocol"] == "lowshot-10pct@1" and ours["select_rule"] == {"every": 5}
    assert "evaluated" not in ours
    assert ours["train"]["sha256"] == record["data"]["train_ids_sha256"]
    assert ours["select"]["sha256"] == record["data"]["select_ids_sha256"]
    assert {key: ours[key] for key in theirs if key in ours} == {
        key: value for key, value in theirs.items() if key not in ("rows", "contents")
    }
    assert ours == manifest_of(source, task, protocol="lowshot-10pct")


@pytest.mark.parametrize("task", TASK_NAMES)
def test_what_is_written_is_read_back_as_the_same_rows(source, task, tmp_path):
    manifest = manifest_of(source, task, fraction=0.1)
    written = write_subset(tmp_path / "part", manifest, source(task))
    assert json.loads((tmp_path / "part" / "manifest.json").read_text()) == written
    rule = load_protocol("lowshot-10pct")
    _, drawn = load_subset(source(task), 0, subset=rule.subset, select=rule.select[task])
    for part, rows in (("train", drawn.train), ("select", drawn.select)):
        root = tmp_path / "part" / part
        found = TASKS.load(task).read(locate(TASKS.load(task), root), "train")
        assert [plain(row) for row in found] == [plain(row) for row in rows]
        assert sorted(path.name for path in root.iterdir()) == sorted(written["files"][part])


def plain(row):
    """A row but for where its image lies."""
    return {
        field.name: getattr(row, field.name)
        for field in dataclasses.fields(row)
        if field.name not in ("image_path", "images", "region_path")
    }


def test_lines_are_copied_byte_for_byte(source, small_worlds, tmp_path):
    write_subset(tmp_path / "part", manifest_of(source, "snli_ve", fraction=0.1), source("snli_ve"))
    lines = (small_worlds["snli_ve"] / "snli_ve_train.jsonl").read_bytes().splitlines(keepends=True)
    copied = (tmp_path / "part" / "train" / "snli_ve_train.jsonl").read_bytes().splitlines(keepends=True)
    assert copied and [line for line in lines if line in set(copied)] == copied


def test_vqa_keeps_every_top_level_key_and_says_what_it_leaves_out(source, small_worlds, tmp_path):
    written = write_subset(tmp_path / "part", manifest_of(source, "vqa", fraction=0.1), source("vqa"))
    assert "complementary pairs" in written["left_out"][0]
    for name in written["files"]["train"]:
        whole = json.loads((small_worlds["vqa"] / name).read_text())
        part = json.loads((tmp_path / "part" / "train" / name).read_text())
        assert list(part) == list(whole)
        lists = ("questions", "annotations")
        assert {key: value for key, value in part.items() if key not in lists} == {
            key: value for key, value in whole.items() if key not in lists
        }


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("after", [{}, {"version": 2}, {"answers": [{"question_id": 3}]}])
def test_keys_of_a_vqa_file_are_kept_before_and_after_the_list(tmp_path, indent, after):
    entries = [{"question_id": number, "answers": [{"answer": "yes"}]} for number in range(50)]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.json").write_text(json.dumps({"info": {}, "annotations": entries, **after}, indent=indent))
    assert write_part([tmp_path / "in" / "a.json"], ["3", "7"], tmp_path) == ["a.json"]
    written = json.loads((tmp_path / "a.json").read_text())
    assert written == {"info": {}, "annotations": [entries[3], entries[7]], **after}
    assert list(written) == ["info", "annotations", *after]


def test_a_training_split_of_bare_lists_is_written_as_bare_lists(tmp_path):
    """VQA-CP: the invented five-row files; the carved part of the protocol is in neither."""
    root = Path(__file__).resolve().parents[1] / "data" / "vqa"
    source = choose_sources(DataChoice(named={"vqa": root}), ["vqa"], ["vqa"]).by_task["vqa"]
    manifest = subset_manifest(SubsetRequest("vqa", 0, protocol="domainshift-vqacp"), source)
    assert manifest["training_split"] == "cp-train"
    evaluated = manifest["evaluated"]["id"]
    ids = [row.example_id for row in TASKS.load("vqa").read(source.layout, "cp-train")]
    assert sorted([*evaluated["ids"], *manifest["train"]["ids"], *manifest["select"]["ids"]]) == sorted(ids)
    assert (evaluated["split"], evaluated["n"]) == ("cp-train", len(evaluated["ids"])) and evaluated["ids"]
    assert evaluated["sha256"] == sha256_of_lines(evaluated["ids"])
    written = write_subset(tmp_path / "part", manifest, source)
    for part in ("train", "select"):
        for name in written["files"][part]:
            entries = json.loads((tmp_path / "part" / part / name).read_text())
            assert sorted(str(one["question_id"]) for one in entries) == manifest[part]["ids"]


def test_a_select_split_of_its_own_is_copied_under_its_own_name(source, small_worlds, tmp_path):
    manifest = manifest_of(source, "snli_ve", fraction=1.0)
    assert manifest["protocol"] == "full@1" and manifest["select_rule"] == {"split": "dev"}
    written = write_subset(tmp_path / "part", manifest, source("snli_ve"))
    assert written["files"]["select"] == ["snli_ve_dev.jsonl"]
    assert (tmp_path / "part/select/snli_ve_dev.jsonl").read_bytes() == (
        small_worlds["snli_ve"] / "snli_ve_dev.jsonl"
    ).read_bytes()


@pytest.mark.parametrize(
    ("asked", "rule"),
    [
        ({"fraction": 0.01}, None),
        ({"fraction": 0.3}, None),
        ({"fraction": 0.3, "select_every": "4"}, {"every": 4}),
        ({"fraction": 0.1, "select_every": "none"}, None),
        ({"fraction": 0.1, "unit": "example"}, None),
        ({"shots": 4}, None),
    ],
)
def test_the_select_rule_is_stated(source, asked, rule):
    manifest = manifest_of(source, "vqa", **asked)
    assert manifest["select_rule"] == rule and (manifest["select"] is None) == (rule is None)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"fraction": 0.1, "shots": 3},
        {"fraction": 0.1, "protocol": "full"},
        {"fraction": 0.0},
        {"fraction": 1.5},
        {"shots": 0},
        {"shots": 3, "unit": "image"},
        {"fraction": 0.1, "unit": "movie"},
        {"fraction": 0.1, "select_every": "1"},
        {"protocol": "full", "select_every": "5"},
        {"fraction": 0.1, "draw": -1},
    ],
)
def test_sizes_that_make_no_sense_are_refused(source, asked):
    with pytest.raises(UsageError):
        manifest_of(source, "vqa", **asked)


def test_a_folder_with_something_in_it_is_not_replaced(source, tmp_path):
    manifest = manifest_of(source, "snli_ve", fraction=0.1)
    folder = tmp_path / "part"
    folder.mkdir()
    write_subset(folder, manifest, source("snli_ve"))  # an empty one is
    with pytest.raises(UsageError, match="there already"):
        write_subset(folder, manifest, source("snli_ve"))
    other = manifest_of(source, "snli_ve", fraction=0.1, draw=1)
    write_subset(folder, other, source("snli_ve"), overwrite=True)
    assert json.loads((folder / "manifest.json").read_text())["draw"] == 1
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="other things"):
        write_subset(folder, other, source("snli_ve"), overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["part"]


def test_nothing_is_left_of_a_subset_that_could_not_be_written(source, tmp_path):
    manifest = manifest_of(source, "snli_ve", fraction=0.1)
    manifest["train"]["ids"].append("nobody.jpg#0r1n")
    with pytest.raises(DataError, match="pairID"):
        write_subset(tmp_path / "part", manifest, source("snli_ve"))
    assert list(tmp_path.iterdir()) == []


def test_lines_with_a_mark_before_the_first_and_none_after_the_last(tmp_path):
    lines = [b'{"pairID": "a"}\r\n', b'{"other": "\\"pairID\\": \\"b\\"", "pairID": "c"}\n', b'{"pairID":"\\u0062"}']
    (tmp_path / "in.jsonl").write_bytes(b"\xef\xbb\xbf" + b"".join(lines))
    assert copy_lines(tmp_path / "in.jsonl", tmp_path / "out.jsonl", "pairID", ["a", "b"]) == 2
    assert (tmp_path / "out.jsonl").read_bytes() == lines[0] + lines[2] + b"\n"


def test_lines_of_a_file_inside_a_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "annots.zip", "w") as archive:
        archive.writestr("train.jsonl", '{"annot_id": "train-0"}\n{"annot_id": "train-1"}\n')
    copy_lines(tmp_path / "annots.zip" / "train.jsonl", tmp_path / "out.jsonl", "annot_id", ["train-1"])
    assert (tmp_path / "out.jsonl").read_text() == '{"annot_id": "train-1"}\n'
