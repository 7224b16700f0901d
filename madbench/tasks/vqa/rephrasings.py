"""VQA-Rephrasings: questions of VQA v2 val, each asked again in up to three other ways.

    v2_OpenEnded_mscoco_valrep2014_humans_og_questions.json
    v2_mscoco_valrep2014_humans_og_annotations.json

The layout is VQA v2's. A rephrasing has `rephrasing_of` and the id original * 10 + k; originals stand in the same files
under their own ids. Such an id may be the id of another original, so rows are told apart by (original, k).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from madbench.tasks.vqa.coco import CocoImages
from madbench.tasks.vqa.element_files import Pair, pairs
from madbench.tasks.vqa.elements import ElementFile, Record
from madbench.tasks.vqa.question_types import UNKNOWN, QuestionTypes
from madbench.tasks.vqa.rows import VqaRow

SPLIT = "rephrasings"
NAMES = (
    "v2_OpenEnded_mscoco_valrep2014_humans_og_questions.json",
    "v2_mscoco_valrep2014_humans_og_annotations.json",
)
PLACES = ("", "rephrasings", "vqa-rephrasings", "VQA-Rephrasings", "vqa_rephrasings")

CARD = """\
Tests whether a model gives the right answer however the question is put.

Kind: a split of its own, `rephrasings`. Source: VQA-Rephrasings (Shah et al. 2019, "Cycle-Consistency for Robust Visual
Question Answering"): questions of VQA v2 val and human rephrasings of them, with the answers of the original. Scored by
the official VQA accuracy over all questions, over originals and rephrasings apart, and by the consensus score:

  consensus:k   for a group of n questions (an original and its rephrasings), the share of its subsets of k questions
                that are all answered with an accuracy above 0: C(c, k) / C(n, k) when c of the n are; the mean over
                groups with at least k questions; k = 1 to 4.

The formula is from memory of the paper; the official tool was not at hand. Empty questions and "?" occur in the files
and are kept.

A rephrasing is shown with the question type that its own words say (the longest known beginning of questions); scores
by question type go by the annotated type, which is the original's.

Sizes: 40,504 originals with three rephrasings each, from memory and unconfirmed.

Leak: the originals are VQA v2 val questions, and so are the pictures: a model tuned on VQA v2 val, or on a set that
deals it out again (VQA-CP, VQA-VS), has seen them with their answers. Originals keep their VQA v2 ids, so training on
them is found out; rephrasings are found out by their pictures.
"""


def locate(root: Path) -> dict[str, tuple[Path, ...]]:
    """The split -> (questions, annotations), where both are there."""
    folders = [root / place for place in PLACES if all((root / place / name).is_file() for name in NAMES)]
    return {SPLIT: tuple(folders[0] / name for name in NAMES)} if folders else {}


def read(files: tuple[Path, ...], images: CocoImages, types: QuestionTypes = UNKNOWN) -> list[VqaRow]:
    """All questions in the order of the annotation file; group: the id of the original.

    example_id: the original's own id, or `original:k`. types: what the words of a rephrasing can say it is; its
    annotation says what the original is, and a model told that would answer all of a group alike. Raises what `element_files.pairs` raises, and DataMalformed for
    a rephrasing whose id is not original * 10 + k.
    """
    rows = []
    for pair in pairs(ElementFile(files[0], "questions"), ElementFile(files[1], "annotations"), identity=_identity):
        example_id, group = _ids(pair)
        row = pair.row(example_id, images.at("val2014", pair.annotation["image_id"]), group)
        rows.append(row if example_id == group else replace(row, asked_type=types.of(row.question) or ""))
    return rows


def _identity(record: Record) -> tuple[int, int]:
    # An original and a rephrasing of the same id are about different pictures, and annotations do not say which is which.
    return record["question_id"], record["image_id"]


def _ids(pair: Pair) -> tuple[str, str]:
    """(example id, group) of a question."""
    number, original = pair.question["question_id"], pair.question.get("rephrasing_of")
    if original is None:
        return str(number), str(number)
    if type(original) is not int or not 0 <= number - 10 * original <= 9:
        what = f"question_id {number} is not ten times 'rephrasing_of' ({original!r}) and a digit"
        pair.question_file.refuse(pair.question_index, what, "restore the file")
    return f"{original}:{number - 10 * original}", str(original)
