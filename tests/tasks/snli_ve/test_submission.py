import pytest

from madbench.errors import DataMalformed, DataMissing
from madbench.tasks.snli_ve.submission import read_submission, write_submission


@pytest.fixture
def rows(row):
    return [row(1, "h", "neutral"), row(2, "h", "entailment")]


def test_what_is_written_can_be_read_in_any_row_order(rows, tmp_path):
    path = tmp_path / "out.csv"
    write_submission(path, rows, ["neutral", "contradiction"])
    assert path.read_text() == "pairID,prediction\n100.jpg#1r1n,neutral\n100.jpg#2r1e,contradiction\n"
    assert read_submission(path, rows[::-1]) == ["contradiction", "neutral"]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("pair,label\n", 1, "the header is not pairID,prediction"),
        ("pairID,prediction\n100.jpg#1r1n,maybe\n", 2, "'maybe' is not a class"),
        ("pairID,prediction\n100.jpg#1r1n\n", 2, "1 columns instead of two"),
        ("pairID,prediction\n100.jpg#1r1n,neutral\n100.jpg#1r1n,neutral\n", 3, "occurs a second time"),
        ("pairID,prediction\n9.jpg#1r1n,neutral\n", 2, "is not in the annotation file"),
        ("pairID,prediction\n100.jpg#1r1n,neutral\n", None, r"1 pairs have no prediction, the first 100\.jpg#2r1e"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_its_line(rows, tmp_path, text, line, message):
    path = tmp_path / "out.csv"
    path.write_text(text)
    with pytest.raises(DataMalformed, match=message) as caught:
        read_submission(path, rows)
    assert caught.value.where == (str(path) if line is None else f"{path}:{line}")


def test_a_file_that_is_not_there_is_named(rows, tmp_path):
    with pytest.raises(DataMissing, match="file not found"):
        read_submission(tmp_path / "out.csv", rows)
