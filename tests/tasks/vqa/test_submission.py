import json

import pytest

from madbench.errors import DataMalformed
from madbench.tasks.vqa.reader import locate, read
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


def test_of_a_repeated_question_the_last_answer_counts(rows, tmp_path):
    entries = [{"question_id": int(row.example_id), "answer": "first"} for row in rows]
    path = tmp_path / "out.json"
    path.write_text(json.dumps([*entries, {"question_id": int(rows[0].example_id), "answer": "last"}]))
    assert read_submission(path, rows)[0] == "last"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e: e.pop(), "1 questions have no answer, the first 910103000"),
        (lambda e: e.append({"question_id": 5, "answer": "x"}), "1 answered questions are not asked, the first 5"),
        (lambda e: e[0].update(answer=3), "'answer' of question 910101000 must be text, got 3"),
        (lambda e: e[0].update(answer=None), "must be text, got None"),
        (lambda e: e[0].update(question_id="910101000"), "'question_id' must be a whole number"),
        (lambda e: e.append("yes"), "'question_id' must be a whole number, got None"),
    ],
)
def test_a_results_file_that_does_not_fit_is_refused(rows, tmp_path, change, message):
    entries = [{"question_id": int(row.example_id), "answer": "yes"} for row in rows]
    change(entries)
    (tmp_path / "out.json").write_text(json.dumps(entries))
    with pytest.raises(DataMalformed, match=message):
        read_submission(tmp_path / "out.json", rows)
