"""Pictures: whatever a file holds is either the right colours or one error; and names do not lead elsewhere."""

from __future__ import annotations

import os
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from madbench.errors import DataError, DataMalformed, DataMissing
from madbench.tasks.checking import Depth, check_source
from madbench.tasks.reading import open_image
from madbench.tasks.snli_ve import TASK as SNLI_VE
from madbench.tasks.vcr import TASK as VCR

DATA = Path(__file__).parents[1] / "data"
COLOUR = (200, 100, 50)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_that_claims(width: int, height: int) -> bytes:
    """A few hundred bytes that say to be a picture of any size."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(300))) + chunk(b"IEND", b"")


def jpeg() -> bytes:
    return next((DATA / "snli_ve" / "flickr30k_images").iterdir()).read_bytes()


# --------------------------------------------------------------------------- what is read, and as what


def plain(mode: str, value) -> Image.Image:
    return Image.new(mode, (8, 4), value)


def palette(transparency) -> Image.Image:
    image = plain("P", 3)
    image.putpalette(bytes([0, 0, 0] * 3 + list(COLOUR) + [0, 0, 0] * 252))
    if transparency is not None:
        image.info["transparency"] = transparency
    return image


def oriented() -> Image.Image:
    image = plain("RGB", COLOUR)
    image.getexif()[0x0112] = 6  # "turn me": the camera was held upright
    return image


# name -> (picture, suffix, colour that a model must see)
READ = {
    "RGB": (plain("RGB", COLOUR), "png", COLOUR),
    "grey": (plain("L", 77), "png", (77, 77, 77)),
    "grey JPEG": (plain("L", 77), "jpg", (77, 77, 77)),
    "1 bit, white": (plain("1", 1), "png", (255, 255, 255)),
    "1 bit, black": (plain("1", 0), "png", (0, 0, 0)),
    "palette": (palette(None), "png", COLOUR),
    "palette, one colour transparent": (palette(3), "png", COLOUR),
    "palette, transparency for each colour": (palette(bytes(256)), "png", COLOUR),
    "palette GIF": (palette(None), "gif", COLOUR),
    "RGBA, opaque": (plain("RGBA", (*COLOUR, 255)), "png", COLOUR),
    "RGBA, transparent: the stored colour": (plain("RGBA", (*COLOUR, 0)), "png", COLOUR),
    "grey and alpha": (plain("LA", (77, 10)), "png", (77, 77, 77)),
    "CMYK": (plain("CMYK", (0, 255, 255, 0)), "jpg", (255, 0, 0)),
    "CMYK, black": (plain("CMYK", (0, 0, 0, 255)), "jpg", (0, 0, 0)),
    "16 bits, white": (plain("I;16", 65535), "png", (255, 255, 255)),
    "16 bits, half": (plain("I;16", 32896), "png", (128, 128, 128)),
    "16 bits, nearly black": (plain("I;16", 300), "png", (1, 1, 1)),
    "16 bits, black": (plain("I;16", 0), "png", (0, 0, 0)),
    "16 bits TIFF": (plain("I;16", 32896), "tiff", (128, 128, 128)),
    "16 bits, other byte order": (Image.fromarray(np.full((4, 8), 32896, ">u2")), "tiff", (128, 128, 128)),
    "16 bits PGM": (plain("I;16", 32896), "pgm", (128, 128, 128)),
    "noted orientation": (oriented(), "jpg", COLOUR),
}


@pytest.mark.parametrize("name", READ)
def test_what_can_be_read_has_the_right_colours_and_warns_of_nothing(tmp_path, name):
    image, suffix, colour = READ[name]
    options = {"transparency": image.info["transparency"]} if "transparency" in image.info else {}
    options |= {"quality": 100, "exif": image.getexif()} if suffix == "jpg" else {}
    path = tmp_path / f"x.{suffix}"
    image.save(path, **options)
    read = open_image(path)
    assert (read.mode, read.size) == ("RGB", (8, 4)), "the stored orientation: boxes refer to it"
    assert np.abs(np.asarray(read).astype(int) - colour).max() <= (2 if suffix == "jpg" else 0)


def test_sixteen_bits_keep_their_order(tmp_path):
    values = np.linspace(0, 65535, 512).astype(np.uint16).reshape(16, 32)
    Image.fromarray(values).save(tmp_path / "x.png")
    read = np.asarray(open_image(tmp_path / "x.png"))[..., 0].astype(int)
    np.testing.assert_allclose(read, values / 257, atol=0.5)
    assert len(np.unique(read)) == 256


# --------------------------------------------------------------------------- what is refused


def floats(path: Path) -> None:
    plain("F", 0.5).save(path, format="TIFF")


def integers(path: Path) -> None:
    plain("I", 70_000).save(path, format="TIFF")


REFUSED = {
    "zero bytes": (b"", "cannot be decoded"),
    "one byte": (b"\xff", "cannot be decoded"),
    "the start of a JPEG": (jpeg()[:20], "cannot be decoded"),
    "half a JPEG": (jpeg()[: len(jpeg()) // 2], "cannot be decoded"),
    "text": (b"<html>404 Not Found</html>", "cannot be decoded"),
    "a bomb of 3.6 billion pixels": (png_that_claims(60_000, 60_000), "too many pixels"),
    "a picture of no size": (png_that_claims(0, 5), "cannot be decoded"),
    "a PNG without its pixels": (png_that_claims(500, 500), "cannot be decoded"),
    "PostScript, which would be run": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", "cannot be decoded"),
    "pixels of unknown range": (floats, "32 bits"),
    "whole numbers of unknown range": (integers, "32 bits"),
}  # fmt: skip


def refused(path: Path, kind: type[DataError] = DataMalformed) -> DataError:
    with pytest.raises(kind) as caught:
        open_image(path)
    error = caught.value
    assert error.where == str(path) and len(str(error).splitlines()) == len(error.fix.splitlines()) == 1
    return error


def damage(path: Path, content) -> None:
    if callable(content):
        content(path)
    else:
        path.write_bytes(content)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_picture_is_one_error_with_its_file(tmp_path, name):
    content, said = REFUSED[name]
    path = tmp_path / "x.jpg"
    damage(path, content)
    assert said in refused(path).what
    assert [one.name for one in tmp_path.iterdir()] == ["x.jpg"]


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_picture_that_is_only_somewhat_too_large_is_refused_too(tmp_path):
    (tmp_path / "x.png").write_bytes(png_that_claims(10_000, 10_000))
    assert "too many pixels" in refused(tmp_path / "x.png").what


def test_a_folder_and_nothing_are_missing(tmp_path):
    (tmp_path / "x.jpg").mkdir()
    refused(tmp_path / "x.jpg", DataMissing)
    refused(tmp_path / "y.jpg", DataMissing)
    (tmp_path / "z.jpg").symlink_to(tmp_path / "gone.jpg")
    refused(tmp_path / "z.jpg", DataMissing)
    (tmp_path / "w.jpg").symlink_to(tmp_path / "w.jpg")
    refused(tmp_path / "w.jpg")


# --------------------------------------------------------------------------- in a source


@pytest.fixture
def snli_ve(tmp_path):
    """(root, first image of dev)"""
    root = Path(shutil.copytree(DATA / "snli_ve", tmp_path / "snli_ve"))
    return root, SNLI_VE.read(SNLI_VE.locate(root), "dev")[0].image_path


@pytest.fixture
def vcr(tmp_path):
    root = Path(shutil.copytree(DATA / "vcr" / "fixtures", tmp_path / "vcr"))
    return root, VCR.read(VCR.locate(root), "val")[0].image_path


def as_seen(task, root: Path, split: str):
    """The first image of a split as a model gets it."""
    rows = task.read(task.locate(root), split)[:1]
    leg = task.legs[0]
    space = task.answer_space(rows, 1.0)
    [example] = task.examples(rows, leg=leg, condition="x", space=space, rendering="index@1", labelled=False)
    return example.image


def problems(task: str, root: Path, images: bool) -> list[str]:
    found = check_source(task, root, Depth(images=images)).problems
    return [f"{one.split}: {one.what} ({one.where})" for one in found if "officially" not in one.what]


@pytest.mark.parametrize("name", REFUSED)
def test_data_check_lists_each_of_them_when_it_opens_images_and_only_then(snli_ve, name):
    root, path = snli_ve
    content, said = REFUSED[name]
    damage(path, content)
    before = sorted(root.rglob("*"))
    assert problems("snli_ve", root, images=False) == []
    [problem] = problems("snli_ve", root, images=True)
    assert problem.startswith("dev: ") and said in problem and problem.endswith(f"({path})")
    assert sorted(root.rglob("*")) == before


@pytest.mark.parametrize("task", ["snli_ve", "vcr"])
@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_link_out_of_the_root_is_neither_followed_nor_silent(request, tmp_path, task, what):
    root, path = request.getfixturevalue(task)
    linked = path if what == "file" else path.parent
    # For flat folders the folder itself is what the user named, and may be a link.
    outside = tmp_path / "outside"
    os.rename(linked, outside)
    linked.symlink_to(outside)
    registry, split = {"snli_ve": (SNLI_VE, "dev"), "vcr": (VCR, "val")}[task]
    if (task, what) == ("snli_ve", "folder"):
        assert as_seen(registry, root, split).open().mode == "RGB"
        assert problems(task, root, images=True) == []
        return
    image = as_seen(registry, root, split)
    for look in (image.open, image.content):
        with pytest.raises(DataMalformed, match=r"leads out of .* through a symbolic link"):
            look()
    found = problems(task, root, images=False)
    assert any("leads out of" in one for one in found)
    assert any("leads out of" in one for one in problems(task, root, images=True))


def test_a_picture_is_opened_when_it_is_asked_for_and_not_before(vcr):
    root, path = vcr
    path.write_bytes(b"")
    image = as_seen(VCR, root, "val")
    with pytest.raises(DataMalformed, match="cannot be decoded"):
        image.open()


def test_metadata_through_a_link_is_not_read(vcr, tmp_path):
    root, path = vcr
    metadata = path.with_suffix(".json")
    os.rename(metadata, tmp_path / "outside.json")
    metadata.symlink_to(tmp_path / "outside.json")
    with pytest.raises(DataMalformed, match="leads out of"):
        as_seen(VCR, root, "val").boxes()
    assert any("leads out of" in one for one in problems("vcr", root, images=True))


def test_bad_metadata_is_listed_with_its_field(vcr):
    root, path = vcr
    metadata = path.with_suffix(".json")
    metadata.write_text(metadata.read_text().replace('"segms": [', '"segms": [[[[0.5, 1]]], ', 1))
    assert problems("vcr", root, images=False) == []
    [problem] = problems("vcr", root, images=True)
    assert "field 'segms'" in problem and f"({metadata}:1)" in problem
