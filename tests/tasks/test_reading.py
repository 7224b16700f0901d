"""What files may look like and still be read, and what is refused, with file and line."""

import os

import pytest
from PIL import Image

from madbench.errors import DataMalformed, DataMissing
from madbench.tasks.reading import field, open_image, read_json, read_json_lines, relative_name, safe_path


def write(tmp_path, content, name="rows.jsonl"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "content",
    [
        b'{"a": 1}\n{"a": 2}\n',
        b'\xef\xbb\xbf{"a": 1}\n{"a": 2}\n',
        b'{"a": 1}\r\n{"a": 2}\r\n',
        b'{"a": 1}\n{"a": 2}',
        b'\xef\xbb\xbf{"a": 1}\r\n{"a": 2}',
    ],
    ids=["plain", "bom", "crlf", "no-final-newline", "all"],
)
def test_the_way_a_file_was_saved_makes_no_difference(tmp_path, content):
    assert list(read_json_lines(write(tmp_path, content))) == [(1, {"a": 1}), (2, {"a": 2})]


def test_blank_lines_are_skipped_and_counted(tmp_path):
    assert list(read_json_lines(write(tmp_path, '{"a": 1}\n\n{"a": 2}\n \n'))) == [(1, {"a": 1}), (3, {"a": 2})]


def test_unicode_line_separators_do_not_end_a_line(tmp_path):
    assert list(read_json_lines(write(tmp_path, '{"a": "x\u2028y\u0085z"}\n'))) == [(1, {"a": "x\u2028y\u0085z"})]


@pytest.mark.parametrize(
    "bad, word",
    [
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "Infinity"),
        (b'{"a": 1e999}', "1e999"),
        (b'{"a": 1', "JSON"),
        (b'{"a": "\xff"}', "UTF-8"),
        (b'{"a": "\\ud800"}', "escape"),
        (b"[1]", "object"),
        (b'{"a": 1} {"a": 2}', "JSON"),
        (b"[" * 200_000, "JSON"),
    ],
)
def test_a_bad_line_is_refused_with_file_and_line(tmp_path, bad, word):
    path = write(tmp_path, b'{"a": "caf\xc3\xa9 \\ud83d\\ude00"}\n' + bad + b"\n")
    with pytest.raises(DataMalformed, match=word) as caught:
        list(read_json_lines(path))
    assert caught.value.where == f"{path}:2"
    assert caught.value.fix


def test_missing_files_and_folders_are_data_missing(tmp_path):
    for read in (lambda path: list(read_json_lines(path)), read_json, open_image):
        with pytest.raises(DataMissing):
            read(tmp_path / "absent")
        with pytest.raises(DataMissing):
            read(tmp_path)


def test_json_with_byte_order_mark_reads(tmp_path):
    assert read_json(write(tmp_path, b'\xef\xbb\xbf{"a":\r\n [1, 2.5]}')) == {"a": [1, 2.5]}


@pytest.mark.parametrize("bad", [b'{"a": "NaN",\n "b": NaN}', b'{"a": "x",\n "b": }', b'{"a": "x",\n "b": "\xff"}'])
def test_a_bad_json_file_names_the_line(tmp_path, bad):
    path = write(tmp_path, bad, "file.json")
    with pytest.raises(DataMalformed) as caught:
        read_json(path)
    assert caught.value.where == f"{path}:2"


def test_field_checks_presence_and_kind(tmp_path):
    path = tmp_path / "rows.jsonl"
    record = {"text": "x", "count": 3, "flag": True, "list": []}
    assert field(record, "text", str, path, 4) == "x"
    assert field(record, "count", int, path, 4) == 3
    assert field(record, "count", float, path, 4) == 3
    assert field(record, "flag", bool, path, 4) is True
    assert field(record, "list", (list, str), path, 4) == []
    for name, kind in [("absent", str), ("text", int), ("flag", int), ("flag", float), ("count", str)]:
        with pytest.raises(DataMalformed, match=f"'{name}'") as caught:
            field(record, name, kind, path, 4)
        assert caught.value.where == f"{path}:4"


def test_names_that_leave_the_root_are_refused(tmp_path):
    for name in ["", "/etc/passwd", "../x", "a/../../x", "a/..", "..", "C:/x", "C:x", "\\x", "..\\x", "a\0b"]:
        with pytest.raises(DataMalformed):
            safe_path(tmp_path, name)
        with pytest.raises(DataMalformed):
            relative_name(name)


def test_ordinary_names_are_kept(tmp_path):
    for name in ["a.jpg", "folder/00.00.10.500-00.00.13.250@0.jpg", "x..y.jpg", "..x/y", "ab:c.jpg"]:
        assert safe_path(tmp_path, name) == tmp_path / name


def test_links_out_of_the_root_are_refused_but_the_root_may_be_a_link(tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "inside-not"
    inside.mkdir()
    outside.mkdir()
    (outside / "x.jpg").write_bytes(b"")
    (inside / "y.jpg").write_bytes(b"")
    os.symlink(outside, inside / "folder")
    os.symlink(outside / "x.jpg", inside / "file.jpg")
    os.symlink(inside / "y.jpg", inside / "fine.jpg")
    os.symlink(inside, tmp_path / "root")
    for name in ["folder/x.jpg", "file.jpg", "folder/absent.jpg"]:
        with pytest.raises(DataMalformed, match="symbolic link"):
            safe_path(inside, name)
    assert safe_path(inside, "fine.jpg") == inside / "fine.jpg"
    assert safe_path(tmp_path / "root", "y.jpg") == tmp_path / "root" / "y.jpg"


def test_images_come_as_rgb(tmp_path):
    Image.new("L", (4, 3), 7).save(tmp_path / "grey.png")
    image = open_image(tmp_path / "grey.png")
    assert (image.mode, image.size, image.getpixel((0, 0))) == ("RGB", (4, 3), (7, 7, 7))


@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_a_truncated_image_is_malformed(tmp_path, kind):
    path = tmp_path / f"cut.{kind}"
    Image.effect_noise((64, 64), 90).save(path)
    path.write_bytes(path.read_bytes()[:-600])
    with pytest.raises(DataMalformed, match="decoded"):
        open_image(path)


def test_something_that_is_no_image_is_malformed(tmp_path):
    with pytest.raises(DataMalformed):
        open_image(write(tmp_path, b"<html>404</html>", "x.jpg"))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("limit", [10, 11, 15])
def test_a_decompression_bomb_is_malformed(tmp_path, monkeypatch, limit):
    Image.new("RGB", (4, 4)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit // 2)
    with pytest.raises(DataMalformed, match="pixels"):
        open_image(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(DataMalformed, match="pixels"):
        open_image(tmp_path / "bomb.png")
