import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from madbench.report import report
from madbench.report.figures import COLOURS, MARKERS, STYLES


@pytest.fixture
def drawn(cells, tmp_path):
    def edit(content):
        content["data"]["train_fraction"] = 1.0

    def strange(content):
        content["model"]["name"] = "<b>$x^$ 中 & a name that goes on and on and on"

    for model in ("student", "mad"):
        cells.write(model)
        cells.write(model, protocol="full", edit=edit, shifted=("ve-hard", "rows"))
    cells.write("strange", edit=strange)
    report([cells.root], figures=tmp_path / "figures")
    return cells, tmp_path / "figures"


def test_every_board_has_its_figures_as_svg_and_png(drawn):
    _, folder = drawn
    names = {path.name for path in folder.iterdir()}
    for kind in ("differences", "shifts", "cost", "curve"):
        assert any(name.startswith(kind) and name.endswith(".svg") for name in names), kind
    assert {name[:-4] for name in names if name.endswith(".svg")} == {
        name[:-4] for name in names if name.endswith(".png")
    }
    for path in folder.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")


def test_svg_files_are_xml_with_their_words_as_text_and_no_date(drawn):
    _, folder = drawn
    for path in folder.glob("*.svg"):
        text = path.read_text(encoding="utf-8")
        root = ElementTree.fromstring(text.encode())
        words = " ".join("".join(one.itertext()) for one in root.iter("{http://www.w3.org/2000/svg}text"))
        assert "student" in words or "mad" in words
        assert not re.search(r"<dc:date|<b>|mathdefault", text)
    (curve,) = folder.glob("curve-mini-snli*.svg")
    assert "1 %" in curve.read_text(encoding="utf-8") and "95% interval" in curve.read_text(encoding="utf-8")


def test_the_same_records_give_the_same_figures(drawn, tmp_path):
    study, folder = drawn
    report([study.root], figures=tmp_path / "again")
    for path in folder.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


def test_rows_differ_in_more_than_their_colour():
    # Of two rows with one colour neither marker nor style is the same.
    places = range(len(COLOURS) * 2)
    for place in places:
        for other in places:
            if place < other and place % len(COLOURS) == other % len(COLOURS):
                assert place % len(MARKERS) != other % len(MARKERS)
    assert len(set(STYLES)) == len(STYLES) > 1


@pytest.mark.parametrize("format, imported", [("md", "False"), ("html", "True")])
def test_matplotlib_is_imported_only_to_draw(cells, format, imported):
    cells.write("student")
    cells.write("mad")
    code = (
        "import sys, madbench.report as package; "
        f"package.report([{str(cells.root)!r}], format={format!r}); print('matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == imported, done.stderr
