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
    assert "5 rows (officially" in result.out and "problem: 5 rows, officially" in result.out
    report = json.loads(madbench("data", "check", task, "--root", ROOTS[task], "--json").out)
    assert report["official"] is False and all(split["files"] for split in report["splits"])


def test_the_official_counts_pass(madbench, monkeypatch):
    from madbench.registry import TASKS

    task = TASKS.load("snli_ve")
    monkeypatch.setattr(type(task), "official_rows", dict.fromkeys(task.splits, 5))
    result = madbench("data", "check", "snli_ve", "--root", ROOTS["snli_ve"])
    assert result.code == 0 and "as officially released" in result.out


def test_a_bad_line_is_told_with_file_and_line(madbench, tmp_path):
    root = shutil.copytree(ROOTS["snli_ve"], tmp_path / "copy")
    file = root / "snli_ve_dev.jsonl"
    lines = file.read_text().splitlines()
    lines[2] = lines[2][:40]
    file.write_text("\n".join(lines) + "\n")
    result = madbench("data", "check", "snli_ve", "--root", root)
    assert result.code == 3
    assert "snli_ve_dev.jsonl:3" in result.out and "dev: not read" in result.out


def test_images_that_are_not_there_are_counted(madbench, tmp_path):
    root = shutil.copytree(ROOTS["snli_ve"], tmp_path / "copy")
    next((root / "flickr30k_images").glob("*.jpg")).unlink()
    result = madbench("data", "check", "snli_ve", "--root", root)
    assert result.code == 3 and "1 of 3 images are not there, the first is" in result.out


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
