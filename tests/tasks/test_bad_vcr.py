"""VCR: one damaged file for each rule of its release. Named by what the rule says; the number groups rules of one part."""

from __future__ import annotations

import json
import logging
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from madbench.errors import DataMalformed
from madbench.tasks import cache
from madbench.tasks.vcr import TASK
from madbench.tasks.vcr.attack_scores import read_scores
from madbench.tasks.vcr.metadata import check_metadata, read_boxes
from madbench.tasks.vcr.reader import UNUSED, read_rows

FIXTURES = Path(__file__).parents[1] / "data" / "vcr" / "fixtures"
LINE = 3  # of five: the damaged one


@pytest.fixture
def root(tmp_path) -> Path:
    return Path(shutil.copytree(FIXTURES, tmp_path / "vcr"))


def put(**values):
    return lambda row: row.update(values)


def drop(*names):
    return lambda row: [row.pop(name) for name in names]


def inside(name, *places, value):
    """Replace what lies at `row[name][place][place]...`."""

    def change(row):
        holder = row[name]
        for place in places[:-1]:
            holder = holder[place]
        holder[places[-1]] = value

    return change


def edit(file: Path, change, line: int = LINE) -> None:
    """Change one record of a file with one record a line; `change` may also return the bytes of the new line."""
    lines = file.read_bytes().splitlines()
    record = json.loads(lines[line - 1])
    changed = change(record)
    lines[line - 1] = changed if isinstance(changed, bytes) else json.dumps(record).encode()
    file.write_bytes(b"\n".join(lines) + b"\n")


def listing(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(call, *said: str) -> DataMalformed:
    """The one error of a call: one line what, one line how to mend it, every one of `said` in the first."""
    with pytest.raises(DataMalformed) as caught:
        call()
    error = caught.value
    assert len(str(error).splitlines()) == len(error.fix.splitlines()) == 1
    for part in said:
        assert part in str(error)
    return error


# --------------------------------------------------------------------------- 1.2, 8.1: annotation rows

TOKENS = ("question", "answer_choices", "rationale_choices")
RULES = {
    "1.2 movie is text": (put(movie=3), "'movie' must be text"),
    "1.2 objects is a list": (put(objects="person"), "'objects' must be a list"),
    "1.2 objects are class names": (inside("objects", 0, value=7), "'objects' must be a list of class names, got 7"),
    "1.2 a class has a name": (inside("objects", 0, value=" "), "'objects' must be a list of class names, got ' '"),
    "1.2 img_fn is text": (put(img_fn=None), "'img_fn' must be text, got None"),
    "1.2 img_fn names a file": (put(img_fn=""), "'img_fn': file name '' leaves"),
    "1.2 img_fn is relative to vcr1images": (put(img_fn="/etc/passwd"), "'img_fn': file name '/etc/passwd' leaves"),
    "1.2 img_fn stays below vcr1images": (put(img_fn="a/../../b.jpg"), "'img_fn': file name 'a/../../b.jpg' leaves"),
    "1.2 img_fn is a name on any system": (put(img_fn="C:\\b.jpg"), "'img_fn': file name"),
    "1.2 img_fn has no NUL": (put(img_fn="a\0.jpg"), "'img_fn': file name 'a\\x00.jpg' leaves"),
    "1.2 metadata_fn is text": (put(metadata_fn=["a.json"]), "'metadata_fn' must be text"),
    "1.2 metadata_fn is relative to vcr1images": (put(metadata_fn="/a.json"), "'metadata_fn': file name"),
    "1.2 metadata_fn stays below vcr1images": (put(metadata_fn="../a.json"), "'metadata_fn': file name '../a.json'"),
    "1.2 metadata_fn has no NUL": (put(metadata_fn="a\0.json"), "'metadata_fn': file name"),
    "1.2 question is a list": (put(question="Why?"), "'question' must be a list"),
    "1.2 question tokens are words or tag groups": (put(question=["Why", 0, "?"]), "'question': a token is a word or"),
    "1.2 a tag group is a list of numbers": (put(question=["Why", ["0"]]), "'question': a tag is a whole number"),
    "1.2 a tag is a whole number": (put(question=[[1.0]]), "'question': a tag is a whole number, got 1.0"),
    "1.2 a tag is no truth value": (put(question=[[True]]), "'question': a tag is a whole number, got True"),
    "1.2 tag groups are not nested": (put(question=[[[0]]]), "'question': a tag is a whole number, got [0]"),
    "1.2 tags start at 0": (put(question=[[-1]]), "'question': tag -1, but the image has"),
    "1.2 answer_choices is a list": (put(answer_choices=None), "'answer_choices' must be a list, got None"),
    "1.2 rationale_choices is a list": (put(rationale_choices={}), "'rationale_choices' must be a list"),
    "1.2 an answer is a token list": (inside("answer_choices", 2, value="He."), "'answer_choices' must be made of"),
    "1.2 a rationale is a token list": (inside("rationale_choices", 2, value=None), "'rationale_choices' must be made"),
    "1.2 answer_label is a number": (put(answer_label="1"), "'answer_label' must be a whole number"),
    "1.2 answer_label is no truth value": (put(answer_label=True), "'answer_label' must be a whole number"),
    "1.2 answer_label is whole": (put(answer_label=1.0), "'answer_label' must be a whole number"),
    "1.2 rationale_label is a number": (put(rationale_label="0"), "'rationale_label' must be a whole number"),
    "1.2 one label alone is not null": (put(rationale_label=None), "'rationale_label' must be a whole number, got None"),
    "1.2 labels come together": (drop("rationale_label"), "'rationale_label' is missing"),
    "1.2 img_id is text": (put(img_id=4), "'img_id' must be text"),
    "1.2 annot_id is text": (put(annot_id=2), "'annot_id' must be text"),
    "8.1 tags in range (question)": (put(question=[[99]]), "'question': tag 99, but the image has"),
    "8.1 tags in range (answers)": (inside("answer_choices", 3, value=[[99]]), "'answer_choices': tag 99"),
    "8.1 tags in range (rationales)": (inside("rationale_choices", 0, value=[[99]]), "'rationale_choices': tag 99"),
    "8.1 hidden tags only when allowed": (put(question=[[10_000]]), "it is a hidden tag of an adversarial file"),
    "8.1 four answers": (lambda row: row["answer_choices"].pop(), "'answer_choices' must have 4 choices, got 3"),
    "8.1 four rationales": (
        lambda row: row["rationale_choices"].append(["a"]),
        "'rationale_choices' must have 4 choices, got 5",
    ),
    "8.1 answer_label in 0..3": (put(answer_label=4), "'answer_label' must be 0 to 3, got 4"),
    "8.1 answer_label is not negative": (put(answer_label=-1), "'answer_label' must be 0 to 3, got -1"),
    "8.1 rationale_label in 0..3": (put(rationale_label=4), "'rationale_label' must be 0 to 3, got 4"),
    "8.1 annot_id is unique": (put(annot_id="val-0"), "'annot_id': 'val-0' stands already on line 1"),
    **{
        f"1.2 {name} is needed": (drop(name), f"'{name}' is missing")
        for name in ("objects", "img_fn", "metadata_fn", *TOKENS, "img_id", "annot_id")
    },
    **{
        f"1.2 {name} has its type": (put(**{name: {"a": 1}}), f"'{name}' must be ")
        for name in UNUSED
    },
    **{
        f"1.2 {name} holds whole numbers": (put(**{name: ["0", 1, 2, 3]}), f"'{name}' must be a list of whole numbers")
        for name, kind in UNUSED.items()
        if isinstance(kind, list)
    },
    "8.6 a line is complete": (lambda row: json.dumps(row).encode()[:-30], "not valid JSON"),
    "8.6 a line is an object": (lambda row: json.dumps([row]).encode(), "the line is not a JSON object"),
    "8.6 a line is one object": (lambda row: json.dumps(row).encode() * 2, "not valid JSON"),
    "8.6 no NaN": (lambda row: json.dumps({**row, "match_index": float("nan")}).encode(), "'NaN' is not a number"),
    "8.6 no infinity": (lambda row: json.dumps({**row, "match_index": float("inf")}).encode(), "'Infinity' is not"),
    "8.6 UTF-8": (lambda row: json.dumps(row).replace("person", "pers\xf6n").encode("latin-1"), "not valid UTF-8"),
    "8.6 whole characters": (lambda row: json.dumps({**row, "movie": "\ud800"}).encode(), "no character"),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_a_row_that_breaks_a_rule_is_named_by_line_and_field(root, rule):
    change, said = RULES[rule]
    edit(root / "val.jsonl", change)
    before = listing(root)
    error = refused(lambda: TASK.read(TASK.locate(root), "val"), said)
    assert error.where == f"{root / 'val.jsonl'}:{LINE}"
    assert listing(root) == before


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"], ids=["zero bytes", "blank", "BOM alone"])
def test_a_file_without_rows_is_no_split(root, content):
    (root / "val.jsonl").write_bytes(content)
    error = refused(lambda: TASK.read(TASK.locate(root), "val"), "the file has no rows")
    assert error.where == f"{root / 'val.jsonl'}:1"


OPTIONAL = ("movie", "answer_label", "rationale_label", *UNUSED)


def test_1_2_every_field_but_eight_is_optional_and_unused_ones_may_be_null(root):
    expected = TASK.read(TASK.locate(root), "val")[LINE - 1]
    for name in UNUSED:
        edit(root / "val.jsonl", put(**{name: None}))
    assert TASK.read(TASK.locate(root), "val")[LINE - 1] == expected
    edit(root / "val.jsonl", drop(*OPTIONAL))
    row = TASK.read(TASK.locate(root), "val")[LINE - 1]
    assert (row.question, row.labels, row.group) == (expected.question, None, None)


def test_1_2_fields_of_derived_sets_are_let_be(root):
    expected = TASK.read(TASK.locate(root), "val")
    edit(root / "val.jsonl", put(counter_question=["Why", "?"], counter_answer_label=2))
    assert TASK.read(TASK.locate(root), "val") == expected


DOUBTS = {
    "8.1 match_iter[label] == 0 (answer)": (put(answer_match_iter=[1, 1, 1, 1]), "'answer_match_iter' is not 0 at"),
    "8.1 match_iter[label] == 0 (rationale)": (put(rationale_match_iter=[1] * 4), "'rationale_match_iter' is not 0 at"),
    "8.1 match_iter[label] is there": (put(answer_match_iter=[]), "'answer_match_iter' is not 0 at the label"),
    "1.2 match_iter is a permutation": (put(answer_match_iter=[0] * 4), "'answer_match_iter' is not 0, 1, 2, 3 in"),
    "8.1 sources[label] == match_index (answer)": (put(answer_sources=[-1] * 4), "'answer_sources' is not 'match_inde"),
    "8.1 sources[label] == match_index (rationale)": (put(rationale_sources=[-1] * 4), "'rationale_sources' is not"),
    "1.2 sources x4": (put(answer_sources=[1, 2, 3]), "'answer_sources' has not 4 entries"),
    "1.2 annot_id is split and number": (put(annot_id="val-2b"), "'annot_id' is not a split and a number"),
    "1.2 metadata_fn has the stem of img_fn": (put(metadata_fn="other.json"), "'metadata_fn' is not the name in"),
    "1.2 a tag group has a tag": (put(question=["Why", [], "?"]), "'question' has a list of tags without a tag"),
    "1.2 a choice has a token": (inside("answer_choices", 0, value=[]), "'answer_choices' has a token list without"),
}


@pytest.mark.parametrize("rule", DOUBTS)
def test_what_real_files_may_hold_is_a_warning_with_its_line(root, rule, caplog):
    change, said = DOUBTS[rule]
    edit(root / "val.jsonl", change)
    with caplog.at_level(logging.WARNING):
        assert len(read_rows(root / "val.jsonl", root / "vcr1images")) == 5
    [record] = caplog.records
    assert record.getMessage().startswith(f"1 rows of {root / 'val.jsonl'} look edited: {said}")
    assert record.getMessage().endswith(f"(first at line {LINE})")


def test_a_row_that_is_doubtful_in_two_ways_is_one_row(root, caplog):
    edit(root / "val.jsonl", put(answer_match_iter=[1] * 4, rationale_match_iter=[1] * 4))
    edit(root / "val.jsonl", put(annot_id="x"), line=5)
    read_rows(root / "val.jsonl", root / "vcr1images")
    [record] = caplog.records
    assert record.getMessage().startswith("2 rows of ") and record.getMessage().count("(first at line 3)") == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: b"\xef\xbb\xbf" + raw,
        lambda raw: raw.replace(b"\n", b"\r\n"),
        lambda raw: raw.rstrip(b"\n"),
        lambda raw: b"\xef\xbb\xbf" + raw.replace(b"\n", b"\r\n").rstrip(b"\r\n"),
    ],
    ids=["8.6 BOM", "8.6 CRLF", "8.6 no final newline", "8.6 all of them"],
)
def test_how_a_file_was_saved_makes_no_difference(root, change):
    expected = TASK.read(TASK.locate(root), "val")
    file = root / "val.jsonl"
    file.write_bytes(change(file.read_bytes()))
    assert TASK.read(TASK.locate(root), "val") == expected
    edit(file, put(answer_label=9))  # and lines are counted alike
    refused(lambda: TASK.read(TASK.locate(root), "val"), f"val.jsonl:{LINE}")


def test_8_1_hidden_tags_are_in_range_after_subtraction(root):
    edit(root / "val.jsonl", put(question=[[10_000]]))
    assert len(read_rows(root / "val.jsonl", root, allow_masked=True)) == 5
    error = refused(lambda: read_rows(root / "val.jsonl", root), "'question': tag 10000", "hidden tag", ":3")
    assert error.fix.startswith("use the unshifted file; the protocol domainshift-adversarial")
    edit(root / "val.jsonl", put(question=[[10_099]]))
    error = refused(lambda: read_rows(root / "val.jsonl", root, allow_masked=True), "'question': tag 10099", ":3")
    assert error.fix == "get the file again, or correct the row"


def test_8_2_fields_that_leak_the_label_change_nothing_a_model_sees(root):
    def seen():
        rows = TASK.read(TASK.locate(root), "val")
        space = TASK.answer_space(rows, 1.0)
        given = {"condition": "val", "space": space, "rendering": "index@1", "labelled": False}
        examples = [one for leg in TASK.legs for one in TASK.examples(rows, leg=leg, **given)]
        return [(one.id, one.text, one.choices, one.tags, one.target, one.image.key) for one in examples]

    before = seen()
    for line in range(1, 6):
        leaks = {f"{part}_orig": "?" for part in ("answer", "question", "rationale")}
        leaks |= {
            f"{part}_{kind}": [3, 2, 1, 0] for part in ("answer", "rationale") for kind in ("sources", "match_iter")
        }
        edit(root / "val.jsonl", put(**leaks, match_index=77), line)
    assert seen() == before


def test_a_bad_row_is_found_in_a_zip(root):
    edit(root / "val.jsonl", put(answer_label=9))
    with zipfile.ZipFile(root / "vcr1annots.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(root / "val.jsonl", "vcr1annots/val.jsonl")
    (root / "val.jsonl").unlink()
    error = refused(lambda: TASK.read(TASK.locate(root), "val"), "'answer_label'")
    assert error.where == f"{root}/vcr1annots.zip/vcr1annots/val.jsonl:{LINE}"


def test_a_row_that_turns_bad_is_found_though_the_good_file_is_remembered(root, monkeypatch, tmp_path):
    monkeypatch.setenv("MADBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(cache, "SMALLEST", 0)
    good = (root / "val.jsonl").read_bytes()
    for _ in range(2):
        assert len(TASK.read(TASK.locate(root), "val")) == 5
    assert list((tmp_path / "home" / "cache" / "rows").iterdir())
    edit(root / "val.jsonl", put(answer_label=9))
    remembered = listing(tmp_path / "home" / "cache" / "rows")
    for _ in range(2):
        refused(lambda: TASK.read(TASK.locate(root), "val"), "'answer_label'", f":{LINE}")
    assert listing(tmp_path / "home" / "cache" / "rows") == remembered
    (root / "val.jsonl").write_bytes(good)
    assert len(TASK.read(TASK.locate(root), "val")) == 5


# --------------------------------------------------------------------------- 1.3: metadata

METADATA = {
    "1.3 boxes are there": (drop("boxes"), "'boxes' is missing"),
    "1.3 boxes is a list": (put(boxes={}), "'boxes' must be a list"),
    "1.3 a box for each object": (lambda data: data["boxes"].pop(), "'boxes' has 2 boxes for 3 objects"),
    "1.3 a box is a list": (inside("boxes", 1, value="0 0 1 1 1"), "'boxes' of object 1 is not [x1, y1, x2, y2, score"),
    "1.3 a box has five numbers": (inside("boxes", 1, value=[0, 0, 1, 1]), "'boxes' of object 1 is not [x1, y1, x2,"),
    "1.3 a box holds numbers": (inside("boxes", 2, 0, value="3"), "'boxes' of object 2 is not [x1, y1, x2, y2, score]"),
    "1.3 a number is no truth value": (inside("boxes", 0, 0, value=True), "'boxes' of object 0 is not"),
    "1.3 0 <= x1": (inside("boxes", 0, 0, value=-9.5), "'boxes' of object 0 lies outside of the 96 x 40 pixels"),
    "1.3 0 <= y1": (inside("boxes", 0, 1, value=-9.5), "'boxes' of object 0 lies outside of the 96 x 40 pixels"),
    "1.3 x2 <= W": (inside("boxes", 0, 2, value=99), "'boxes' of object 0 lies outside of the 96 x 40 pixels"),
    "1.3 y2 <= H": (inside("boxes", 0, 3, value=43), "'boxes' of object 0 lies outside of the 96 x 40 pixels"),
    "1.3 no number is beyond all bounds": (inside("boxes", 0, 2, value=10**400), "'boxes' of object 0 lies outside"),
    "1.3 x1 < x2": (inside("boxes", 1, 0, value=95.5), "'boxes' of object 1 needs x1 < x2 and y1 < y2"),
    "1.3 y1 < y2": (inside("boxes", 1, 1, value=40), "'boxes' of object 1 needs x1 < x2 and y1 < y2"),
    "1.3 score in 0..1": (inside("boxes", 2, 4, value=1.5), "'boxes' of object 2 has the score 1.5, not one in 0..1"),
    "1.3 score is not negative": (inside("boxes", 2, 4, value=-0.5), "'boxes' of object 2 has the score -0.5"),
    "1.3 names are there": (drop("names"), "'names' is missing"),
    "1.3 names is a list": (put(names="person"), "'names' must be a list"),
    "1.3 names equal objects": (inside("names", 0, value="dog"), "'names' has 3 objects that are not the 3"),
    "8.1 as many names as objects": (lambda data: data["names"].pop(), "'names' has 2 objects that are not the 3"),
    "1.3 width is there": (drop("width"), "'width' is missing"),
    "1.3 height is there": (drop("height"), "'height' is missing"),
    "1.3 width is whole": (put(width=96.5), "'width' must be a whole number"),
    "1.3 width is a number": (put(width="96"), "'width' must be a whole number"),
    "1.3 height is no truth value": (put(height=True), "'height' must be a whole number"),
    "1.3 width is positive": (put(width=0), "'width' is 0, not a number of pixels"),
    "1.3 height is positive": (put(height=-40), "'height' is -40, not a number of pixels"),
    "1.3 width is that of a picture": (put(width=10**400), "'width' is 1000"),
    "8.6 NaN": (lambda data: json.dumps({**data, "width": float("nan")}).encode(), "'NaN' is not a number JSON knows"),
    "8.6 complete": (lambda data: json.dumps(data).encode()[:-9], "not valid JSON"),
    "8.6 UTF-8": (lambda data: json.dumps(data).replace("person", "pers\xf6n").encode("latin-1"), "not valid UTF-8"),
    "8.6 an object": (lambda data: json.dumps([data]).encode(), "the metadata is not a JSON object"),
}
OUTLINES = {
    "1.3 segms is a list": (put(segms="x"), "'segms' needs a list of polygons for each of the 3 objects"),
    "1.3 polygons for each object": (lambda data: data["segms"].pop(), "'segms' needs a list of polygons for each"),
    "1.3 polygons of an object are a list": (inside("segms", 1, value=None), "'segms' of object 1 is no list of polyg"),
    "1.3 a polygon is a list": (inside("segms", 1, 0, value=4), "'segms' of object 1 is no list of polygons"),
    "1.3 a point is [x, y]": (inside("segms", 1, 0, 0, value=[1, 2, 3]), "'segms' of object 1 is no list of polygons"),
    "1.3 points are integers": (inside("segms", 1, 0, 0, value=[1.5, 2]), "'segms' of object 1 is no list of polygons"),
}


@pytest.fixture
def metadata(root):
    """(image folder, name of a metadata file, its objects)"""
    row = TASK.read(TASK.locate(root), "train")[2]
    assert len(row.objects) == 3
    return row.images, row.metadata_name, row.objects


@pytest.mark.parametrize("reader", [read_boxes, check_metadata], ids=lambda one: one.__name__)
@pytest.mark.parametrize("rule", METADATA)
def test_metadata_that_breaks_a_rule_is_named_by_field(metadata, rule, reader):
    images, name, objects = metadata
    change, said = METADATA[rule]
    edit(images / name, change, line=1)
    error = refused(lambda: reader(images, name, objects), said)
    assert error.where == f"{images / name}:1"


def test_metadata_of_zero_bytes(metadata):
    images, name, objects = metadata
    (images / name).write_bytes(b"")
    assert refused(lambda: read_boxes(images, name, objects), "not valid JSON").where == f"{images / name}:1"


@pytest.mark.parametrize("rule", OUTLINES)
def test_outlines_are_looked_at_by_those_who_check(metadata, rule):
    images, name, objects = metadata
    change, said = OUTLINES[rule]
    edit(images / name, change, line=1)
    assert refused(lambda: check_metadata(images, name, objects), said).where == f"{images / name}:1"
    assert len(read_boxes(images, name, objects)) == 3, "nothing uses them"


def test_the_line_is_that_of_the_field_in_an_indented_file(metadata):
    images, name, objects = metadata
    content = json.loads((images / name).read_text())
    content["boxes"].pop()
    (images / name).write_text(json.dumps(content, indent=1))
    line = 1 + next(n for n, text in enumerate((images / name).read_text().splitlines()) if '"boxes"' in text)
    assert line > 1 and refused(lambda: read_boxes(images, name, objects)).where == f"{images / name}:{line}"


@pytest.mark.parametrize("rule", ["1.3 several polygons", "1.3 no outlines", "8.6 BOM, CRLF", "a pixel beyond"])
def test_metadata_that_is_fine(metadata, rule):
    images, name, objects = metadata
    expected = read_boxes(images, name, objects)
    content = json.loads((images / name).read_text())
    text = json.dumps(content)
    if rule == "1.3 several polygons":
        content["segms"][0] = content["segms"][0] * 2
    elif rule == "1.3 no outlines":
        del content["segms"]
    elif rule == "a pixel beyond":
        content["boxes"][0][:2] = [-0.5, -0.5]
        expected[0, :2] = 0
    text = "\ufeff" + json.dumps(content, indent=1).replace("\n", "\r\n") if "8.6" in rule else json.dumps(content)
    (images / name).write_text(text, newline="")
    check_metadata(images, name, objects)
    np.testing.assert_array_equal(read_boxes(images, name, objects), expected)


# --------------------------------------------------------------------------- 2.4: losses of an attack model

SCORES = {
    "2.4 annot_id is needed": (drop("annot_id"), "'annot_id' is missing"),
    "2.4 annot_id is unique": (put(annot_id="val-0"), "'annot_id': 'val-0' stands already on line 1"),
    "2.4 losses are needed": (drop("answer_losses"), "'answer_losses' is missing"),
    "2.4 four lists of losses": (lambda row: row["rationale_losses"].pop(), "'rationale_losses' must be 4 lists"),
    "2.4 losses are numbers": (inside("answer_losses", 0, 0, value="0.1"), "'answer_losses' must hold finite numbers"),
    "2.4 a loss is no truth value": (inside("answer_losses", 0, 0, value=True), "'answer_losses' must hold finite"),
    "2.4 a loss is not beyond all bounds": (
        inside("answer_losses", 0, 0, value=10**400),
        "'answer_losses' holds a num",
    ),
    "2.4 labels are whole": (put(answer_label="1"), "'answer_label' must be a whole number"),
    "2.4 four lists of tokens": (put(answer_tokens=[[]]), "'answer_tokens' must be 4 lists"),
    "8.6 NaN": (lambda row: json.dumps({**row, "answer_losses": [[float("nan")]] * 4}).encode(), "'NaN' is not a numb"),
    "8.6 complete": (lambda row: json.dumps(row).encode()[:-5], "not valid JSON"),
    "8.6 UTF-8": (lambda row: b'{"annot_id": "\xff"}', "not valid UTF-8"),
}


@pytest.mark.parametrize("rule", SCORES)
def test_losses_that_break_a_rule_are_named_by_line_and_field(tmp_path, rule):
    file = tmp_path / "scores.jsonl"
    row = {f"{part}_losses": [[0.5], [0.25], [1], [2]] for part in ("answer", "rationale")}
    file.write_text("".join(json.dumps({"annot_id": f"val-{number}", **row}) + "\n" for number in range(5)))
    assert len(read_scores(file).rows) == 5
    change, said = SCORES[rule]
    edit(file, change)
    assert refused(lambda: read_scores(file), said).where == f"{file}:{LINE}"
