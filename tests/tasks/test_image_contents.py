"""The content of an image: equal for equal bytes, another after a change or a corruption, hashed once."""

import os

import numpy as np
import pytest
from PIL import Image

from madbench.errors import DataMissing
from madbench.tasks import image_contents
from madbench.tasks.contract import LazyImage, Row
from madbench.tasks.images import SharedImages


def save(path, value):
    Image.fromarray(np.full((4, 4, 3), value, np.uint8)).save(path)
    return Row("1", "1", image_path=path)


def content(row):
    return SharedImages("vqa").of(row).content()


def test_equal_bytes_are_equal_content_whatever_their_names(tmp_path):
    one, same, other = save(tmp_path / "a.png", 1), save(tmp_path / "b.png", 1), save(tmp_path / "c.png", 2)
    assert content(one) == content(same) != content(other)
    assert SharedImages("vcr").of(one).key != SharedImages("vcr").of(same).key


def test_a_corrupted_image_is_another_and_its_noise_goes_by_the_name_of_the_file(tmp_path):
    def corrupted(row, name):
        return Row("1", "1", image_path=row.image_path, corruption=name)

    one, same = save(tmp_path / "a.png", 1), save(tmp_path / "b.png", 1)
    contents = {content(one), content(corrupted(one, "blur-1")), content(corrupted(one, "gaussian-noise-1"))}
    contents.add(content(corrupted(same, "gaussian-noise-1")))
    assert len(contents) == 4


def test_a_file_is_hashed_once_for_each_state_also_by_the_next_process(tmp_path, monkeypatch):
    monkeypatch.setenv("MADBENCH_HOME", str(tmp_path / "home"))
    row = save(tmp_path / "a.png", 1)
    before = content(row)

    def refuse(path):
        raise AssertionError(f"hashed again: {path}")

    with monkeypatch.context() as patch:
        patch.setattr(image_contents, "sha256_of_file", refuse)
        assert content(row) == before
        image_contents._known.clear()  # what a new process starts with
        assert content(row) == before
    os.utime(row.image_path, ns=(1, 1))
    save(row.image_path, 2)
    assert content(row) != before


def test_lines_that_were_cut_off_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setenv("MADBENCH_HOME", str(tmp_path / "home"))
    row = save(tmp_path / "a.png", 1)
    before = content(row)
    (file,) = (tmp_path / "home").rglob("*.jsonl")
    file.write_bytes(file.read_bytes()[:-9] + b'{"half": \xff\n["a.png", "x", 1, "zz"]\n')
    image_contents._known.clear()
    assert content(row) == before


def test_an_image_that_is_not_there_says_where(tmp_path):
    with pytest.raises(DataMissing, match="file not found"):
        content(Row("1", "1", image_path=tmp_path / "absent.png"))


def test_an_image_without_a_file_is_its_pixels():
    def lazy(value, size=(3, 2)):
        return LazyImage("key", lambda: Image.new("RGB", size, (value, 0, 0)))

    assert lazy(1).content() == lazy(1).content() != lazy(2).content()
    assert lazy(0, (3, 2)).content() != lazy(0, (2, 3)).content()
