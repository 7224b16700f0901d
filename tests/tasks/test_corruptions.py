import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from madbench.errors import DataMissing, UsageError
from madbench.tasks.contract import Row, ShiftInputs
from madbench.tasks.corruptions import KINDS, NAMES, corrupted, corruption_shifts, parse

NOTHING = ShiftInputs(lambda: [])


@pytest.fixture
def picture() -> Image.Image:
    """96 x 64, smooth colours with sharp edges."""
    across, down = np.meshgrid(np.arange(96), np.arange(64))
    pixels = np.stack([across * 2, down * 3, (across // 8 + down // 8) % 2 * 200], axis=-1)
    return Image.fromarray(pixels.astype(np.uint8))


def distance(first: Image.Image, second: Image.Image) -> float:
    return float(np.abs(np.asarray(first, dtype=float) - np.asarray(second, dtype=float)).mean())


def sha(image: Image.Image) -> str:
    return hashlib.sha256(image.tobytes()).hexdigest()[:16]


def test_twenty_names():
    assert len(NAMES) == 20
    assert parse("gaussian-noise-3") == ("gaussian-noise", 3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_distance_from_the_original_grows_with_the_severity(picture, kind):
    distances = [distance(picture, corrupted(picture, f"{kind}-{severity}", "7")) for severity in range(1, 6)]
    assert distances[0] > 1
    assert distances == sorted(distances)
    assert len(set(distances)) == 5


@pytest.mark.parametrize("name", NAMES)
def test_an_image_is_corrupted_in_one_way_only(picture, name):
    first = corrupted(picture, name, "7")
    assert (first.size, first.mode) == (picture.size, "RGB")
    assert first.tobytes() == corrupted(picture.copy(), name, "7").tobytes()


def test_noise_is_keyed_by_the_image_and_by_the_name(picture):
    made = {sha(corrupted(picture, name, image)) for name in NAMES[:5] for image in ("7", "8")}
    assert len(made) == 10


def test_noise_and_contrast_are_whole_numbers_the_same_everywhere(picture):
    """Golden values: what these two make of this picture must not depend on the machine or the numpy version."""
    assert sha(corrupted(picture, "gaussian-noise-3", "COCO_val2014_000000910101")) == "00862a02a156bc35"
    assert sha(corrupted(picture, "contrast-3", "COCO_val2014_000000910101")) == "f3fe197d8f41c9f7"


def test_noise_has_the_stated_deviation():
    grey = Image.new("RGB", (200, 200), (128, 128, 128))
    noise = np.asarray(corrupted(grey, "gaussian-noise-2", "1"), dtype=float) - 128
    assert abs(noise.mean()) < 0.5
    assert noise.std() == pytest.approx(0.12 * 255, rel=0.01)


def test_contrast_pulls_towards_the_mean_of_each_channel():
    image = Image.fromarray(np.array([[[0, 10, 20], [100, 30, 20]]], dtype=np.uint8))
    assert np.asarray(corrupted(image, "contrast-3", "1")).tolist() == [[[40, 18, 20], [60, 22, 20]]]


def test_an_unknown_name_gets_a_hint():
    with pytest.raises(UsageError, match="did you mean 'blur-3'"):
        corrupted(Image.new("RGB", (8, 8)), "blurr-3", "1")
    with pytest.raises(UsageError):
        parse("blur-6")


def test_every_severity_is_a_transform_that_keeps_the_rows(tmp_path):
    shifts = corruption_shifts("vqa")
    assert tuple(shifts) == NAMES
    rows = [Row("1", "7", tmp_path / "a.jpg", region_path=Path("a.npz")), Row("2", "7", tmp_path / "a.jpg")]
    shifted = shifts["jpeg-2"].apply(rows, NOTHING)
    assert [(row.example_id, row.image_path, row.corruption) for row in shifted] == [
        ("1", tmp_path / "a.jpg", "jpeg-2"),
        ("2", tmp_path / "a.jpg", "jpeg-2"),
    ]
    assert shifted[0].region_path is None
    assert rows[0].corruption is None
    assert {one.kind for one in shifts.values()} == {"transform"}


def test_a_task_keeps_its_own_kind_of_row(tmp_path):
    @dataclass(frozen=True)
    class Own(Row):
        question: str = ""

    shifted = corruption_shifts("vqa")["blur-1"].apply([Own("1", "7", tmp_path / "a.jpg", question="Why?")], NOTHING)
    assert shifted == [Own("1", "7", tmp_path / "a.jpg", question="Why?", corruption="blur-1")]


def test_without_images_there_is_nothing_to_corrupt(tmp_path):
    with pytest.raises(DataMissing, match="no images to corrupt"):
        corruption_shifts("vqa")["blur-1"].apply([Row("1", "7")], NOTHING)


def test_one_corruption_does_not_follow_another(tmp_path):
    with pytest.raises(UsageError, match="blur-1 cannot follow jpeg-2"):
        corruption_shifts("vqa")["blur-1"].apply([Row("1", "7", tmp_path / "a.jpg", corruption="jpeg-2")], NOTHING)


@pytest.mark.parametrize("name", NAMES)
def test_cards_say_source_parameters_and_leak(name):
    card = corruption_shifts("snli_ve")[name].card
    assert f"severity {name[-1]} of 5" in card.splitlines()[0]
    assert "Hendrycks" in card and "Leak:" in card and "sha256" in card
