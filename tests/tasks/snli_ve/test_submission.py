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


HEAD = b"pairID,prediction\n"
ONE, TWO = b"100.jpg#1r1n,neutral\n", b"100.jpg#2r1e,neutral\n"
BAD = {
    "empty": (b"", 1, "the file is empty"),
    "no header": (ONE + TWO, 1, "the header is not pairID,prediction"),
    "other names": (b"pair,label\n" + ONE + TWO, 1, "the header is not pairID,prediction"),
    "other order": (b"prediction,pairID\n", 1, "the header is not pairID,prediction"),
    "a column less": (HEAD + b"100.jpg#1r1n\n" + TWO, 2, "1 columns instead of 2"),
    "a column more": (HEAD + ONE + b"100.jpg#2r1e,neutral,0.9\n", 3, "3 columns instead of 2"),
    "another class": (HEAD + b"100.jpg#1r1n,maybe\n" + TWO, 2, "prediction is 'maybe', not a class"),
    "a number": (HEAD + b"100.jpg#1r1n,2\n" + TWO, 2, "prediction is '2', not a class"),
    "no class": (HEAD + ONE + b"100.jpg#2r1e,\n", 3, "prediction is '', not a class"),
    "twice": (HEAD + ONE + TWO + ONE, 4, "pairID '100.jpg#1r1n' stands on line 2 too"),
    "unknown": (HEAD + ONE + b"9.jpg#1r1n,neutral\n" + TWO, 3, "pairID '9.jpg#1r1n' is not in the annotation file"),
    "missing": (HEAD + ONE, None, "no prediction for 1 of 2 rows; the first is pairID '100.jpg#2r1e'"),
    "cut off": (HEAD + ONE + TWO[:-4], 3, "prediction is 'neut', not a class"),
    "an open quotation": (HEAD + ONE + b'"100.jpg#2r1e,neutral\n', 3, "not valid csv"),
    "not UTF-8": (HEAD + ONE + b"100.jpg#2r1e,neutr\xe4l\n", 3, "not valid UTF-8"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_file_that_does_not_fit_is_refused_with_its_line(rows, tmp_path, case):
    content, line, message = BAD[case]
    path = tmp_path / "out.csv"
    path.write_bytes(content)
    with pytest.raises(DataMalformed) as caught:
        read_submission(path, rows)
    assert message in caught.value.what and caught.value.fix
    assert caught.value.where == (str(path) if line is None else f"{path}:{line}")


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + HEAD + ONE + TWO,
        (HEAD + ONE + TWO).replace(b"\n", b"\r\n"),
        (HEAD + ONE + TWO).rstrip(),
        HEAD + b"\n" + ONE + TWO + b"\n",
    ],
    ids=["BOM", "CRLF", "no final newline", "blank lines"],
)
def test_how_a_file_was_saved_does_not_matter(rows, tmp_path, content):
    path = tmp_path / "out.csv"
    path.write_bytes(content)
    assert read_submission(path, rows) == ["neutral", "neutral"]


@pytest.mark.parametrize("labels", [["neutral"], ["neutral", "maybe"], ["neutral", None], ["neutral", 2]])
def test_what_could_not_be_read_back_is_not_written(rows, tmp_path, labels):
    with pytest.raises(DataMalformed):
        write_submission(tmp_path / "out.csv", rows, labels)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_there_is_named(rows, tmp_path):
    with pytest.raises(DataMissing, match="file not found"):
        read_submission(tmp_path / "out.csv", rows)
