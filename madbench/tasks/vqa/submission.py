"""The official results file of VQA: a JSON list of `{"question_id": int, "answer": str}`."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from madbench.errors import DataMalformed
from madbench.files import write_text
from madbench.tasks.json_places import line_of_element
from madbench.tasks.reading import read_json
from madbench.tasks.vqa.rows import VqaRow

_LOG = logging.getLogger(__name__)
_ONE_EACH = "give exactly one answer for every question of the annotation file"
_ENTRY = 'write {"question_id": 1, "answer": "yes"}'


def read_submission(path: Path, rows: Sequence[VqaRow]) -> list[str]:
    """The answers in the order of `rows`.

    Of a repeated question_id the last answer counts, as in the official tool; that is logged, with the number of them.
    Raises DataMissing, or DataMalformed with file:line for an entry that is not `{"question_id": int, "answer": str}`
    (other fields are ignored), a question without an answer, or one that is not asked.
    """
    entries = read_json(path)
    if not isinstance(entries, list):
        raise DataMalformed("the file is not a JSON list", fix=f"{_ENTRY} for each question, in a list", where=path)
    answers: dict[int, str] = {}
    for index, entry in enumerate(entries):
        try:
            number, answer = entry["question_id"], entry["answer"]
        except (KeyError, TypeError):
            number = answer = None
        if type(number) is not int or type(answer) is not str:
            raise _unusable(path, entries, index)
        answers[number] = answer
    asked = [int(row.example_id) for row in rows]
    missing = [number for number in asked if number not in answers]
    if missing:
        what = f"{len(missing)} of {len(asked)} questions have no answer, the first is question_id {missing[0]}"
        raise DataMalformed(what, fix=_ONE_EACH, where=path)
    if len(answers) > len(asked):
        extra = answers.keys() - set(asked)
        index = next((place for place, entry in enumerate(entries) if entry["question_id"] in extra), None)
        if index is not None:
            what = f"question_id {entries[index]['question_id']} is not asked ({len(extra)} such answers)"
            raise DataMalformed(what, fix=_ONE_EACH, where=_where(path, index))
    if len(entries) > len(answers):
        repeated = len(entries) - len(answers)
        _LOG.warning("warning: %d answers in %s are overridden by a later one to the same question", repeated, path)
    return [answers[number] for number in asked]


def write_submission(path: Path, rows: Sequence[VqaRow], answers: Sequence[str]) -> None:
    """One answer a row, in the order of `rows`, on one line as the evaluation server takes it.

    Raises DataMalformed when answers are not one string a row; writes nothing then.
    """
    if len(rows) != len(answers):
        raise DataMalformed(f"{len(answers)} answers for {len(rows)} questions", fix=_ONE_EACH, where=path)
    for row, answer in zip(rows, answers, strict=True):
        if not isinstance(answer, str):
            what = f"the answer to question {row.example_id} is {answer!r}, not text"
            raise DataMalformed(what, fix="give every answer as a string, numbers too", where=path)
    entries = [{"question_id": int(row.example_id), "answer": one} for row, one in zip(rows, answers, strict=True)]
    write_text(path, json.dumps(entries) + "\n")


def _unusable(path: Path, entries: list, index: int) -> DataMalformed:
    """What is wrong with an entry that is known to be wrong."""
    entry, where = entries[index], _where(path, index)
    if not isinstance(entry, dict):
        return DataMalformed(f"entry {index} is not an object", fix=_ENTRY, where=where)
    for name in ("question_id", "answer"):
        if name not in entry:
            return DataMalformed(f"entry {index}: field '{name}' is missing", fix=_ENTRY, where=where)
    number, answer = entry["question_id"], entry["answer"]
    if type(number) is not int:
        what = f"entry {index}: field 'question_id' must be a whole number, got {number!r}"
        return DataMalformed(what, fix=_ENTRY, where=where)
    what = f"entry {index}: field 'answer' of question_id {number} must be text, got {answer!r}"
    return DataMalformed(what, fix="write every answer as a string, numbers too", where=where)


def _where(path: Path, index: int) -> str:
    return f"{path}:{line_of_element(path, None, index)}"
