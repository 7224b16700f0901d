from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from madbench.errors import DataMalformed, DataMissing, UsageError
from madbench.tasks.contract import ShiftInputs
from madbench.tasks.shift_files import shift_file
from madbench.tasks.sources import locate
from madbench.tasks.vqa.task import TASK

DATA = Path(__file__).parents[1] / "data" / "vqa"


def test_the_folder_holds_what_a_run_sees(tmp_path):
    said = shift_file("gaussian-noise-4", DATA / "val2014", tmp_path / "noisy")
    assert said == "gaussian-noise-4: 3 images read, 3 written as PNG"
    layout = locate(TASK, DATA)
    rows = TASK.read(layout, "val")
    shifted = TASK.shifts()["gaussian-noise-4"].apply(rows, ShiftInputs(lambda: []))
    space = TASK.answer_space(TASK.read(layout, "train"), 1.0)
    examples = TASK.examples(shifted, leg="main", condition="x", space=space, rendering="index@1", labelled=False)
    clean = TASK.examples(rows, leg="main", condition="x", space=space, rendering="index@1", labelled=False)
    for row, example, before in zip(rows, examples, clean, strict=True):
        written = Image.open(tmp_path / "noisy" / f"{row.image_path.stem}.png")
        assert np.array_equal(np.asarray(example.image.open()), np.asarray(written))
        assert not np.array_equal(np.asarray(before.image.open()), np.asarray(written))
        assert example.image.key != before.image.key


def test_folders_below_stay_as_they_are(tmp_path):
    (tmp_path / "in" / "film").mkdir(parents=True)
    Image.new("RGB", (8, 8), (9, 99, 200)).save(tmp_path / "in" / "film" / "0.00.01.5@1.jpg")
    (tmp_path / "in" / "film" / "0.00.01.5@1.json").write_text("{}")
    shift_file("contrast-1", tmp_path / "in", tmp_path / "out")
    assert [path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")] == [
        "film/0.00.01.5@1.png"
    ]


def test_nothing_is_left_when_an_image_is_broken(tmp_path):
    (tmp_path / "in").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "in" / "a.jpg")
    (tmp_path / "in" / "b.jpg").write_bytes(b"no image")
    with pytest.raises(DataMalformed, match="cannot be decoded"):
        shift_file("blur-1", tmp_path / "in", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_two_images_that_differ_in_the_suffix_only(tmp_path):
    (tmp_path / "in").mkdir()
    for suffix in ("jpg", "png"):
        Image.new("RGB", (8, 8)).save(tmp_path / "in" / f"a.{suffix}")
    with pytest.raises(DataMalformed, match=r"would both become a\.png"):
        shift_file("blur-1", tmp_path / "in", tmp_path / "out")


def test_folders_are_asked_for_and_never_replaced(tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(DataMissing, match="no image"):
        shift_file("blur-1", tmp_path / "in", tmp_path / "out")
    with pytest.raises(UsageError, match="takes a folder of images"):
        shift_file("blur-1", tmp_path / "nothing", tmp_path / "out")
    with pytest.raises(UsageError, match="there already"):
        shift_file("blur-1", tmp_path / "in", tmp_path / "in", overwrite=True)
    with pytest.raises(UsageError, match="lies in the input folder"):
        shift_file("blur-1", tmp_path / "in", tmp_path / "in" / "out")
