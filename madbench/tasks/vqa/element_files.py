"""Questions and annotations of the sets derived from VQA v2: the elements of VQA v2, in files of other shapes.

Some of these files are bare lists, some the official objects; some add a field; in one, ids alone do not tell two
questions apart. What an element must hold is the same as in VQA v2, and is checked here.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from sys import intern

from madbench.tasks.vqa.coco import Places
from madbench.tasks.vqa.elements import ElementFile, Record
from madbench.tasks.vqa.reader import ANSWER_TYPES, ten_answers
from madbench.tasks.vqa.rows import VqaRow

QUESTION_FIELDS = {"question_id": int, "image_id": int, "question": str}
ANNOTATION_FIELDS = {
    "question_id": int,
    "image_id": int,
    "question_type": str,
    "answer_type": str,
    "multiple_choice_answer": str,
    "answers": list,
}
_ONE_RELEASE = "use questions and annotations of one release"


@dataclass(frozen=True)
class Pair:
    """A question and its annotation. index, question_index: their places in their files, for messages."""

    question: Record
    annotation: Record
    file: ElementFile
    index: int
    question_file: ElementFile
    question_index: int

    def row(self, example_id: str, places: Places, group: str | None = None) -> VqaRow:
        """The row, its answers checked. places: of its image and regions. Raises DataMalformed with file:line."""
        annotation = self.annotation
        if annotation["answer_type"] not in ANSWER_TYPES:
            what = f"field 'answer_type' is {annotation['answer_type']!r}, not one of {', '.join(ANSWER_TYPES)}"
            self.file.refuse(self.index, what, "correct the value")
        answer_type = intern(annotation["answer_type"])
        return VqaRow(
            example_id=example_id,
            image_id=str(annotation["image_id"]),
            image_path=places[0],
            region_path=places[1],
            group=group,
            stratum=answer_type,
            question=self.question["question"],
            question_type=intern(annotation["question_type"]),
            answer_type=answer_type,
            answers=self._answers(annotation["answers"]),
            multiple_choice_answer=intern(annotation["multiple_choice_answer"]),
        )

    def _answers(self, given: list) -> tuple[str, ...]:
        try:
            return ten_answers(given)
        except ValueError as problem:
            self.file.refuse(self.index, str(problem), "restore the file")


def pairs(
    questions: ElementFile,
    annotations: ElementFile,
    identity: Callable[[Record], Hashable] = lambda record: record["question_id"],
    shared: Mapping[str, type] | None = None,
) -> Iterator[Pair]:
    """Every question with its annotation, in the order of the annotations.

    identity: what tells questions apart, from the fields of either file. shared: more fields that both files must have
    with equal values (`image_id` always is one).
    Raises DataMalformed with file:line and the field for: a missing or mistyped field, a question that occurs twice,
    one that only one of the files has, two values of a shared field.
    """
    shared = dict(shared or {})
    asked: dict[Hashable, tuple[int, Record]] = {}
    for index, record in questions.elements({**QUESTION_FIELDS, **shared}):
        if record["image_id"] < 0:
            questions.refuse(index, "field 'image_id' is negative", "restore the file")
        one = identity(record)
        if one in asked:
            questions.refuse(
                index, f"question_id {record['question_id']} occurs a second time", "remove one of the two"
            )
        asked[one] = index, record
    seen = set()
    for index, record in annotations.elements({**ANNOTATION_FIELDS, **shared}):
        one, number = identity(record), record["question_id"]
        if one in seen:
            annotations.refuse(index, f"question_id {number} occurs a second time", "remove one of the two")
        seen.add(one)
        if one not in asked:
            what = f"question_id {number} has no question in {questions.path.name}"
            annotations.refuse(index, what, _ONE_RELEASE)
        question_index, question = asked[one]
        for name in ("image_id", *shared):
            if record[name] != question[name]:
                what = f"{name} {record[name]} of question_id {number} is {question[name]} in {questions.path.name}"
                annotations.refuse(index, what, _ONE_RELEASE)
        yield Pair(question, record, annotations, index, questions, question_index)
    if len(seen) < len(asked):
        index, record = next(value for one, value in asked.items() if one not in seen)
        what = f"question_id {record['question_id']} has no annotation in {annotations.path.name}"
        questions.refuse(index, f"{what} ({len(asked) - len(seen)} such questions)", _ONE_RELEASE)
