import json

import pytest

from madbench.errors import DataMalformed
from madbench.tasks.vqa.official_files import locate
from madbench.tasks.vqa.reader import read
from madbench.tasks.vqa.submission import read_submission, write_submission


@pytest.fixture
def rows(root):
    return read(locate(root), "val")


def test_the_official_example_is_read(root, rows):
    assert read_submission(root / "evalai_results_example.json", rows) == ["yes"] * 5


def test_what_is_written_can_be_read_in_any_row_order(rows, tmp_path):
    answers = ["red", "3", "yes", "left", "ünicode"]
    write_submission(tmp_path / "out.json", rows, answers)
    assert read_submission(tmp_path / "out.json", rows[::-1]) == answers[::-1]
    assert json.loads((tmp_path / "out.json").read_text())[0] == {"question_id": 910101000, "answer": "red"}


def test_of_a_repeated_question_the_last_answer_counts_and_that_is_said(rows, tmp_path, caplog):
    entries = [{"question_id": int(row.example_id), "answer": "first"} for row in rows]
    path = tmp_path / "out.json"
    path.write_text(json.dumps([*entries, {"question_id": int(rows[0].example_id), "answer": "last"}]))
    assert read_submission(path, rows) == ["last", "first", "first", "first", "first"]
    assert "warning: 1 answers in" in caplog.text


# The valid file, indented as json.dumps(indent=1) does it: entry k opens on line 2 + 4k, its fields follow.
BAD = {
    "a missing question": (lambda e: e.pop(), None, "1 of 5 questions have no answer, .* question_id 910103000"),
    "no answers": (lambda e: e.clear(), None, "5 of 5 questions have no answer"),
    "an unasked question": (
        lambda e: e.append({"question_id": 5, "answer": "x"}),
        22,
        r"question_id 5 is not asked \(1 such answers\)",
    ),
    "a number": (lambda e: e[1].update(answer=3), 6, "entry 1: field 'answer' of question_id .* must be text, got 3"),
    "null": (lambda e: e[2].update(answer=None), 10, "field 'answer' .* got None"),
    "a list": (lambda e: e[0].update(answer=["yes"]), 2, r"field 'answer' .* got \['yes'\]"),
    "no answer field": (lambda e: e[0].pop("answer"), 2, "field 'answer' is missing"),
    "no id": (lambda e: e[4].pop("question_id"), 18, "entry 4: field 'question_id' is missing"),
    "an id in quotes": (lambda e: e[0].update(question_id="910101000"), 2, "field 'question_id' must be a whole"),
    "a fractional id": (lambda e: e[0].update(question_id=1.5), 2, "field 'question_id' must be a whole"),
    "true as an id": (lambda e: e[0].update(question_id=True), 2, "field 'question_id' must be a whole"),
    "a bare answer": (lambda e: e.append("yes"), 22, "entry 5 is not an object"),
}


@pytest.mark.parametrize("case", BAD)
def test_entries_that_do_not_fit_are_refused_with_their_line(rows, tmp_path, case):
    change, line, message = BAD[case]
    entries = [{"question_id": int(row.example_id), "answer": "yes"} for row in rows]
    change(entries)
    path = tmp_path / "out.json"
    path.write_text(json.dumps(entries, indent=1))
    with pytest.raises(DataMalformed, match=message) as caught:
        read_submission(path, rows)
    assert caught.value.where == (str(path) if line is None else f"{path}:{line}") and caught.value.fix


BROKEN = {
    "empty": (lambda raw: b"", 1, "not valid JSON"),
    "truncated": (lambda raw: raw[:-40], 19, "not valid JSON"),
    "an object": (lambda raw: b'{"answers": ' + raw + b"}", None, "not a JSON list"),
    "NaN": (lambda raw: raw.replace(b'"yes"', b"NaN", 1), 4, "'NaN' is not a number JSON knows"),
    "not UTF-8": (lambda raw: raw.replace(b"yes", b"y\xe9s", 1), 4, "not valid UTF-8"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_file_that_is_not_such_a_list_is_refused(rows, tmp_path, case):
    change, line, message = BROKEN[case]
    path = tmp_path / "out.json"
    write_indented(path, rows, change)
    with pytest.raises(DataMalformed, match=message) as caught:
        read_submission(path, rows)
    assert caught.value.where == (str(path) if line is None else f"{path}:{line}") and caught.value.fix


@pytest.mark.parametrize(
    "change",
    [lambda raw: b"\xef\xbb\xbf" + raw, lambda raw: raw.replace(b"\n", b"\r\n"), lambda raw: raw.rstrip()],
    ids=["BOM", "CRLF", "no final newline"],
)
def test_how_a_file_was_saved_does_not_matter(rows, tmp_path, change):
    path = tmp_path / "out.json"
    write_indented(path, rows, change)
    assert read_submission(path, rows) == ["yes"] * 5


def write_indented(path, rows, change):
    entries = [{"question_id": int(row.example_id), "answer": "yes"} for row in rows]
    path.write_bytes(change((json.dumps(entries, indent=1) + "\n").encode()))


@pytest.mark.parametrize("answers", [["yes"] * 4, ["yes"] * 4 + [3], ["yes"] * 4 + [None]])
def test_what_could_not_be_read_back_is_not_written(rows, tmp_path, answers):
    with pytest.raises(DataMalformed):
        write_submission(tmp_path / "out.json", rows, answers)
    assert list(tmp_path.iterdir()) == []
