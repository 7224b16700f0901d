"""Annotation files that stay in their zip are read as if they lay beside it."""

import io
import json
import shutil
import zipfile
from pathlib import Path

import pytest

from madbench.errors import DataMalformed, DataMissing
from madbench.registry import TASKS
from madbench.tasks import archives
from madbench.tasks.reading import read_json, read_json_lines
from madbench.tasks.sources import fingerprint, has_split, locate

DATA = Path(__file__).parents[1] / "data"


def zipped(path, members, mode=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", mode) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_a_member_is_a_file_with_size_content_and_hash(tmp_path):
    zipped(tmp_path / "x.zip", {"deep/er/a.jsonl": b'{"a": 1}\n'})
    (tmp_path / "a.jsonl.plain").write_bytes(b'{"a": 1}\n')
    path = archives.find([tmp_path], "a.jsonl")
    assert path == tmp_path / "x.zip" / "deep" / "er" / "a.jsonl"
    assert archives.is_file(path) and not archives.is_file(tmp_path / "x.zip" / "b")
    assert archives.stat(path).size == 9
    assert archives.sha256(path) == archives.sha256(tmp_path / "a.jsonl.plain")
    assert list(read_json_lines(path)) == [(1, {"a": 1})]


def test_a_file_that_is_unpacked_wins(tmp_path):
    zipped(tmp_path / "x.zip", {"a.json": b"1"})
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.json").write_bytes(b"2")
    assert read_json(archives.find([tmp_path, tmp_path / "sub"], "a.json")) == 2


def test_the_zip_of_the_official_name_goes_first_and_the_least_deep_member(tmp_path):
    zipped(tmp_path / "a.zip", {"a.json": b"1"})
    zipped(tmp_path / "official.zip", {"old/deep/a.json": b"2", "new/a.json": b"3", "__MACOSX/a.json": b"4"})
    assert read_json(archives.find([tmp_path], "a.json", ("official.zip",))) == 3
    assert read_json(archives.find([tmp_path], "a.json")) == 1


@pytest.mark.parametrize("task, official", [("vcr", "vcr1annots.zip"), ("snli_ve", "any.zip"), ("vqa", "any.zip")])
def test_a_source_left_zipped_has_the_same_rows_and_fingerprint(tmp_path, task, official):
    plain = DATA / ("vcr/fixtures" if task == "vcr" else task)
    layout = locate(TASKS.load(task), plain)
    official_splits = {"train", "dev", "val", "test", "test-dev"} & set(layout.files)
    members = {f"inside/{path.name}": path.read_bytes() for split in official_splits for path in layout.files[split]}
    root = tmp_path / "root"
    root.mkdir()
    zipped(root / official, members)
    found = locate(TASKS.load(task), root)
    assert set(found.files) == official_splits and all(has_split(found, split) for split in found.files)
    assert fingerprint(found, official_splits) == fingerprint(layout, official_splits)
    for split in found.files:
        rows = TASKS.load(task).read(found, split)
        assert [row.example_id for row in rows] == [row.example_id for row in TASKS.load(task).read(layout, split)]


def test_vqa_files_may_stay_in_their_four_zips(tmp_path):
    for split in ("train", "val"):
        for kind, name in (
            ("Questions", "OpenEnded_mscoco_{}2014_questions"),
            ("Annotations", "mscoco_{}2014_annotations"),
        ):
            file = f"v2_{name.format(split)}.json"
            archive = f"v2_{kind}_{split.capitalize()}_mscoco.zip"
            zipped(tmp_path / archive, {file: (DATA / "vqa" / file).read_bytes()})
    layout = locate(TASKS.load("vqa"), tmp_path)
    assert set(layout.files) == {"train", "val"}
    assert len(TASKS.load("vqa").read(layout, "val")) == 5


def test_a_bad_line_in_a_zip_is_told_with_its_place(tmp_path):
    zipped(tmp_path / "x.zip", {"a.jsonl": b'{"a": 1}\n{"a": \n'})
    path = tmp_path / "x.zip" / "a.jsonl"
    with pytest.raises(DataMalformed) as caught:
        list(read_json_lines(path))
    assert caught.value.where == f"{path}:2"


def test_a_bomb_is_refused_before_it_is_read(tmp_path):
    path = zipped(tmp_path / "x.zip", {"a.json": b" " * (40 << 20)}) / "a.json"
    for use in (archives.stat, archives.open_file, archives.sha256, read_json):
        with pytest.raises(DataMalformed, match="unpack to 41,943,040"):
            use(path)


@pytest.mark.parametrize("name", ["../a.json", "x/../../a.json", "/a.json", "C:/a.json"])
def test_a_member_that_leaves_the_archive_is_refused(tmp_path, name):
    zipped(tmp_path / "x.zip", {name: b"1"})
    with pytest.raises(DataMalformed, match="leaves it"):
        archives.find([tmp_path], "a.json")


def test_damaged_zips_are_told(tmp_path):
    content = io.BytesIO()
    zipped(content, {"a.json": json.dumps(list(range(5000))).encode()}, zipfile.ZIP_STORED)
    raw = bytearray(content.getvalue())
    raw[200] ^= 1  # inside the member: its checksum is wrong
    (tmp_path / "x.zip").write_bytes(raw)
    with pytest.raises(DataMalformed, match="cannot be read"):
        read_json(tmp_path / "x.zip" / "a.json")
    (tmp_path / "official.zip").write_bytes(b"no zip")
    with pytest.raises(DataMalformed, match="cannot be read"):
        archives.find([tmp_path], "b.json", ("official.zip",))
    assert archives.find([tmp_path], "b.json") is None  # a stranger's file says nothing about the source


def test_a_member_that_is_not_there_is_missing(tmp_path):
    zipped(tmp_path / "x.zip", {"a.json": b"1"})
    with pytest.raises(DataMissing):
        read_json(tmp_path / "x.zip" / "b.json")
    shutil.rmtree(tmp_path)
    with pytest.raises(DataMissing):
        read_json(tmp_path / "x.zip" / "a.json")
