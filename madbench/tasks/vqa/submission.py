"""The official results file of VQA: a JSON list of `{"question_id": int, "answer": str}`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from madbench.errors import DataMalformed
from madbench.files import write_text
from madbench.tasks.reading import read_json
from madbench.tasks.vqa.rows import VqaRow

_FIX = "give exactly one answer for every question of the annotation file"


def read_submission(path: Path, rows: Sequence[VqaRow]) -> list[str]:
    """The answers in the order of `rows`. Of a repeated question_id the last counts, as in the official tool.

    Raises DataMalformed for an answer that is not text, a question without an answer, or one that is not asked.
    """
    content = read_json(path)
    if not isinstance(content, list):
        raise DataMalformed("a results file is a JSON list", fix="write [{question_id, answer}, ...]", where=path)
    answers: dict[str, str] = {}
    for index, one in enumerate(content):
        number = one.get("question_id") if isinstance(one, dict) else None
        answer = one.get("answer") if isinstance(one, dict) else None
        if type(number) is not int:
            raise DataMalformed(
                f"entry {index}: 'question_id' must be a whole number, got {number!r}",
                fix='write {"question_id": 1, "answer": "yes"}',
                where=path,
            )
        if not isinstance(answer, str):
            raise DataMalformed(
                f"entry {index}: 'answer' of question {number} must be text, got {answer!r}",
                fix="write every answer as a string, numbers too",
                where=path,
            )
        answers[str(number)] = answer
    asked = {row.example_id for row in rows}
    missing = [row.example_id for row in rows if row.example_id not in answers]
    extra = [number for number in answers if number not in asked]
    for numbers, what in ((missing, "questions have no answer"), (extra, "answered questions are not asked")):
        if numbers:
            raise DataMalformed(f"{len(numbers)} {what}, the first {numbers[0]}", fix=_FIX, where=path)
    return [answers[row.example_id] for row in rows]


def write_submission(path: Path, rows: Sequence[VqaRow], answers: Sequence[str]) -> None:
    """One answer a row, in the order of `rows`, on one line as the evaluation server takes it."""
    if len(rows) != len(answers):
        raise DataMalformed(f"{len(answers)} answers for {len(rows)} questions", fix=_FIX, where=path)
    entries = [{"question_id": int(row.example_id), "answer": a} for row, a in zip(rows, answers, strict=True)]
    write_text(path, json.dumps(entries) + "\n")
