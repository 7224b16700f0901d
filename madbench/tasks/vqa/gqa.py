"""GQA-OOD: questions of another data set, those with common and those with rare answers apart.

    ood_{val,testdev}_{all,head,tail}.json      an object, question id -> record of GQA
    gqa/images/<imageId>.jpg

One right answer each. Questions, answers and pictures are GQA's: for a model of VQA v2 this is another data set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from madbench.errors import DataMalformed
from madbench.tasks.contract import Scores
from madbench.tasks.json_places import line_of_key
from madbench.tasks.reading import field, no_rows, read_json, relative_name
from madbench.tasks.regions import region_path
from madbench.tasks.vqa.normalise import normalise
from madbench.tasks.vqa.rows import VqaRow

PREFIX = "gqa-ood-"
PARTS = ("all", "head", "tail")
SPLITS = tuple(f"{PREFIX}{split}-{part}" for split in ("val", "testdev") for part in PARTS)
PLACES = ("", "gqa-ood", "GQA-OOD", "gqa_ood", "gqa-ood/data", "GQA-OOD/data", "gqa")
IMAGE_PLACES = ("gqa/images", "images/gqa", "gqa_images", "GQA/images")

CARD = """\
Tests a VQA model on another data set, and there on questions whose answer is rare for their kind.

Kind: splits of their own, gqa-ood-{val,testdev}-{all,head,tail}. Source: GQA-OOD (Kervadec et al. 2021, "Roses Are Red,
Violets Are Blue... But Should VQA Expect Them To?"), subsets of GQA val and test-dev. Within a group of like questions
the tail holds the answers whose share is below 1.2 times the group's mean share, the head the others; only groups whose
answers are uneven are in the set. The authors' acc-all, acc-head and acc-tail are the accuracy on the three splits.

Score: one right answer; exact match after the VQA normaliser of 2021 on both sides. The metric is `accuracy`, not
vqa_accuracy: the two must not be compared, and there is no gap to VQA v2 val.

Sizes: not known here. Licence: GQA-OOD's code is GPL-3 and its data for non-commercial use; madbench holds neither.

Leak: pictures are of Visual Genome, and half of those are COCO pictures too, which image ids cannot show. A model tuned
on GQA or on Visual Genome questions has seen the kind of question, perhaps the questions.
"""


@dataclass(frozen=True)
class GqaRow(VqaRow):
    """answers: the one right answer. No question type or answer type: those of VQA v2 do not apply."""


def locate(root: Path) -> dict[str, tuple[Path, ...]]:
    """split -> its one file."""
    found = {}
    for split in SPLITS:
        name = f"ood_{split.removeprefix(PREFIX).replace('-', '_')}.json"
        folder = next((root / place for place in PLACES if (root / place / name).is_file()), None)
        if folder is not None:
            found[split] = (folder / name,)
    return found


def image_folder(root: Path) -> Path | None:
    return next((root / place for place in IMAGE_PLACES if (root / place).is_dir()), None)


def read(path: Path, images: Path | None, regions: Path | None = None) -> list[GqaRow]:
    """All questions in file order. example_id and image_id: with `gqa-` before them, for numbers are COCO's too.

    Raises DataMissing; DataMalformed with file:line, question id and field for a missing or mistyped field, or an
    imageId that is no file name.
    """
    content = read_json(path)
    if not isinstance(content, dict):
        raise DataMalformed(
            "the file is not an object of question ids", fix="use the files of GQA-OOD", where=f"{path}:1"
        )
    if not content:
        raise no_rows(path)
    rows = []
    for number, record in content.items():
        if not isinstance(record, dict):
            raise _refused(path, number, " is not an object")
        try:
            image, question, answer = (
                field(record, name, str, path, None) for name in ("imageId", "question", "answer")
            )
            name = relative_name(f"{image}.jpg", field_name="imageId")
        except DataMalformed as problem:
            raise _refused(path, number, f": {problem.what}") from None
        if "/" in name or not image:
            raise _refused(path, number, f": field 'imageId' is {image!r}, not the name of a picture")
        rows.append(
            GqaRow(
                example_id=f"gqa-{number}",
                image_id=f"gqa-{image}",
                image_path=None if images is None else images / name,
                region_path=region_path(regions, f"gqa/{name}"),
                question=question,
                answers=(answer,),
                multiple_choice_answer=answer,
            )
        )
    return rows


def _refused(path: Path, number: str, what: str) -> DataMalformed:
    where = f"{path}:{line_of_key(path, number)}"
    return DataMalformed(f"question {number}{what}", fix="restore the record", where=where)


def score_exact(rows: Sequence[GqaRow], answers: Sequence[str]) -> Scores:
    """metrics: `accuracy`. correct: `main`, 0.0 or 1.0 a row. Raises DataMalformed when answers do not fit the rows."""
    if len(rows) != len(answers):
        raise DataMalformed(
            f"{len(answers)} answers for {len(rows)} questions", fix="give exactly one for every question"
        )
    for row, answer in zip(rows, answers, strict=True):
        if not isinstance(answer, str):
            raise DataMalformed(
                f"the answer to question {row.example_id} is {answer!r}, not text", fix="write every answer as a string"
            )
    hits = [normalise(row.answers[0]) == normalise(answer) for row, answer in zip(rows, answers, strict=True)]
    metrics = {"accuracy": sum(hits) / len(hits)} if hits else {}
    return Scores(metrics=metrics, correct={"main": np.array(hits, dtype=np.float64)})


def ceiling(rows: Sequence[GqaRow], labels: Sequence[str]) -> float:
    """`accuracy` of an oracle that must answer with one of the labels."""
    known = {normalise(label) for label in labels}
    return sum(normalise(row.answers[0]) in known for row in rows) / len(rows)
