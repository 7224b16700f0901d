"""VQA v2 in its official files: questions and annotations, joined by `question_id`.

Where the files lie is said in official_files.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from sys import intern

from madbench.errors import DataError
from madbench.tasks.cache import through_cache
from madbench.tasks.columns import new_row
from madbench.tasks.contract import Layout
from madbench.tasks.reading import no_rows, without_collector
from madbench.tasks.table import coded
from madbench.tasks.vqa.columns import CocoNames, VqaColumns
from madbench.tasks.vqa.elements import ElementFile
from madbench.tasks.vqa.official_files import SPLITS, missing_files
from madbench.tasks.vqa.question_types import UNKNOWN, QuestionTypes
from madbench.tasks.vqa.rows import VqaRow

QUESTIONS, ANNOTATIONS = "questions", "annotations"
ANSWERS = 10
ANSWER_TYPES = ("yes/no", "number", "other")
CONFIDENCES = frozenset({"yes", "maybe", "no"})


def read(layout: Layout, split: str, *, quiet: bool = False) -> Sequence[VqaRow]:
    """All questions of a split, checked; large files are remembered. In the order of the annotation file, or of the question file without one.

    Raises DataMissing when the source lacks the split; DataMalformed with file:line and the field for: a missing or
    mistyped field, a repeated question_id, ids that only one of the two files has, two image_ids for one question, not
    exactly ten answers with ids 1 to 10, an unknown answer_type. quiet: do not warn of what is doubtful.
    """
    if split not in layout.files:
        names = SPLITS[split].files() if split in SPLITS else (f"a split named {split}",)
        raise missing_files(layout.root, f"the source has no {split} split of vqa", names)
    files, name = layout.files[split], SPLITS[split].images
    columns = VqaColumns(layout.images.get(split), name, layout.regions)
    # Questions without annotations get their types from their words, and which types there are from those of train.
    typed_by = () if SPLITS[split].annotated else type_files(layout)
    make = lambda: _read(files, columns, lambda: known_types(layout))  # noqa: E731
    return through_cache(("vqa", name), (*files, *typed_by), columns, make, quiet)


def type_files(layout: Layout) -> tuple[Path, ...]:
    """The files that `known_types` follows from; empty in a source without train."""
    return layout.files.get("train", ())


def known_types(layout: Layout) -> QuestionTypes:
    """The question types of the training annotations; none in a source without them, or where they are damaged.

    Whoever reads them to train on them says what is wrong.
    """
    try:
        return QuestionTypes(coded(read(layout, "train", quiet=True), "question_type")[1])
    except DataError:
        return UNKNOWN


def _read(
    files: tuple[Path, ...], columns: VqaColumns, types: Callable[[], QuestionTypes]
) -> tuple[list[VqaRow], list[str]]:
    """Rows, and what is doubtful about them. types: what questions without annotations can be."""
    images = CocoNames(columns.images, columns.name, columns.regions)
    with without_collector():
        question_file = ElementFile(files[0], QUESTIONS)
        questions = _questions(question_file)
        if len(files) == 1:
            type_of = types().of
            rows = [
                _unannotated(number, image, text, type_of(text), images)
                for number, (image, text, _) in questions.items()
            ]
        else:
            rows = _annotated(questions, question_file, ElementFile(files[1], ANNOTATIONS), images)
        # True of the official files only; other sets in this layout number their questions freely.
        odd = sum(image * 1000 > number for number, (image, _, _) in questions.items())
        # So in every row that was looked at; the answers count, and this one only where a model learns from it.
        strange = sum(row.multiple_choice_answer not in row.answers for row in rows if row.answers)
    notes = [f"{files[0].name}: {odd} question_ids are not image_id * 1000 + k"] if odd else []
    if strange:
        notes.append(f"{files[-1].name}: {strange} times 'multiple_choice_answer' is none of the ten answers")
    return rows, notes


def _unannotated(number: int, image: int, text: str, asked_type: str | None, images: CocoNames) -> VqaRow:
    image_path, region_path = images.paths(image)
    return VqaRow(
        str(number), str(image), image_path, question=text, asked_type=asked_type or "", region_path=region_path
    )


def read_files(annotations: Path, questions: Path | None = None) -> list[VqaRow]:
    """The questions of files named one by one, for scoring: no images, and no question text without its file.

    Each file is an object as VQA v2 has them, or a bare list of the same elements, as VQA-CP has them. Raises what
    `read` raises.
    """
    with without_collector():
        question_file = None if questions is None else ElementFile.found(questions, QUESTIONS)
        asked = None if question_file is None else _questions(question_file)
        return _annotated(asked, question_file, ElementFile.found(annotations, ANNOTATIONS), CocoNames(None, ""))


# --------------------------------------------------------------------------- the two files


def _questions(file: ElementFile) -> dict[int, tuple[int, str, int]]:
    """question_id -> (image_id, question, index in the file), in file order."""
    questions: dict[int, tuple[int, str, int]] = {}
    for index, record in enumerate(file.unchecked()):
        try:
            number, image, text = record["question_id"], record["image_id"], record["question"]
        except (KeyError, TypeError):
            number = image = text = None
        if type(number) is not int or type(image) is not int or type(text) is not str:
            file.explain(index, record, {"question_id": int, "image_id": int, "question": str})
        if image < 0:
            file.refuse(index, "field 'image_id' is negative", "restore the file")
        if number in questions:
            file.refuse(index, f"question_id {number} occurs a second time", "remove one of the two")
        questions[number] = (image, text, index)
    if not questions:
        raise no_rows(file.path)
    return questions


_FIELDS: Mapping[str, type] = {
    "question_id": int,
    "image_id": int,
    "question_type": str,
    "answer_type": str,
    "multiple_choice_answer": str,
    "answers": list,
}
_get_fields = itemgetter(*_FIELDS)
_get_answer, _get_answer_id, _get_confidence = map(itemgetter, ("answer", "answer_id", "answer_confidence"))


def _annotated(
    questions: dict | None, question_file: ElementFile | None, file: ElementFile, images: CocoNames
) -> list[VqaRow]:
    """One row for each annotation, in file order. questions: None when there is no question file to agree with."""
    rows: list[VqaRow] = []
    seen: set[int] = set()
    for index, record in enumerate(file.unchecked()):
        # One pass without a loop over the fields: this runs 443,757 times.
        try:
            number, image, question_type, answer_type, common, answers = _get_fields(record)
        except (KeyError, TypeError):
            file.explain(index, record, _FIELDS)
        if (
            type(number) is not int
            or type(image) is not int
            or type(question_type) is not str
            or type(answer_type) is not str
            or type(common) is not str
            or type(answers) is not list
        ):
            file.explain(index, record, _FIELDS)
        if number in seen:
            file.refuse(index, f"question_id {number} occurs a second time", "remove one of the two")
        seen.add(number)
        text = "" if questions is None else _question_text(questions, question_file, file, index, number, image)
        if answer_type not in ANSWER_TYPES:
            what = f"field 'answer_type' is {answer_type!r}, not one of {', '.join(ANSWER_TYPES)}"
            file.refuse(index, what, "correct the value")
        answer_type = intern(answer_type)
        image_path, region_path = images.paths(image)
        rows.append(
            new_row(
                VqaRow,
                {
                    "example_id": str(number),
                    "image_id": str(image),
                    "image_path": image_path,
                    "group": None,
                    "stratum": answer_type,
                    "region_path": region_path,
                    "corruption": None,
                    "question": text,
                    "question_type": intern(question_type),
                    "answer_type": answer_type,
                    "answers": _answers(answers, file, index),
                    "multiple_choice_answer": intern(common),
                    "asked_type": None,
                },
            )
        )
    if not rows and questions is None:
        raise no_rows(file.path)
    if questions is not None and len(seen) < len(questions):
        number, (_, _, index) = next(item for item in questions.items() if item[0] not in seen)
        what = (
            f"question_id {number} has no annotation in {file.path.name} ({len(questions) - len(seen)} such questions)"
        )
        question_file.refuse(index, what, "use questions and annotations of one release")
    return rows


def _question_text(
    questions: dict, question_file: ElementFile, file: ElementFile, index: int, number: int, image: int
) -> str:
    asked = questions.get(number)
    if asked is None:
        what = f"question_id {number} has no question in {question_file.path.name}"
    elif asked[0] != image:
        what = f"image_id {image} of question_id {number} is {asked[0]} in {question_file.path.name}"
    else:
        return asked[1]
    file.refuse(index, what, "use questions and annotations of one release")


def _answers(given: list, file: ElementFile, index: int) -> tuple[str, ...]:
    try:
        return ten_answers(given)
    except ValueError as problem:
        file.refuse(index, str(problem), "restore the file: it is not as it was released")


def ten_answers(given: list) -> tuple[str, ...]:
    """The raw answers in file order, from ten objects whose answer_ids are 1 to 10.

    Raises ValueError saying what is wrong; `answer_confidence` may be absent, nothing needs it.
    """
    try:
        # Interned: 4.4 million answers of the train split are 200,000 distinct strings.
        answers = tuple(map(intern, map(_get_answer, given)))
        ids = list(map(_get_answer_id, given))
    except (KeyError, TypeError):
        raise ValueError("an element of 'answers' lacks 'answer' (text) or 'answer_id'") from None
    if len(answers) != ANSWERS:
        raise ValueError(f"'answers' has {len(answers)} entries, not ten")
    if ids != _IDS and (any(type(one) is not int for one in ids) or sorted(ids) != _IDS):
        raise ValueError(f"the answer_ids are {ids}, not 1 to 10")
    try:
        if CONFIDENCES.issuperset(map(_get_confidence, given)):
            return answers
    except (KeyError, TypeError):
        pass
    for confidence in [one.get("answer_confidence", "yes") for one in given]:
        if type(confidence) is not str or confidence not in CONFIDENCES:
            raise ValueError(f"'answer_confidence' is {confidence!r}, not yes, maybe or no")
    return answers


_IDS = list(range(1, ANSWERS + 1))
