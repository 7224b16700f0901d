"""SNLI-VE: one damaged file for each rule of its release, and of the corrected labels beside it."""

from __future__ import annotations

import json
import logging
import shutil
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from madbench.errors import DataMalformed
from madbench.tasks import cache
from madbench.tasks.snli_ve import TASK
from madbench.tasks.snli_ve.corrected import read_labels
from madbench.tasks.snli_ve.reader import NO_MAJORITY, UNUSED, read_pairs

FIXTURES = Path(__file__).parents[1] / "data" / "snli_ve"
FILE = "snli_ve_dev.jsonl"
LINE = 3  # of five: the damaged one


@pytest.fixture
def root(tmp_path) -> Path:
    return Path(shutil.copytree(FIXTURES, tmp_path / "snli_ve"))


def put(**values):
    return lambda row: row.update(values)


def drop(name):
    return lambda row: row.pop(name) and None


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


def image(value, **rest):
    return put(Flickr30K_ID=value, pairID=f"{value}.jpg#0r1n", **rest)


RULES = {
    "3.1 the image is named": (drop("Flickr30K_ID"), "'Flickr30K_ID' (or 'Flikr30kID') is missing"),
    "3.1 the image id is text": (put(Flickr30K_ID=9100000102), "'Flickr30K_ID' must be text, got 9100000102"),
    "3.1 the image id is not empty": (put(Flickr30K_ID=""), "'Flickr30K_ID' is empty"),
    "3.1 the image id is not a suffix alone": (put(Flickr30K_ID=".jpg"), "'Flickr30K_ID' is empty"),
    "3.1 one suffix is stripped": (put(Flickr30K_ID="9100000102.jpg.jpg"), "'pairID' is 9100000"),
    "3.1 the fields of two releases agree": (put(Flikr30kID="5.jpg"), "Flickr30K_ID and Flikr30kID name different"),
    "3.1 images lie in one flat folder": (image("a/5"), "'Flickr30K_ID' is 'a/5', not the name of a picture"),
    "3.1 an image stays in its folder": (image("../5"), "'Flickr30K_ID': file name '../5.jpg' leaves the folder"),
    "3.1 an image is not named by its place": (image("/etc/5"), "'Flickr30K_ID': file name '/etc/5.jpg' leaves"),
    "3.1 an image has no NUL": (image("5\0"), "'Flickr30K_ID': file name '5\\x00.jpg' leaves"),
    "3.1 annotator_labels is a list": (put(annotator_labels="neutral"), "'annotator_labels' must be a list of class"),
    "3.1 annotator_labels holds text": (put(annotator_labels=[1]), "'annotator_labels' must be a list of class names"),
    "3.1 gold_label is needed": (drop("gold_label"), "'gold_label' is missing"),
    "3.1 gold_label is text": (put(gold_label=2), "'gold_label' must be text, got 2"),
    "3.1 gold_label is no truth value": (put(gold_label=None), "'gold_label' must be text, got None"),
    "3.1 '-' is filtered out": (
        put(gold_label="-"),
        "'gold_label' is '-', no majority label (1 such pairs in the file",
    ),
    "3.1 pairID is needed": (drop("pairID"), "'pairID' is missing"),
    "3.1 pairID is text": (put(pairID=3), "'pairID' must be text, got 3"),
    "3.1 pairID names an image": (put(pairID="0r1n"), "'pairID' is 0r1n, but the image is"),
    "3.1 sentence2 is needed": (drop("sentence2"), "'sentence2' is missing"),
    "3.1 sentence2 is text": (put(sentence2=["A", "dog"]), "'sentence2' must be text"),
    **{f"3.1 {name} is text": (put(**{name: 5}), f"'{name}' must be text, got 5") for name in UNUSED},
    "8.3 pairID is unique": (put(pairID="9100000101.jpg#0r1e", Flickr30K_ID="9100000101"), "stands on line 1 too"),
    "8.3 image of pairID equals the field": (put(pairID="5.jpg#0r1n"), "'pairID' is 5.jpg#0r1n, but the image is 91"),
    "8.3 the label is one of three": (put(gold_label="maybe"), "'gold_label' is 'maybe', not one of the three classes"),
    "8.3 labels are spelled as released": (put(gold_label="Neutral"), "'gold_label' is 'Neutral', not one of the"),
    "8.3 a label is no index": (put(gold_label="1"), "'gold_label' is '1', not one of the three classes"),
    "8.6 a line is complete": (lambda row: json.dumps(row).encode()[:-30], "not valid JSON"),
    "8.6 a line is an object": (lambda row: json.dumps([row]).encode(), "the line is not a JSON object"),
    "8.6 no NaN": (lambda row: json.dumps({**row, "sentence2": float("nan")}).encode(), "'NaN' is not a number"),
    "8.6 UTF-8": (lambda row: json.dumps({**row, "sentence2": "_"}).encode().replace(b"_", b"\xe9"), "not valid UTF-8"),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_row_that_breaks_a_rule_is_named_by_line_and_field(root, rule):
    change, said = RULES[rule]
    edit(root / FILE, change)
    before = listing(root)
    error = refused(lambda: TASK.read(TASK.locate(root), "dev"), said)
    assert error.where == f"{root / FILE}:{LINE}"
    assert listing(root) == before


@pytest.mark.parametrize("name", ["Flickr30K_ID", "Flikr30kID", "Flickr30kID"])
@pytest.mark.parametrize("suffix", ["", ".jpg"])
def test_3_1_all_spellings_of_the_image_field_are_one(root, name, suffix):
    expected = TASK.read(TASK.locate(root), "dev")
    edit(root / FILE, lambda row: row.update({name: row.pop("Flickr30K_ID") + suffix}))
    assert TASK.read(TASK.locate(root), "dev") == expected


def test_3_1_what_only_some_releases_have_may_be_absent_or_null(root):
    expected = TASK.read(TASK.locate(root), "dev")
    edit(root / FILE, put(**dict.fromkeys((*UNUSED, "annotator_labels"))))
    assert TASK.read(TASK.locate(root), "dev") == expected
    for name in (*UNUSED, "annotator_labels"):
        edit(root / FILE, lambda row, name=name: row.pop(name) and None)
    assert TASK.read(TASK.locate(root), "dev") == expected


DOUBTS = {
    "3.1 pairID as observed": (put(pairID="9100000101.jpg#x", captionID=None), "'pairID' is not <number>.jpg#<capt"),
    "3.1 captionID is that of the pair": (put(captionID="9100000101.jpg#4"), "'captionID' is not that of 'pairID'"),
}


@pytest.mark.parametrize("rule", DOUBTS)
def test_what_was_only_observed_is_a_warning_with_its_line(root, rule, caplog):
    change, said = DOUBTS[rule]
    edit(root / FILE, change, line=2)
    with caplog.at_level(logging.WARNING):
        assert len(TASK.read(TASK.locate(root), "dev")) == 5
    [record] = caplog.records
    assert record.getMessage().startswith(f"1 rows of {root / FILE} look edited: {said}")
    assert record.getMessage().endswith("(first at line 2)")


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: b"\xef\xbb\xbf" + raw,
        lambda raw: raw.replace(b"\n", b"\r\n"),
        lambda raw: raw.rstrip(b"\n"),
    ],
    ids=["8.6 BOM", "8.6 CRLF", "8.6 no final newline"],
)
def test_how_a_file_was_saved_makes_no_difference(root, change):
    expected = TASK.read(TASK.locate(root), "dev")
    (root / FILE).write_bytes(change((root / FILE).read_bytes()))
    assert TASK.read(TASK.locate(root), "dev") == expected


@pytest.mark.parametrize("content", [b"", b"\n"], ids=["zero bytes", "blank"])
def test_a_file_without_rows_is_no_split(root, content):
    (root / FILE).write_bytes(content)
    assert refused(lambda: TASK.read(TASK.locate(root), "dev"), "no rows").where == f"{root / FILE}:1"


def test_a_bad_row_is_found_in_a_zip(root):
    edit(root / FILE, put(gold_label="x"))
    with zipfile.ZipFile(root / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(root / FILE, f"data/{FILE}")
    (root / FILE).unlink()
    error = refused(lambda: TASK.read(TASK.locate(root), "dev"), "'gold_label'")
    assert error.where == f"{root}/all.zip/data/{FILE}:{LINE}"


def test_a_row_that_turns_bad_is_found_though_the_good_file_is_remembered(root, monkeypatch, tmp_path):
    monkeypatch.setenv("MADBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(cache, "SMALLEST", 0)
    for _ in range(2):
        assert len(TASK.read(TASK.locate(root), "dev")) == 5
    edit(root / FILE, put(gold_label="x"))
    remembered = listing(tmp_path / "home" / "cache" / "rows")
    assert remembered
    for _ in range(2):
        refused(lambda: TASK.read(TASK.locate(root), "dev"), "'gold_label'", f":{LINE}")
    assert listing(tmp_path / "home" / "cache" / "rows") == remembered


# --------------------------------------------------------------------------- 3.2: rows without a majority label


def test_3_2_a_run_never_skips_rows_and_the_error_counts_them(root):
    for line in (2, LINE):
        edit(root / FILE, put(gold_label="-"), line)
    error = refused(lambda: TASK.read(TASK.locate(root), "dev"), "no majority label (2 such pairs in the file)")
    assert error.where == f"{root / FILE}:2"


def test_3_2_rows_that_are_skipped_on_request_are_counted_and_told(root, caplog):
    path = root / "xvnli_like" / "test.jsonl"
    refused(lambda: read_pairs(path), "'gold_label' is '-', no majority label (1 such pairs in the file)", ":3")
    skipped: Counter[str] = Counter()
    with caplog.at_level(logging.WARNING):
        rows = read_pairs(path, dash="skip", skipped=skipped)
    lines = path.read_text().splitlines()
    assert len(rows) + skipped.total() == len(lines) == 5 and skipped == {NO_MAJORITY: 1}
    assert [record.getMessage() for record in caplog.records] == [f"1 pairs of {path} are skipped: no majority label"]


def test_3_2_skipping_is_for_rows_without_majority_alone(root):
    path = root / "xvnli_like" / "test.jsonl"
    edit(path, put(gold_label=""), line=4)
    refused(lambda: read_pairs(path, dash="skip"), "'gold_label' is '', not one of the three classes", ":4")


# --------------------------------------------------------------------------- 3.4: corrected labels, CSV


def cells(line: int, column: int, value: str):
    """Replace a cell; the fields of the file before the last have no commas."""

    def change(lines: list[str]) -> None:
        parts = lines[line - 1].split(",", 5)
        parts[column] = value
        lines[line - 1] = ",".join(parts)

    return change


CORRECTED = {
    "3.4 the header has its columns": (cells(1, 1, "pair_id"), "the header has no column pairID", 1),
    "3.4 a column stands once": (cells(1, 5, "pairID"), "the header has no column pairID", 1),
    "3.4 every row has all fields": (lambda lines: lines.__setitem__(2, "1,a"), "2 fields, the header has 6", LINE),
    "3.4 pairID is unique": (
        lambda lines: lines.__setitem__(2, lines[1]),
        "'pairID': 9100000101.jpg#0r1e stands",
        LINE,
    ),
    "3.4 image of pairID equals the field": (cells(LINE, 2, "5.jpg"), "'pairID' is 9100000101.jpg#0r1n, but", LINE),
    "3.4 the label is one of three": (cells(LINE, 4, "-"), "'gold_label' is '-', not a class", LINE),
    "3.4 quotes are closed": (cells(LINE, 5, '"open'), "not valid CSV", LINE),
}


@pytest.mark.parametrize("rule", CORRECTED)
def test_corrected_labels_that_break_a_rule_are_named_by_line_and_field(root, rule):
    change, said, line = CORRECTED[rule]
    file = root / "esnlive" / "esnlive_dev.csv"
    lines = file.read_text().splitlines()
    change(lines)
    file.write_text("\n".join(lines) + "\n")
    assert refused(lambda: read_labels(file), said).where == f"{file}:{line}"


def test_corrected_labels_that_are_no_text_or_empty(root):
    file = root / "esnlive" / "esnlive_dev.csv"
    lines = file.read_bytes().splitlines()
    lines[LINE - 1] = lines[LINE - 1].replace(b"Invented", b"Erfunden f\xfcr")
    file.write_bytes(b"\n".join(lines))
    assert refused(lambda: read_labels(file), "not valid UTF-8").where == f"{file}:{LINE}"
    file.write_bytes(b"")
    assert refused(lambda: read_labels(file), "the file is empty").where == f"{file}:1"


@pytest.mark.parametrize(
    "change",
    [lambda raw: b"\xef\xbb\xbf" + raw, lambda raw: raw.replace(b"\n", b"\r\n"), lambda raw: raw.rstrip(b"\n")],
    ids=["8.6 BOM", "8.6 CRLF", "8.6 no final newline"],
)
def test_how_corrected_labels_were_saved_makes_no_difference(root, change):
    file = root / "esnlive" / "esnlive_dev.csv"
    expected = read_labels(file)
    file.write_bytes(change(file.read_bytes()))
    assert read_labels(file) == expected
