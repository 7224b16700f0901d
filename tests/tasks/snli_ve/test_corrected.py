import pytest

from madbench.errors import DataMalformed, DataMissing
from madbench.tasks.contract import ShiftInputs
from madbench.tasks.snli_ve import reader
from madbench.tasks.snli_ve.corrected import SHIFTS, join, read_labels
from madbench.tasks.snli_ve.rows import LABELS
from madbench.tasks.sources import locate

HEADER = ",pairID,Flickr30kID,hypothesis,gold_label,explanation\n"
LINE = "0,100.jpg#1r1e,100.jpg,A cat sleeps.,neutral,because\n"


@pytest.fixture
def csv(tmp_path):
    """Write a label file: `csv(LINE, LINE)`."""

    def write(*lines: str, header: str = HEADER, newline: str = "\n"):
        path = tmp_path / "esnlive_test.csv"
        path.write_bytes((header + "".join(lines)).replace("\n", newline).encode())
        return path

    return write


def test_the_fixture_file_is_read_as_it_was_released(root):
    labels = read_labels(root / "esnlive" / "esnlive_dev.csv")
    assert len(labels) == 5
    found = labels["9100000102.jpg#3r2e"]
    assert (found.image, found.hypothesis, found.label, found.line) == (
        "9100000102",
        "Two brothers paint a fence.",
        "neutral",
        5,
    )


def test_labels_are_joined_by_pair_and_the_rest_is_counted(root):
    rows = reader.read_pairs(root / "snli_ve_dev.jsonl")
    joined = join(rows, root / "esnlive" / "esnlive_dev.csv")
    assert [row.example_id for row in joined.rows] == [row.example_id for row in rows]
    changed = [(old.label, new.label) for old, new in zip(rows, joined.rows, strict=True) if old.label != new.label]
    assert joined.counts == {
        "in_file": 5,
        "joined": 5,
        "left_out": 0,
        "unknown": 0,
        "relabelled": len(changed),
        "hypothesis_differs": 0,
    }
    assert all(row.stratum == row.label for row in joined.rows)


def test_pairs_not_listed_are_left_out_and_unknown_ones_counted(row, csv):
    rows = [row(1, "A cat sleeps.", "entailment"), row(2, "A dog.", "neutral")]
    path = csv(LINE, "1,100.jpg#9r1n,100.jpg,A fox.,neutral,x\n")
    joined = join(rows, path)
    assert [(one.example_id, one.label, one.hypothesis) for one in joined.rows] == [
        ("100.jpg#1r1e", "neutral", "A cat sleeps.")
    ]
    assert joined.counts == {
        "in_file": 2,
        "joined": 1,
        "left_out": 1,
        "unknown": 1,
        "relabelled": 1,
        "hypothesis_differs": 0,
    }
    assert joined.rows[0].label is LABELS[2]


def test_another_wording_is_counted_and_the_wording_of_the_task_kept(row, csv):
    joined = join([row(1, "A cat is asleep.", "entailment")], csv(LINE))
    assert joined.counts["hypothesis_differs"] == 1
    assert joined.rows[0].hypothesis == "A cat is asleep."


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_quotes_commas_and_line_breaks_inside_a_field(csv, newline):
    path = csv('0,100.jpg#1r1e,100.jpg,"He says ""no"", twice.",neutral,"two\nlines"\n', LINE.replace("#1", "#2"))
    path.write_bytes(path.read_bytes().replace(b"\n", newline.encode()))
    labels = read_labels(path)
    assert labels["100.jpg#1r1e"].hypothesis == 'He says "no", twice.'
    assert labels["100.jpg#2r1e"].line == 4


def test_a_byte_order_mark_and_a_missing_final_newline_are_read(csv):
    path = csv(LINE.rstrip("\n"))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert list(read_labels(path)) == ["100.jpg#1r1e"]


@pytest.mark.parametrize(
    ("lines", "header", "message", "line"),
    [
        ([LINE, LINE], HEADER, "100.jpg#1r1e stands on line 2 too", 3),
        ([LINE.replace("neutral", "Neutral")], HEADER, "field 'gold_label' is 'Neutral'", 2),
        ([LINE.replace("neutral", "-")], HEADER, "field 'gold_label' is '-'", 2),
        ([LINE.replace(",100.jpg,", ",101.jpg,")], HEADER, "the image is 101.jpg", 2),
        ([LINE.rstrip("\n") + ",more\n"], HEADER, "7 fields, the header has 6", 2),
        (["0,100.jpg#1r1e,100.jpg\n"], HEADER, "3 fields, the header has 6", 2),
        ([LINE, '1,100.jpg#2r1e,100.jpg,"A cat'], HEADER, "not valid CSV", 3),
        ([LINE, '1,100.jpg#2r1e,100.jpg,"A" cat,neutral,x\n'], HEADER, "not valid CSV", 3),
        ([LINE], ",pairID,Flickr30kID,hypothesis,explanation\n", "the header has no column gold_label", 1),
        ([], "", "the file is empty", 1),
    ],
)
def test_a_file_that_cannot_be_believed_is_refused_with_its_line(csv, lines, header, message, line):
    path = csv(*lines, header=header)
    with pytest.raises(DataMalformed) as caught:
        read_labels(path)
    assert message in caught.value.what
    assert caught.value.where == f"{path}:{line}"
    assert caught.value.fix


def test_bytes_that_are_no_text(csv):
    path = csv(LINE)
    path.write_bytes(path.read_bytes() + b"\xff\xfe")
    with pytest.raises(DataMalformed, match="not valid UTF-8"):
        read_labels(path)


def test_no_file(tmp_path):
    with pytest.raises(DataMissing, match="file not found"):
        read_labels(tmp_path / "esnlive_dev.csv")


def test_the_file_of_another_split_is_told(row, csv):
    with pytest.raises(DataMalformed, match="not one of the 1 pairs") as caught:
        join([row(7, "A cat.", "neutral", image="200")], csv(LINE))
    assert "esnlive_dev.csv for dev" in caught.value.fix


def test_each_split_has_its_file_and_a_source_without_it_has_no_such_condition(root):
    assert SHIFTS["corrected-labels"].files == ("esnlive-test",)
    assert SHIFTS["corrected-labels-dev"].files == ("esnlive-dev",)
    from madbench.tasks.snli_ve.task import TASK

    layout = locate(TASK, root)
    assert layout.extras == {"esnlive-dev": root / "esnlive" / "esnlive_dev.csv"}
    inputs = ShiftInputs(lambda: [], layout.extras)
    rows = reader.read(layout, "dev")
    shift = TASK.shifts()["corrected-labels-dev"]
    assert len(shift.apply(rows, inputs)) == shift.about(rows, inputs)["joined"] == 5


def test_the_card_tells_source_sizes_and_leak():
    card = SHIFTS["corrected-labels"].card
    assert "esnlive_test.csv" in card and "14,740" in card and "Leak:" in card
