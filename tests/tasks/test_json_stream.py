"""A long list read in pieces is the list that reading the whole file gives, or the same refusal."""

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from madbench.errors import DataMalformed
from madbench.tasks import json_stream
from madbench.tasks.reading import read_json, read_json_list

# Texts that look like the places where lists are cut.
TEXT = st.sampled_from(['{"id"', '}, {"id": ', '"list": [', '], "list": [', "]}", "\\", '"', "é\u2028", "a"])
ELEMENT = st.fixed_dictionaries(
    {"id": st.integers(-5, 10**17) | TEXT}, optional={"x": st.lists(TEXT), "y": st.dictionaries(TEXT, st.integers())}
)


@pytest.fixture
def small(monkeypatch):
    """Pieces of a few elements, so that small lists have many."""
    monkeypatch.setattr(json_stream, "BLOCK", 64)
    monkeypatch.setattr(json_stream, "_HEAD", 64)


def listed(path, key="list"):
    return [one for part in read_json_list(path, key, "fix") for one in part]


@settings(max_examples=150, deadline=None)
@given(st.lists(ELEMENT, max_size=30), st.sampled_from([None, 1]), st.booleans(), st.sampled_from([64, 200, 1 << 20]))
def test_pieces_put_together_are_the_list(elements, indent, ascii_only, block):
    raw = json.dumps({"info": {"a": []}, "list": elements, "more": [{"id": 3}]}, indent=indent, ensure_ascii=ascii_only)
    before = json_stream.BLOCK, json_stream._HEAD
    json_stream.BLOCK = json_stream._HEAD = block
    try:
        parts = list(json_stream.pieces(io.BytesIO(raw.encode()), "list"))
    except json_stream.NotStreamed:
        assert elements  # then the file is read as a whole
    else:
        assert [one for part in parts for one in part] == elements and all(parts)
    finally:
        json_stream.BLOCK, json_stream._HEAD = before


def test_a_long_list_does_come_in_pieces(small, tmp_path):
    elements = [{"id": number, "answers": [{"answer": "x", "answer_id": 1}]} for number in range(200)]
    for text, key in ((json.dumps({"info": {}, "list": elements}), "list"), (json.dumps(elements), None)):
        (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf" + text.encode())
        parts = list(read_json_list(tmp_path / "a.json", key, "fix"))
        assert len(parts) > 20 and [one for part in parts for one in part] == elements


@pytest.mark.parametrize(
    "raw",
    [
        '{"list": [1, [2], "x"]}',
        '{"list": [{"id": 1}, 3, {"list": [{"id": 4}]}]}',
        '{"list": [{"id": 123456789012345678901234567890}]}',
        '{"list": 5, "list": [{"id": 1}]}',
        '{"list": [{"id": 1}], "list": [{"id": 2}]}',
        '{"a": "\\"list\\": [", "list": []}',
        '{"a": {"list": [7]}, "list": [{"id": 8}]}',
        '{"l\\u0069st": [{"id": 9}]}',
    ],
)
def test_unusual_lists_are_those_of_the_whole_file(raw, small, tmp_path):
    path = tmp_path / "a.json"
    for space in ("", " " * 300):  # before the second element, or behind everything
        path.write_text(raw.replace("},", "}," + space) + space)
        assert listed(path) == json.loads(path.read_text())["list"]


def test_of_two_lists_of_one_name_the_first_is_not_half_believed(small, tmp_path):
    first, second = ([{"id": number + start} for number in range(100)] for start in (0, 1000))
    (tmp_path / "a.json").write_text(f'{{"list": {json.dumps(first)}, "list": {json.dumps(second)}}}')
    with pytest.raises(DataMalformed, match="occurs twice"):
        listed(tmp_path / "a.json")


@pytest.mark.parametrize("bad", ['{"id": NaN}', '{"id": 1e999}', '{"id": }', '{"id": "\\ud800"}', '{"id": 1', "\x01"])
def test_damage_far_down_is_told_with_its_line(bad, small, tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"list": [\n' + '{"id": 1},\n' * 50 + bad + "]}")
    with pytest.raises(DataMalformed) as streamed:
        listed(path)
    with pytest.raises(DataMalformed) as whole:
        read_json(path)
    assert (str(streamed.value), streamed.value.where) == (str(whole.value), whole.value.where)


@pytest.mark.parametrize("raw, key, word", [("[]", "list", "an object with 'list'"), ("{}", None, "not a list"),
                                            ("{}", "list", "missing"), ('{"list": {}}', "list", "must be a list")])  # fmt: skip
def test_a_file_without_the_list_is_refused(raw, key, word, tmp_path):
    (tmp_path / "a.json").write_text(raw)
    with pytest.raises(DataMalformed, match=word) as caught:
        listed(tmp_path / "a.json", key)
    assert caught.value.where == f"{tmp_path / 'a.json'}:1"


NUMBERS = ["0", "-0", "1.5", "9007199254740993", "18446744073709551616", "-9223372036854775809", "0.1e1", "1e-400"]


@pytest.mark.parametrize("raw", [*NUMBERS, '"\\ud83d\\ude00"', '"\\u0000"', '{"a": 1, "a": 2}', "12345678901234567890"])
def test_values_are_those_of_the_standard_library(raw, tmp_path):
    (tmp_path / "a.json").write_text(raw)
    value = read_json(tmp_path / "a.json")
    assert (value, type(value)) == (json.loads(raw), type(json.loads(raw)))
