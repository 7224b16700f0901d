"""The leaderboard csv: what is written is read back to the last bit, and what does not fit is refused with its line."""

import math

import numpy as np
import pytest

from madbench.errors import DataMalformed, DataMissing
from madbench.tasks.vcr import TASK
from madbench.tasks.vcr.submission import HEADER, read_scores, read_submission, write_submission


@pytest.fixture
def rows(fixtures):
    return TASK.read(TASK.locate(fixtures), "val")


@pytest.fixture
def scores():
    """Answers [5, 4] and rationales [5, 4, 4], of every size and with all their digits."""
    rng = np.random.default_rng(3)
    return rng.normal(size=(5, 4)) * 1e-9, rng.normal(size=(5, 4, 4)) * 1e9


def test_the_header_is_the_leaderboards():
    assert len(HEADER) == 21
    assert HEADER[:6] == ("annot_id", "answer_0", "answer_1", "answer_2", "answer_3", "rationale_conditioned_on_a0_0")
    assert HEADER[-1] == "rationale_conditioned_on_a3_3"


def test_the_official_example_is_read(fixtures):
    rows = TASK.read(TASK.locate(fixtures), "test")
    answers, rationales = read_scores(fixtures / "submission_example.csv", rows)
    assert answers[0].tolist() == [0.1, 0.2, 0.3, 0.4]
    assert rationales[0, 1].tolist() == [0.1, 0.2, 0.3, 0.4]


def test_what_is_written_is_read_back_to_the_last_bit_in_any_row_order(rows, scores, tmp_path):
    path = tmp_path / "out.csv"
    write_submission(path, rows, *scores)
    assert [line.split(",")[0] for line in path.read_text().splitlines()[1:]] == [row.example_id for row in rows]
    for written, found in zip(scores, read_scores(path, rows[::-1]), strict=True):
        assert found.tolist() == written[::-1].tolist()


def test_float32_scores_keep_every_digit(rows, scores, tmp_path):
    single = [one.astype(np.float32) for one in scores]
    write_submission(tmp_path / "out.csv", rows, *single)
    for written, found in zip(single, read_scores(tmp_path / "out.csv", rows), strict=True):
        assert (found.astype(np.float32) == written).all()


def test_rationales_are_those_given_the_correct_answer(rows, tmp_path):
    answers, rationales = np.zeros((5, 4)), np.zeros((5, 4, 4))
    for number, row in enumerate(rows):
        answers[number, (row.labels[0] + 1) % 4] = 1
        rationales[number, row.labels[0], row.labels[1]] = 1
    write_submission(tmp_path / "out.csv", rows, answers, rationales)
    read = read_submission(tmp_path / "out.csv", rows)
    assert read["q2a"].labels == tuple(str((row.labels[0] + 1) % 4) for row in rows)
    assert read["qa2r"].labels == tuple(str(row.labels[1]) for row in rows)


def test_of_equal_scores_the_first_choice_wins(rows, tmp_path):
    write_submission(tmp_path / "out.csv", rows, np.zeros((5, 4)), np.ones((5, 4, 4)))
    assert read_submission(tmp_path / "out.csv", rows)["q2a"].labels == ("0",) * 5


def test_rows_without_labels_have_scores_but_no_judgement(fixtures, scores, tmp_path):
    rows = TASK.read(TASK.locate(fixtures), "test")
    write_submission(tmp_path / "out.csv", rows, *scores)
    with pytest.raises(DataMalformed, match=r"test-0.* has no labels"):
        read_submission(tmp_path / "out.csv", rows)


def cell(line: int, column: int, text: str):
    def change(lines: list[str]) -> None:
        cells = lines[line - 1].split(",")
        cells[column] = text
        lines[line - 1] = ",".join(cells)

    return change


# (what to do to the lines of a valid file, the line that is named, what is said)
BAD = {
    "empty": (lambda lines: lines.clear(), 1, "the file is empty"),
    "no header": (lambda lines: lines.pop(0), 1, "the header is not annot_id, answer_0"),
    "another name": (cell(1, 5, "rationale_0"), 1, "the header is not annot_id, answer_0"),
    "a header short of a column": (cell(1, 20, "x"), 1, "the header is not"),
    "a column less": (lambda lines: lines.__setitem__(2, lines[2].rpartition(",")[0]), 3, "20 columns instead of 21"),
    "a column more": (lambda lines: lines.__setitem__(2, lines[2] + ",0.5"), 3, "22 columns instead of 21"),
    "cut off": (lambda lines: lines.__setitem__(5, lines[5][: len(lines[5]) // 2]), 6, "columns instead of 21"),
    "nan": (cell(3, 2, "nan"), 3, "answer_1 is 'nan', not a finite number"),
    "inf": (cell(3, 20, "-inf"), 3, "rationale_conditioned_on_a3_3 is '-inf', not a finite number"),
    "overflow": (cell(2, 1, "1e999"), 2, "answer_0 is '1e999', not a finite number"),
    "no number": (cell(2, 1, ""), 2, "answer_0 is '', not a finite number"),
    "None": (cell(2, 1, "None"), 2, "answer_0 is 'None', not a finite number"),
    "twice": (lambda lines: lines.append(lines[2]), 7, "annot_id 'val-1' stands on line 3 too"),
    "unknown": (cell(4, 0, "val-9"), 4, "annot_id 'val-9' is not in the annotation file"),
    "missing": (lambda lines: lines.pop(), None, "no prediction for 1 of 5 rows; the first is annot_id 'val-4'"),
    "an open quotation": (cell(6, 0, '"val-4'), 6, "not valid csv"),
    "not UTF-8": (cell(4, 1, "0.\udce9"), 4, "not valid UTF-8"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_file_that_does_not_fit_is_refused_with_its_line(rows, scores, tmp_path, case):
    change, line, message = BAD[case]
    path = tmp_path / "out.csv"
    write_submission(path, rows, *scores)
    lines = path.read_text().splitlines()
    change(lines)
    path.write_bytes("\n".join(lines).encode(errors="surrogateescape"))
    with pytest.raises(DataMalformed) as caught:
        read_submission(path, rows)
    assert message in caught.value.what and caught.value.fix
    assert caught.value.where == (str(path) if line is None else f"{path}:{line}")


@pytest.mark.parametrize(
    "change",
    [lambda raw: b"\xef\xbb\xbf" + raw, lambda raw: raw.replace(b"\n", b"\r\n"), lambda raw: raw.rstrip()],
    ids=["BOM", "CRLF", "no final newline"],
)
def test_how_a_file_was_saved_does_not_matter(rows, scores, tmp_path, change):
    path = tmp_path / "out.csv"
    write_submission(path, rows, *scores)
    expected = read_submission(path, rows)
    path.write_bytes(change(path.read_bytes()))
    assert read_submission(path, rows) == expected


def test_a_file_that_is_not_there_is_named(rows, tmp_path):
    with pytest.raises(DataMissing, match="file not found"):
        read_submission(tmp_path / "out.csv", rows)


@pytest.mark.parametrize(
    ("answers", "rationales"),
    [((5, 3), (5, 4, 4)), ((4, 4), (5, 4, 4)), ((5, 4), (5, 16)), ((5, 4), (5, 4, 3))],
)
def test_other_shapes_are_not_written(rows, tmp_path, answers, rationales):
    with pytest.raises(DataMalformed, match="shape"):
        write_submission(tmp_path / "out.csv", rows, np.zeros(answers), np.zeros(rationales))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_scores_that_are_not_finite_are_not_written(rows, tmp_path, value):
    rationales = np.zeros((5, 4, 4))
    rationales[3, 2, 1] = value
    with pytest.raises(DataMalformed, match="rationale_conditioned_on_a2_1 of row 'val-3'"):
        write_submission(tmp_path / "out.csv", rows, np.zeros((5, 4)), rationales)
    assert list(tmp_path.iterdir()) == []
