"""Every question about a picture shares one image; a corrupted one is never mistaken for it."""

import hashlib
import pickle
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from madbench.errors import DataMalformed, DataMissing
from madbench.tasks.contract import Regions, Row
from madbench.tasks.corruptions import corrupted
from madbench.tasks.images import SharedImages
from madbench.tasks.regions import write_regions


@pytest.fixture
def row(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "123.png")
    regions = Regions(np.array([[0, 0, 0.5, 1]], np.float32), np.ones((1, 4), np.float32), np.array([0.5], np.float32))
    write_regions(tmp_path / "regions" / "123.npz", regions)
    return Row("q", "123", tmp_path / "123.png", region_path=tmp_path / "regions" / "123.npz")


def test_questions_about_one_picture_share_it(row):
    images = SharedImages("vqa")
    assert images.of(row) is images.of(replace(row, example_id="other"))
    assert images.of(row).key == hashlib.sha256(b"vqa|123.png").hexdigest()[:16]
    assert images.of(Row("q", "123")) is None


def test_a_corrupted_picture_has_its_own_key_and_pixels_and_no_regions(row):
    images = SharedImages("vqa")
    clean, noisy = images.of(row), images.of(replace(row, corruption="gaussian-noise-3"))
    assert len({clean.key, noisy.key, images.of(replace(row, corruption="gaussian-noise-4")).key}) == 3
    expected = corrupted(clean.open(), "gaussian-noise-3", "123")
    assert noisy.open().tobytes() == expected.tobytes() != clean.open().tobytes()
    assert noisy.regions() is None and clean.regions().features.shape == (1, 4)


def test_images_cross_processes(row):
    image = pickle.loads(pickle.dumps(SharedImages("vqa").of(replace(row, corruption="jpeg-1"))))
    assert image.open().size == (30, 20)


def test_a_source_of_regions_alone_shows_them_under_the_key_of_the_picture(row):
    images = SharedImages("snli_ve")
    alone = images.of(replace(row, image_path=None))
    assert alone.key == hashlib.sha256(b"snli_ve|123.jpg").hexdigest()[:16]
    assert len(alone.regions().boxes) == 1
    with pytest.raises(DataMissing, match="only region features"):
        alone.open()


def test_missing_regions_are_missing_and_no_regions_are_none(row):
    row.region_path.unlink()
    with pytest.raises(DataMissing, match="not found"):
        SharedImages("vqa").of(row).regions()
    assert SharedImages("vqa").of(replace(row, region_path=None)).regions() is None


def test_regions_do_not_leave_their_folder(row, tmp_path):
    target = tmp_path / "outside.npz"
    row.region_path.rename(target)
    row.region_path.symlink_to(target)
    with pytest.raises(DataMalformed, match="symbolic link"):
        SharedImages("vqa").of(row).regions()


def test_boxes_and_folders_of_names_stay_with_the_picture(row, tmp_path):
    """As vcr names its pictures: below a folder of the movie."""
    images = SharedImages("vcr")
    (tmp_path / "regions" / "movie").mkdir()
    regions = tmp_path / "regions" / "movie" / "123.npz"
    row.region_path.rename(regions)
    (tmp_path / "movie").mkdir()
    row.image_path.rename(tmp_path / "movie" / "123.png")
    row = replace(row, region_path=regions)
    one = images.named(row, tmp_path, "movie/123.png", lambda: np.zeros((1, 4)), "a")
    assert one is images.named(row, tmp_path, "movie/123.png", lambda: np.zeros((2, 4)), "a")
    assert one is not images.named(row, tmp_path, "movie/123.png", lambda: np.zeros((2, 4)), "b")
    assert one.key == hashlib.sha256(b"vcr|movie/123.png").hexdigest()[:16]
    assert one.open().size == (30, 20) and one.boxes().shape == (1, 4) and len(one.regions().boxes) == 1
    blurred = images.named(replace(row, corruption="blur-1"), tmp_path, "movie/123.png", one.boxes, "a")
    assert blurred.boxes().shape == (1, 4) and blurred.key != one.key
