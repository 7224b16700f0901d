"""The one layout of region features: what is written comes back, what is wrong is told by field."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from madbench.errors import DataMalformed, DataMissing
from madbench.tasks.contract import Regions
from madbench.tasks.regions import (
    how_many,
    present,
    read_regions,
    region_path,
    select_regions,
    write_regions,
)

N, D = 3, 8
RNG = np.random.default_rng(0)
GOOD = {
    "boxes": np.array([[0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], [0.5, 0.25, 0.75, 1]], np.float32),
    "features": RNG.random((N, D), np.float32),
    "confidences": np.array([0.9, 0.5, 0.1], np.float32),
}


def written(tmp_path, **changed):
    fields = {name: array for name, array in {**GOOD, **changed}.items() if array is not None}
    path = tmp_path / "one.npz"
    np.savez(path, **fields)
    return path


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_what_is_written_comes_back(tmp_path, dtype, compress):
    classes = np.array([4, 0, 1600])
    regions = Regions(GOOD["boxes"], GOOD["features"].astype(dtype), GOOD["confidences"], classes)
    path = tmp_path / "movie" / "picture@0.npz"
    write_regions(path, regions, compress=compress)
    found = read_regions(path)
    np.testing.assert_array_equal(found.boxes, regions.boxes)
    np.testing.assert_array_equal(found.features, regions.features.astype(np.float32))
    np.testing.assert_array_equal(found.confidences, regions.confidences)
    assert found.classes.tolist() == [4, 0, 1600]
    assert (found.boxes.dtype, found.features.dtype, found.classes.dtype) == (np.float32, np.float32, np.int64)
    with np.load(path, allow_pickle=False) as archive:  # numpy reads it too, and finds half precision kept
        assert archive["features"].dtype == dtype
    first = path.read_bytes()
    write_regions(path, regions, compress=compress)
    assert path.read_bytes() == first and [one.name for one in path.parent.iterdir()] == ["picture@0.npz"]


def test_what_could_not_be_read_is_not_written(tmp_path):
    with pytest.raises(DataMalformed, match="'boxes'"):
        write_regions(tmp_path / "a.npz", Regions(GOOD["boxes"] * 2, GOOD["features"], GOOD["confidences"]))
    assert list(tmp_path.iterdir()) == []


def test_class_confidences_give_the_best_class_and_its_confidence(tmp_path):
    of_class = np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2], [0.0, 0.1, 0.9]], np.float16)
    found = read_regions(written(tmp_path, confidences=of_class))
    assert found.classes.tolist() == [1, 0, 2]
    np.testing.assert_allclose(found.confidences, [0.7, 0.5, 0.9], atol=1e-3)
    given = read_regions(written(tmp_path, confidences=of_class, classes=np.array([2, 2, 2])))
    assert given.classes.tolist() == [2, 2, 2]


def test_one_column_of_confidences_is_no_class(tmp_path):
    found = read_regions(written(tmp_path, confidences=GOOD["confidences"][:, None]))
    assert found.classes is None and found.confidences.tolist() == GOOD["confidences"].tolist()


def test_half_precision_may_step_over_one(tmp_path):
    boxes = GOOD["boxes"] + np.float32(4e-4)
    assert read_regions(written(tmp_path, boxes=boxes)).boxes.max() == 1


def test_safetensors_are_read_where_there_is_no_npz(tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "one.safetensors"
    save_file({**GOOD, "features": GOOD["features"].astype(np.float16)}, path)
    assert present(tmp_path / "one.npz") == path
    assert read_regions(path).features.shape == (N, D)
    written(tmp_path)
    assert present(tmp_path / "one.npz") == tmp_path / "one.npz"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DataMalformed, match=r"not a readable \.safetensors"):
        read_regions(path)
    with pytest.raises(DataMissing):
        read_regions(tmp_path / "no.safetensors")


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("boxes", None, "is missing"),
        ("features", None, "is missing"),
        ("confidences", None, "is missing"),
        ("boxes", GOOD["boxes"][:2], r"\[2, 4\] beside 3"),
        ("boxes", GOOD["boxes"][:, :3], r"\[3, 3\] beside 3"),
        ("boxes", GOOD["boxes"] * 640, "not fractions 0 to 1"),
        ("boxes", GOOD["boxes"] - 0.1, "not fractions 0 to 1"),
        ("boxes", GOOD["boxes"][:, [2, 1, 0, 3]], "x1 < x2"),
        ("boxes", np.full((3, 4), 0.5, np.float32), "x1 < x2"),
        ("boxes", np.full((3, 4), np.nan, np.float32), "not finite"),
        ("boxes", np.zeros((3, 4), np.int64), "is int64"),
        ("features", GOOD["features"][0], "is float32 \\[8\\]"),
        ("features", GOOD["features"].astype(np.float64), "not float16 or float32"),
        ("features", np.full((3, 8), np.inf, np.float16), "not finite"),
        ("features", np.array([[object()] * 8] * 3), "never objects"),
        ("features", GOOD["features"][:, :0], "no regions"),
        ("features", GOOD["features"][:0], "no regions"),
        ("confidences", GOOD["confidences"][:2], "beside 3"),
        ("confidences", np.zeros((3, 0), np.float32), "beside 3"),
        ("confidences", GOOD["confidences"] + 1, "not fractions 0 to 1"),
        ("classes", np.array([1.0, 2.0, 3.0]), "whole numbers"),
        ("classes", np.array([1, 2]), "whole numbers"),
        ("classes", np.array([1, 2, -1]), "whole numbers"),
        ("width", np.array(0), "positive"),
        ("height", np.array([2, 3]), "positive"),
    ],
)
def test_what_is_wrong_is_told_with_path_and_field(tmp_path, field, value, says):
    path = written(tmp_path, **{field: value})
    with pytest.raises(DataMalformed, match=f"'{field}'.*{says}") as caught:
        read_regions(path)
    assert caught.value.where == str(path) and caught.value.fix


def test_a_truncated_file_and_a_missing_one(tmp_path):
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataMalformed, match="not a readable"):
        read_regions(path)
    with pytest.raises(DataMissing, match="not found"):
        read_regions(tmp_path / "other.npz")


def test_a_member_that_claims_to_be_huge_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("madbench.tasks.arrays.LARGEST_MEMBER", 1000)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("boxes.npy", b"\0" * 100_000)
    (tmp_path / "bomb.npz").write_bytes(stream.getvalue())
    with pytest.raises(DataMalformed, match="claims 100,000 bytes"):
        read_regions(tmp_path / "bomb.npz")


@pytest.mark.parametrize(
    ("image", "file"),
    [
        ("lsmdc_1054_Harry/1054_Harry_00.01.46.736@0.jpg", "lsmdc_1054_Harry/1054_Harry_00.01.46.736@0.npz"),
        ("4705552913.jpg", "4705552913.npz"),
        ("COCO_val2014_000000000042.jpg", "COCO_val2014_000000000042.npz"),
    ],
)
def test_a_file_is_named_after_the_image(image, file):
    assert region_path(Path("/data/regions"), image) == Path("/data/regions") / file
    assert region_path(None, image) is None


def test_the_selection_of_uniter():
    """Strictly above the threshold, at least 10 and at most 100, as far as there are regions."""
    falling = np.linspace(1, 0, 201, dtype=np.float32)
    assert how_many(falling) == 100
    assert how_many(falling[falling < 0.7]) == int(((falling > 0.2) & (falling < 0.7)).sum()) == 99
    assert how_many(np.full(50, 0.2, np.float32)) == 10
    assert how_many(np.zeros(4, np.float32)) == 4
    regions = Regions(GOOD["boxes"], GOOD["features"], GOOD["confidences"], np.array([1, 2, 3]))
    kept = select_regions(regions, threshold=0.2, minimum=1)
    assert len(kept.boxes) == len(kept.features) == 2 and kept.classes.tolist() == [1, 2]
