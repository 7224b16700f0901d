"""VQA-VS: VQA v2 dealt out again, with one test set like training and nine that each break a kind of shortcut.

Folders of pairs `<name>-Ques.json` and `<name>-Ans.json`, bare lists of VQA v2 elements. How the folders are spelled is
not certain, so the pairs are looked for, and the split is made of the name: Training -> vs-train, Val -> vs-val,
IID-Test -> vs-iid, any other -> vs-<name>, e.g. `QT+KW` -> vs-qt-kw.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from madbench.errors import DataMalformed
from madbench.tasks.vqa.coco import CocoImages
from madbench.tasks.vqa.element_files import pairs
from madbench.tasks.vqa.elements import ElementFile
from madbench.tasks.vqa.rows import VqaRow

PREFIX = "vs-"
TRAIN, SELECT, IID = "vs-train", "vs-val", "vs-iid"
OUT_OF_DISTRIBUTION = (
    "vs-qt",
    "vs-kw",
    "vs-kwp",
    "vs-qt-kw",
    "vs-ko",
    "vs-kop",
    "vs-qt-ko",
    "vs-kw-ko",
    "vs-qt-kw-ko",
)
DEEPEST = 4  # folders below the root's VQA-VS folder
_QUESTIONS = re.compile(r"(?:^|[-_])ques(?:tions)?\.json$", re.IGNORECASE)
_EMPTY_WORDS = {"", "ood", "test", "vqa", "vs", "set", "dataset"}

CARD = """\
Tests which kind of shortcut a model has learned: between the question and the answer, or between objects and the answer.

Kind: splits of their own (protocol domainshift-vqavs). Source: VQA-VS (Si et al. 2022, "Language Prior Is Not the Only
Shortcut"), VQA v2 train and val dealt out again into Training, Val, IID-Test and nine out-of-distribution tests, all
subsets of IID-Test: question type (qt), key word (kw), key word pair (kwp), key object (ko), key object pair (kop) and
combinations (qt-kw, qt-ko, kw-ko, qt-kw-ko). Some of the names are from memory and unconfirmed; what was found is what
`madbench data register vqa` lists. Scored by the official VQA accuracy; the set's own tool uses min(n / 3, 1), which
stands beside it as vqa_accuracy_simple.

Sizes: Val 32,723 questions, counted; the others are not known here.

Leak: every question is one of VQA v2 train or val. A model tuned on VQA v2, or whose detector or weights were, has seen
the test questions with their answers: training on VQA v2 train and reporting a vs- split is refused because example ids
are shared, and so is a model whose `seen` names VQA v2. Training and test share pictures by construction. There is a
validation split of its own, so nothing selects on a test set.
"""


def locate(root: Path) -> dict[str, tuple[Path, ...]]:
    """split -> (questions, answers) of every pair below a folder called VQA-VS (any spelling): in the root, or the root.

    Raises DataMalformed when two pairs come to the same split.
    """
    found: dict[str, tuple[Path, ...]] = {}
    for base in sorted(_folders(root)):
        for questions in sorted(_question_files(base, DEEPEST)):
            answers = _answers_beside(questions)
            if answers is None:
                continue
            split = split_name(questions.relative_to(base))
            if split in found:
                raise DataMalformed(
                    f"two pairs of VQA-VS files come to the split {split}, the other is {found[split][0]}",
                    fix="keep one of them below the root",
                    where=questions,
                )
            found[split] = (questions, answers)
    return found


def split_name(path: Path) -> str:
    """`Val/Val-Ques.json` -> vs-val. path: of a question file, below the VQA-VS folder.

    The file's own name decides; the folders, from the inside out, where it says nothing ("OOD-Test/QT/Test-Ques.json").
    """
    names = [_QUESTIONS.sub("", path.name), *(folder.name for folder in path.parents)]
    for name in names:
        words = [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word not in _EMPTY_WORDS]
        if not words:
            continue
        if words[0] in ("train", "training"):
            return TRAIN
        if words[0] in ("val", "validation"):
            return SELECT
        return IID if words[0] == "iid" else PREFIX + "-".join(words)
    return PREFIX + "test"


def read(files: tuple[Path, ...], images: CocoImages) -> list[VqaRow]:
    """All questions in the order of the answer file, checked. Raises what `element_files.pairs` raises."""
    return [
        pair.row(str(pair.annotation["question_id"]), images.found(pair.annotation["image_id"]))
        for pair in pairs(ElementFile(files[0], None), ElementFile(files[1], None))
    ]


def _folders(root: Path) -> Iterator[Path]:
    for folder in (root, *root.iterdir()):
        if re.sub(r"[^a-z]", "", folder.name.lower()) == "vqavs" and folder.is_dir():
            yield folder


def _question_files(folder: Path, depth: int) -> Iterator[Path]:
    for path in folder.iterdir():
        # A link may lead anywhere; the data set has none.
        if path.is_symlink():
            continue
        if path.is_dir() and depth > 0:
            yield from _question_files(path, depth - 1)
        elif _QUESTIONS.search(path.name) and path.is_file():
            yield path


def _answers_beside(questions: Path) -> Path | None:
    start = _QUESTIONS.search(questions.name).start()
    stem = questions.name[:start].lower()
    for path in sorted(questions.parent.iterdir()):
        if re.fullmatch(re.escape(stem) + r"[-_]?(ans|answers|annotations)\.json", path.name.lower()):
            return path
    return None
