"""`madbench data convert-features`: UNITER's databases become region files, and what does not is told."""

import io
import json
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

from madbench.tasks.regions import read_regions

lmdb = pytest.importorskip("lmdb")
msgpack = pytest.importorskip("msgpack")

VCR = Path(__file__).resolve().parent.parent / "data" / "vcr" / "fixtures"
COCO = "coco_val2014_000000000042.npz"
FIRED = []


class Bomb:
    def __reduce__(self):
        return FIRED.append, (1,)


def entry(seed=0, n=12, labels=False):
    """n regions by falling confidence; the first eight above 0.2."""
    rng = np.random.default_rng(seed)
    low = rng.random((n, 2)) * 0.5
    size = 0.1 + rng.random((n, 2)) * 0.4
    fields = {
        "norm_bb": np.concatenate([low, low + size, size], 1).astype(np.float16),
        "features": rng.random((n, 16)).astype(np.float16),
        "conf": np.linspace(0.9, 0.05, n).astype(np.float16),
    }
    if labels:
        fields["soft_labels"] = np.eye(20, dtype=np.float16)[rng.integers(1, 20, n)]
        fields["soft_labels"][:, 0] = 2  # the background is the most likely of all
    return fields


def as_msgpack(fields):
    def pack(array):
        kind = {b"kind": b"O"} if array.dtype == object else {}
        data = pickle.dumps(array) if kind else array.tobytes()
        return {b"nd": True, b"type": array.dtype.str, b"shape": list(array.shape), b"data": data, **kind}

    return msgpack.packb({name: pack(array) for name, array in fields.items()}, use_bin_type=True)


def as_npz(fields):
    stream = io.BytesIO()
    np.savez_compressed(stream, **fields, extra=np.array(True))  # the original wrote one member too many
    return stream.getvalue()


def database(folder, values, keys=None):
    folder.mkdir(parents=True)
    with lmdb.open(str(folder), map_size=1 << 24) as environment, environment.begin(write=True) as transaction:
        for key, value in values.items():
            transaction.put(key.encode(), value)
        transaction.put(b"__keys__", json.dumps(list(values) if keys is None else keys).encode())
    return folder


@pytest.fixture(autouse=True)
def nothing_is_unpickled():
    FIRED.clear()
    yield
    assert FIRED == []


@pytest.fixture
def convert(madbench, tmp_path):
    def call(source, *options, out=tmp_path / "regions"):
        return madbench("data", "convert-features", "--input", source, "--output", out, *options)

    return call


@pytest.mark.parametrize("encode", [as_msgpack, as_npz])
def test_both_encodings_come_back_equal(convert, tmp_path, encode):
    fields = {COCO: entry(1), "coco_train2014_000000000007.npz": entry(2, labels=True)}
    source = database(tmp_path / "img" / "feat_th0.2", {key: encode(one) for key, one in fields.items()})
    result = convert(source.parent, "--min", 1)  # the folder above the database will do
    assert result.code == 0 and "2 region files written" in result.out, result
    for key, name in ((COCO, "COCO_val2014_000000000042"), (list(fields)[1], "COCO_train2014_000000000007")):
        found, given = read_regions(tmp_path / "regions" / f"{name}.npz"), fields[key]
        kept = int((given["conf"] > 0.2).sum())
        assert len(found.boxes) == kept < 12
        np.testing.assert_array_equal(found.boxes, given["norm_bb"][:kept, :4].astype(np.float32))
        np.testing.assert_array_equal(found.features, given["features"][:kept].astype(np.float32))
        np.testing.assert_array_equal(found.confidences, given["conf"][:kept].astype(np.float32))
        if "soft_labels" in given:
            assert found.classes.tolist() == (given["soft_labels"][:kept, 1:].argmax(1) + 1).tolist()
    with np.load(tmp_path / "regions" / "COCO_val2014_000000000042.npz", allow_pickle=False) as archive:
        assert archive["features"].dtype == np.float16


@pytest.mark.parametrize("encode", [as_msgpack, as_npz])
def test_an_entry_of_objects_is_refused_and_the_others_are_written(convert, tmp_path, encode):
    evil = {**entry(), "features": np.array([[Bomb()] * 2] * 12, dtype=object)}
    source = database(tmp_path / "db", {COCO: encode(entry()), "coco_val2014_000000000043.npz": encode(evil)})
    result = convert(source)
    assert result.code == 3 and "1 region files written" in result.out
    assert "coco_val2014_000000000043.npz: field 'features'" in result.out and "never objects" in result.out
    assert [path.name for path in (tmp_path / "regions").glob("*.npz")] == ["COCO_val2014_000000000042.npz"]


def test_what_has_no_image_is_counted_listed_and_fails(convert, tmp_path):
    values = {key: as_npz(entry()) for key in (COCO, "coco_val2014_43.npz", "vg_000000000001.npz")}
    source = database(tmp_path / "db", values, keys=[*values, "coco_val2014_000000000099.npz"])
    result = convert(source)
    assert result.code == 3
    assert "2 without an image name" in result.out and "1 listed in the database and not in it" in result.out
    (told,) = json.loads((tmp_path / "regions" / "conversion.json").read_text())["databases"].values()
    assert told["unmapped"] == ["coco_val2014_43.npz", "vg_000000000001.npz"]
    assert told["missing"] == ["coco_val2014_000000000099.npz"]


def test_names_of_a_file_win(convert, tmp_path):
    source = database(tmp_path / "db", {COCO: as_npz(entry()), "odd": as_npz(entry())})
    (tmp_path / "names.csv").write_text("key,name\nodd,COCO_val2014_000000000001.jpg\n")
    assert convert(source, "--names", tmp_path / "names.csv").code == 0
    assert len(list((tmp_path / "regions").glob("COCO_val2014_*.npz"))) == 2
    (tmp_path / "names.csv").write_text("key,name\nodd,../outside\n")
    result = convert(source, "--names", tmp_path / "names.csv")
    assert result.code == 3 and "names.csv:2" in result.err and not (tmp_path / "outside.npz").exists()


def test_two_entries_of_one_image_are_told(convert, tmp_path):
    source = database(
        tmp_path / "db", {"flickr30k_000000000012.npz": as_npz(entry()), "flickr30k_12.npz": as_npz(entry())}
    )
    result = convert(source)
    assert result.code == 3 and "flickr30k_000000000012.npz has the same image, 12" in result.out


def test_vcr_folders_come_from_the_annotations(convert, tmp_path):
    rows = [json.loads(line) for line in (VCR / "val.jsonl").read_text().splitlines()]
    files = {Path(row["img_fn"]).stem: row["img_fn"] for row in rows}
    source = database(tmp_path / "db", {f"vcr_val_{stem}.npz": as_npz(entry()) for stem in files})
    result = convert(source)
    assert result.code == 3 and "--root DIR" in result.err
    assert convert(source, "--root", VCR).code == 0
    for name in files.values():
        assert read_regions((tmp_path / "regions" / name).with_suffix(".npz")).features.shape == (10, 16)
    annotated = database(tmp_path / "gt", {f"vcr_gt_val_{stem}.npz": as_npz(entry()) for stem in files})
    result = convert(annotated, "--root", VCR)
    assert result.code == 2 and "other settings" in result.err  # the two kinds of boxes do not mix in a folder


def test_files_that_are_there_are_kept_and_settings_do_not_mix(convert, tmp_path):
    values = {f"coco_val2014_{image:012d}.npz": as_npz(entry(image)) for image in range(4)}
    source = database(tmp_path / "db", values)
    assert "2 region files written" in convert(source, "--limit", 2).out
    first = tmp_path / "regions" / "COCO_val2014_000000000000.npz"
    before = first.stat().st_mtime_ns
    assert "2 region files written, 2 kept" in convert(source).out
    assert first.stat().st_mtime_ns == before
    result = convert(source, "--max", 11)
    assert result.code == 2 and "other settings" in result.err
    assert "4 region files written, 0 kept" in convert(source, "--overwrite").out


def test_a_side_that_half_precision_lost_is_widened_and_counted(convert, tmp_path):
    thin = entry()
    thin["norm_bb"][3, [0, 2]] = 0.5
    thin["norm_bb"][4, [1, 3]] = 1.0
    source = database(tmp_path / "db", {COCO: as_npz(thin)})
    assert "2 boxes widened" in convert(source).out
    boxes = read_regions(tmp_path / "regions" / "COCO_val2014_000000000042.npz").boxes
    assert (boxes[:, :2] < boxes[:, 2:]).all() and boxes.max() <= 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"norm_bb": entry()["norm_bb"] * 600}, "'norm_bb' is not made of fractions"),
        ({"norm_bb": entry()["norm_bb"][:, [2, 3, 0, 1, 4, 5]]}, "'boxes' needs x1 < x2"),
        ({"norm_bb": entry()["norm_bb"][:3]}, "'norm_bb' is [3, 6]"),
        ({"conf": entry()["conf"][:3]}, "'conf' is [3]"),
        ({"features": np.full((12, 16), np.nan, np.float16)}, "'features' holds a value that is not finite"),
        ({"conf": np.arange(12)}, "'conf' is missing or not made of fractions"),
    ],
)
def test_an_entry_that_cannot_be_believed_is_refused_with_its_field(convert, tmp_path, change, says):
    source = database(tmp_path / "db", {COCO: as_npz({**entry(), **change})})
    result = convert(source)
    assert result.code == 3 and f"{COCO}: field" in result.out and says in result.out
    assert not list((tmp_path / "regions").glob("*.npz"))


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("--from", "npz"), 2, "unknown format"),
        (("--min", 20, "--max", 10), 2, "1 <= min <= max"),
        (("--task", "vq"), 2, "did you mean 'vqa'"),
        (("--task", "snli_ve"), 3, "none of 1 names"),
        (("--names", "/nowhere.csv"), 3, "check --names"),
    ],
)
def test_wrong_options_are_told(convert, tmp_path, options, code, says):
    source = database(tmp_path / "db", {COCO: as_npz(entry())})
    result = convert(source, *options)
    assert result.code == code and says in result.err
    assert not (tmp_path / "regions").exists()


def test_a_folder_without_a_database_and_a_damaged_one(convert, tmp_path):
    assert "no data.mdb" in convert(tmp_path).err
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "data.mdb").write_bytes(b"not an lmdb" * 1000)
    result = convert(tmp_path / "bad")
    assert result.code == 3 and "not a readable LMDB" in result.err
    for name in "ab":
        database(tmp_path / "two" / name, {COCO: as_npz(entry())})
    assert convert(tmp_path / "two").code == 2


def test_without_the_package_the_extra_is_named(convert, tmp_path, monkeypatch):
    source = database(tmp_path / "db", {COCO: as_npz(entry())})
    monkeypatch.setitem(sys.modules, "lmdb", None)
    result = convert(source)
    assert result.code == 2 and "pip install 'madbench[lmdb]'" in result.err
