"""Rows that come from the cache are the rows of the files; a cache that cannot be used costs time only."""

import json
import logging
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from madbench.protocols.schema import Select, Subset
from madbench.registry import TASKS
from madbench.tasks import cache
from madbench.tasks.sources import locate
from madbench.tasks.subsets import carve, draw_subset, ids_sha256
from madbench.tasks.table import RowTable, coded, column, where

DATA = Path(__file__).parents[1] / "data"
PLACES = {"vcr": DATA / "vcr" / "fixtures", "snli_ve": DATA / "snli_ve", "vqa": DATA / "vqa"}
SPLITS = [("vcr", "train"), ("vcr", "test"), ("snli_ve", "train"), ("vqa", "train"), ("vqa", "test")]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("MADBENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def both(task, split, monkeypatch, root=None):
    """(rows as the reader makes them, the same from the cache)."""
    layout = locate(TASKS.load(task), root or PLACES[task])
    monkeypatch.setattr(cache, "SMALLEST", 1 << 40)
    plain = TASKS.load(task).read(layout, split)
    monkeypatch.setattr(cache, "SMALLEST", 0)
    return plain, TASKS.load(task).read(layout, split)


@pytest.mark.parametrize("with_regions", [False, True])
@pytest.mark.parametrize("task, split", SPLITS)
def test_rows_of_a_table_are_those_of_the_reader(task, split, with_regions, monkeypatch, tmp_path):
    root = shutil.copytree(PLACES[task], tmp_path / "root")
    if with_regions:
        (root / "regions").mkdir()
    plain, table = both(task, split, monkeypatch, root)
    assert isinstance(plain, list) and isinstance(table, RowTable)
    assert list(table) == plain and table == plain and len(table) == len(plain) == 5
    for row, expected in zip(table, plain, strict=True):
        assert type(row) is type(expected)
        assert (row.region_path is not None) is with_regions
        assert [type(value) for value in vars(row).values()] == [type(getattr(expected, name)) for name in vars(row)]
    assert table[1] == plain[1] and table[-1] == plain[-1]
    assert table[1:4] == plain[1:4] and table[::2][1:] == plain[::2][1:]
    assert pickle.loads(pickle.dumps(table[3:])) == plain[3:]
    with pytest.raises(IndexError):
        table[5]


@pytest.mark.parametrize("task, split", SPLITS)
def test_columns_need_no_rows(task, split, monkeypatch):
    plain, table = both(task, split, monkeypatch)
    expected = {name: column(plain, name) for name in ("example_id", "image_id", "group", "stratum", "image_path")}
    part = np.array([True, False, True, False, True])
    assert {name: column(table, name) for name in expected} == expected
    for name in ("example_id", "image_id", "group", "stratum"):
        for rows in (plain, table, table[:], where(table, part), where(plain, part)):
            codes, values = coded(rows, name)
            assert [[*values, None][code] for code in codes.tolist()] == column(rows, name)
    assert where(table, part) == where(plain, part)
    assert ids_sha256(table) == ids_sha256(plain) and ids_sha256(table[1:]) == ids_sha256(plain[1:])


@pytest.mark.parametrize("task", PLACES)
@pytest.mark.parametrize(
    "subset, select, limit",
    [
        (Subset(fraction=0.5, unit="image"), None, None),
        (Subset(fraction=1.0, unit="image"), Select(every=2), None),
        (Subset(fraction=1.0, unit="image"), Select(images=0.3), 1),
        (Subset(fraction=0.8, unit="example"), Select(split="x"), 2),
        (Subset(fraction=1.0, unit="image"), Select(movies=0.3), None),
    ],
)
def test_subsets_of_a_table_are_those_of_its_rows(task, subset, select, limit, monkeypatch):
    plain, table = both(task, "train", monkeypatch)
    results = []
    for rows in (plain, table):
        try:
            # Not snli_ve by name: five rows do not hold all classes in every subset.
            made = draw_subset(rows, task="any", draw=0, subset=subset, select=select, select_rows=rows, limit=limit)
            results.append((made.manifest, list(made.train), made.select and list(made.select)))
        except Exception as error:
            results.append((type(error), str(error)))
    assert results[0] == results[1]
    assert [list(part) for part in carve(table, task, 0.4)] == [list(part) for part in carve(plain, task, 0.4)]


def cached(home):
    return sorted((home / "cache" / "rows").glob("*.arrow"))


def test_a_warm_read_does_not_read_the_annotations(monkeypatch, home):
    _, table = both("snli_ve", "dev", monkeypatch)
    (file,) = cached(home)
    monkeypatch.setattr("madbench.tasks.snli_ve.reader.read_pairs", lambda *_, **__: pytest.fail("read again"))
    layout = locate(TASKS.load("snli_ve"), PLACES["snli_ve"])
    assert TASKS.load("snli_ve").read(layout, "dev") == table
    assert str(DATA).encode() not in file.read_bytes()  # the data may move


def test_another_content_is_another_file(monkeypatch, home, tmp_path):
    root = shutil.copytree(PLACES["snli_ve"], tmp_path / "root")
    both("snli_ve", "dev", monkeypatch, root)
    file = root / "snli_ve_dev.jsonl"
    file.write_text("".join(file.read_text(encoding="utf-8").splitlines(keepends=True)[1:]), encoding="utf-8")
    assert len(both("snli_ve", "dev", monkeypatch, root)[1]) == 4
    assert len(cached(home)) == 2


@pytest.mark.parametrize("damage", ["cut", "bit", "empty", "other"])
def test_a_damaged_file_is_made_again(damage, monkeypatch, home, caplog):
    plain, table = both("vqa", "val", monkeypatch)
    (file,) = cached(home)
    raw = bytearray(file.read_bytes())
    if damage == "bit":
        raw[len(raw) // 2] ^= 1
    changed = {"cut": raw[:-40], "bit": raw, "empty": b"", "other": b"x" * 5000}[damage]
    del table
    file.unlink()
    file.write_bytes(changed)
    assert both("vqa", "val", monkeypatch)[1] == plain
    assert "damaged" in caplog.text
    caplog.clear()
    assert both("vqa", "val", monkeypatch)[1] == plain and not caplog.text


def test_a_home_that_cannot_be_written_costs_a_log_line(monkeypatch, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MADBENCH_HOME", str(tmp_path / "file"))
    plain, rows = both("vqa", "val", monkeypatch)
    assert rows == plain and isinstance(rows, list)
    assert [record.levelno for record in caplog.records].count(logging.WARNING) == 1


def test_what_is_doubtful_is_said_each_time(monkeypatch, tmp_path, caplog):
    root = shutil.copytree(PLACES["vcr"], tmp_path / "root")
    file = root / "val.jsonl"
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    lines[1]["answer_match_iter"] = [3, 3, 3, 3]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    both("vcr", "val", monkeypatch, root)
    both("vcr", "val", monkeypatch, root)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 4 and len(set(said)) == 1 and f"1 rows of {file} look edited" in said[0]


def test_those_not_used_for_longest_go_first(monkeypatch, home):
    folder = home / "cache" / "rows"
    folder.mkdir(parents=True)
    for age, name in enumerate(("new", "middle", "old")):
        (folder / f"{name}.arrow").write_bytes(b"x" * 100)
        os.utime(folder / f"{name}.arrow", (10**9 - age, 10**9))
    (folder / ".new.arrow.half").write_bytes(b"x")
    os.utime(folder / ".new.arrow.half", (10**9, 10**9))
    monkeypatch.setattr(cache, "MOST_BYTES", 200)
    cache.clean_up()
    assert {path.name for path in folder.iterdir()} == {"new.arrow", "middle.arrow"}
    monkeypatch.setattr(cache, "MOST_BYTES", 50)
    cache.clean_up(keep=folder / "middle.arrow")
    assert {path.name for path in folder.iterdir()} == {"middle.arrow"}
