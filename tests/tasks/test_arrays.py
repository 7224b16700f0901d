"""Arrays come out of foreign files without anything being unpickled."""

import io
import pickle
import zipfile

import numpy as np
import pytest

from madbench.errors import DataMalformed, DataMissing
from madbench.tasks.arrays import array_of, read_msgpack, read_npz

ARRAYS = {
    "half": np.arange(6, dtype=np.float16).reshape(2, 3),
    "columns": np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
    "whole": np.array([3, -1], np.int64),
    "one": np.array(7),
}


class Bomb:
    """Unpickling it would be noticed."""

    fired = []

    def __reduce__(self):
        return Bomb.fired.append, (1,)


@pytest.fixture(autouse=True)
def nothing_is_unpickled():
    Bomb.fired.clear()
    yield
    assert Bomb.fired == []


def npz(**arrays):
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def test_npz_members_come_back_equal_from_bytes_and_from_a_file(tmp_path):
    raw = npz(**ARRAYS)
    (tmp_path / "a.npz").write_bytes(raw)
    for found in (read_npz(raw, [*ARRAYS, "absent"], "memory"), read_npz(tmp_path / "a.npz", list(ARRAYS))):
        assert found.keys() == ARRAYS.keys()
        for name, array in ARRAYS.items():
            assert found[name].dtype == array.dtype
            np.testing.assert_array_equal(found[name], array)


def test_an_array_of_objects_is_refused_by_name():
    raw = npz(features=np.array([Bomb(), Bomb()], dtype=object))
    with pytest.raises(DataMalformed, match=r"'features' has the type '\|O'.*never objects") as caught:
        read_npz(raw, ["features"], "here.npz")
    assert caught.value.where == "here.npz"


def test_members_that_nobody_asked_for_are_not_looked_at():
    raw = npz(features=ARRAYS["half"], extra=np.array([Bomb()], dtype=object))
    assert list(read_npz(raw, ["features"], "x")) == ["features"]


def _zip(content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("features.npy", content)
    return stream.getvalue()


def _npy(text: str, data: bytes = b"") -> bytes:
    header = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (npz(**ARRAYS)[:60], "not a readable .npz"),
        (b"", "not a readable .npz"),
        (pickle.dumps(Bomb()), "not a readable .npz"),
        (_zip(pickle.dumps(Bomb())), "'features' is not a numpy array"),
        (_zip(b""), "'features' is not a numpy array"),
        (_zip(_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999,)}")), "'features' has 0 bytes"),
        (_zip(_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", b"1234")), "'features' has 4 bytes"),
        (_zip(_npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", b"1234")), "only numbers"),
    ],
)
def test_damage_is_told(raw, says):
    with pytest.raises(DataMalformed, match=says):
        read_npz(raw, ["features"], "x")


def test_a_flipped_byte_is_told():
    raw = bytearray(npz(features=np.arange(4000, dtype=np.float32)))
    raw[len(raw) // 2] ^= 0xFF
    with pytest.raises(DataMalformed, match="'features' is damaged"):
        read_npz(bytes(raw), ["features"], "x")


def test_a_missing_file_is_missing(tmp_path):
    with pytest.raises(DataMissing, match="not found"):
        read_npz(tmp_path / "no.npz", ["features"])


@pytest.mark.parametrize("kind", ["O", "|O8", "V4", "U3", "S3", "f4,f4", "f999", b"|O", 3, None, "f4; x"])
def test_only_numbers_make_an_array(kind):
    with pytest.raises(DataMalformed, match="'a' has the"):
        array_of(kind, [1], b"\0\0\0\0", "a", "x")


# --------------------------------------------------------------------------- msgpack-numpy


def packed(array, keys=str, **changed):
    """What msgpack-numpy writes: keys as text in old releases, as bytes with `kind` in new ones."""
    fields = {"nd": True, "type": array.dtype.str, "shape": list(array.shape), "data": array.tobytes()}
    fields = {**fields, **({} if keys is str else {"kind": b""}), **changed}
    return fields if keys is str else {name.encode(): value for name, value in fields.items()}


@pytest.mark.parametrize("keys", [str, bytes])
@pytest.mark.parametrize("binary", [True, False])
def test_msgpack_arrays_come_back_equal(keys, binary):
    msgpack = pytest.importorskip("msgpack")
    raw = msgpack.packb({"a": packed(ARRAYS["half"], keys), "b": packed(ARRAYS["whole"], keys)}, use_bin_type=binary)
    found = read_msgpack(raw, ["a", "b", "absent"], "x")
    assert found.keys() == {"a", "b"}
    np.testing.assert_array_equal(found["a"], ARRAYS["half"])
    assert found["a"].dtype == np.float16 and found["b"].tolist() == [3, -1]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"a": packed(ARRAYS["half"], bytes, kind=b"O", data=pickle.dumps(Bomb()))}, "array of objects"),
        ({"a": packed(ARRAYS["half"], type="|O", data=pickle.dumps(Bomb()))}, "never objects"),
        ({"a": packed(ARRAYS["half"], type=[["x", "<f4"]])}, "never objects"),
        ({"a": packed(ARRAYS["half"], shape=[9, 9])}, "not those of"),
        ({"a": packed(ARRAYS["half"], shape=6)}, "not those of"),
        ({"a": {"nd": False, "type": "<f4", "data": b"1234"}}, "'a' is not an array"),
        ({"a": [1, 2]}, "'a' is not an array"),
        ([1, 2], "not a dictionary"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(value, says):
    msgpack = pytest.importorskip("msgpack")
    with pytest.raises(DataMalformed, match=says):
        read_msgpack(msgpack.packb(value), ["a"], "x")


def test_cut_off_msgpack_is_told():
    msgpack = pytest.importorskip("msgpack")
    with pytest.raises(DataMalformed, match="not readable as msgpack"):
        read_msgpack(msgpack.packb({"a": packed(ARRAYS["half"])})[:-3], ["a"], "x")
