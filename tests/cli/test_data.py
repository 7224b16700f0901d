"""`madbench data`: registering a data set and checking it against the official counts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parent.parent / "data"
ROOTS = {"vqa": DATA / "vqa", "snli_ve": DATA / "snli_ve", "vcr": DATA / "vcr" / "fixtures"}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MADBENCH_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize("task", ROOTS)
def test_a_data_set_of_another_size_is_not_official(madbench, task):
    result = madbench("data", "check", task, "--root", ROOTS[task])
    assert result.code == 3
    assert "problem: train: 5 rows, officially" in result.out and "not as officially released" in result.out
    report = json.loads(madbench("data", "check", task, "--root", ROOTS[task], "--json").out)
    assert report["official"] is False and all(split["files"] for split in report["splits"])
    assert all(split["rows"] == 5 for split in report["splits"] if split["split"] in ("train", "val", "dev"))


def test_every_image_of_the_fixtures_can_be_opened(madbench):
    for task, root in ROOTS.items():
        report = json.loads(madbench("data", "check", task, "--root", root, "--images", "--json").out)
        pictures = [
            split["pictures"] for split in report["splits"] if split["split"] in ("train", "val", "dev", "test")
        ]
        assert all(one["opened"] == one["found"] == one["expected"] and one["damaged"] == 0 for one in pictures)


def test_features_are_asked_for_by_name(madbench):
    without = madbench("data", "check", "vqa", "--root", ROOTS["vqa"])
    assert "region features" not in without.out
    assert "no region features" in madbench("data", "check", "vqa", "--root", ROOTS["vqa"], "--features").out


def test_a_bad_line_is_told_with_file_and_line(madbench, tmp_path):
    root = shutil.copytree(ROOTS["snli_ve"], tmp_path / "copy")
    file = root / "snli_ve_dev.jsonl"
    lines = file.read_text().splitlines()
    lines[2] = lines[2][:40]
    file.write_text("\n".join(lines) + "\n")
    result = madbench("data", "check", "snli_ve", "--root", root)
    assert result.code == 3
    assert "snli_ve_dev.jsonl:3" in result.out and "not read" in result.out
    assert "next: correct the file" in result.out


def test_only_splits_that_a_protocol_needs_are_missed(madbench, tmp_path):
    root = shutil.copytree(ROOTS["vcr"], tmp_path / "copy")
    (root / "test.jsonl").unlink()
    assert "test: no annotation" not in str(problems(madbench, root))
    (root / "val.jsonl").unlink()
    assert any(
        "val" in str(split["split"]) and "needs it" in str(split["problems"]) for split in problems(madbench, root)
    )


def problems(madbench, root):
    report = json.loads(madbench("data", "check", "vcr", "--root", root, "--json").out)
    return [split for split in report["splits"] if split["problems"]]


def test_a_registered_root_is_what_check_reads(madbench, home):
    assert madbench("data", "check", "vqa").code == 3
    result = madbench("data", "register", "vqa", "--root", ROOTS["vqa"])
    assert result.code == 0, result.err
    assert str(ROOTS["vqa"]) in madbench("data", "check", "vqa").out


def test_a_root_without_the_files_is_not_registered(madbench, home, tmp_path):
    result = madbench("data", "register", "vqa", "--root", tmp_path)
    assert result.code == 3 and "v2_OpenEnded_mscoco_train2014_questions.json" in result.err
    assert madbench("data", "register", "vqa", "--root", tmp_path / "nowhere").code == 3
    assert "no data registered" in madbench("data", "check", "vqa").err


def test_what_is_registered_can_be_listed_and_forgotten(madbench, home, tmp_path):
    result = madbench("data", "register", "vcr", "--root", ROOTS["vcr"])
    assert "train: train.jsonl" in result.out and "vcr1images" in result.out
    assert f"vcr: {ROOTS['vcr']}" in madbench("data", "register", "--list").out
    assert madbench("data", "register", "--forget", "vcr").code == 0
    assert "vcr: not registered" in madbench("data", "register", "--list").out
    again = madbench("data", "register", "--forget", "vcr")
    assert again.code == 2 and "nothing is registered for vcr" in again.err


def test_a_file_of_a_shift_is_registered_without_a_root(madbench, home, tmp_path):
    scores = tmp_path / "losses.jsonl"
    scores.write_text("{}\n")
    assert madbench("data", "register", "vcr", "--file", f"shortcut-scores={scores}").code == 0
    assert f"shortcut-scores={scores}" in madbench("data", "register", "--list").out
    assert str(scores) in madbench("data", "check", "vcr", "--root", ROOTS["vcr"]).out
    scores.unlink()
    assert "no longer there" in madbench("data", "register", "--list").out
    assert "no longer there" in madbench("data", "check", "vcr", "--root", ROOTS["vcr"]).out


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((), "choose one thing to do"),
        (("vcr", "--list"), "choose one thing to do"),
        (("vcr",), "nothing to register"),
        (("vcr", "--file", "scores"), "expected NAME=PATH"),
        (("vcr", "--file", "shortcut-score=x"), "did you mean 'shortcut-scores'?"),
        (("--forget", "vcc"), "did you mean 'vcr'?"),
    ],
)
def test_a_wrong_way_to_register_is_a_usage_error(madbench, home, given, told):
    result = madbench("data", "register", *given)
    assert result.code == 2 and told in result.err and "fix:" in result.err


def test_what_is_missing_is_told_when_a_root_is_registered(madbench, home, tmp_path):
    root = shutil.copytree(ROOTS["snli_ve"], tmp_path / "copy")
    shutil.rmtree(root / "flickr30k_images")
    (root / "snli_ve_train.jsonl").unlink()
    result = madbench("data", "register", "snli_ve", "--root", root)
    assert result.code == 0
    assert "snli_ve_train.jsonl: " in result.out and "CC BY-SA 4.0" in result.out
    assert "flickr30k_images/" in result.out and "University of Illinois" in result.out


def test_mini_does_not_write_over_a_folder(madbench, tmp_path):
    (tmp_path / "vqa").mkdir()
    result = madbench("data", "mini", "--out", tmp_path)
    assert result.code == 2 and "is there already" in result.err


@pytest.mark.slow
def test_mini_is_written_in_layouts_the_readers_read(madbench, tmp_path):
    from madbench.registry import TASKS

    result = madbench("data", "mini", "--out", tmp_path / "mini")
    assert result.code == 0, result.err
    for name in TASKS.names():
        task = TASKS.load(name)
        layout = task.locate(tmp_path / "mini" / name)
        assert len(task.read(layout, "train")) > 10_000
