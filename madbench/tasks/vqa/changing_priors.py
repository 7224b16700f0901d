"""VQA-CP v2: VQA v2 dealt out again, so that the answers of a question type have another prior in test.

    vqacp_v2_{train,test}_{questions,annotations}.json      bare lists; every element also has `coco_split`

Both splits mix the pictures of COCO train2014 and val2014. There is no official validation set: a protocol carves its
select rows and its unshifted rows out of train.
"""

from __future__ import annotations

from pathlib import Path

from madbench.tasks.vqa.coco import FOLDERS, CocoImages
from madbench.tasks.vqa.element_files import pairs
from madbench.tasks.vqa.elements import ElementFile
from madbench.tasks.vqa.rows import VqaRow

SPLITS = ("cp-train", "cp-test")
PLACES = ("", "vqacp", "vqacp_v2", "vqa-cp", "VQA-CP", "VQA-CP_v2")
ROWS_TOGETHER = 658_111  # 443,757 + 214,354: all of VQA v2 train and val

CARD = """\
Tests whether a model has learned which answer usually goes with a question type: in cp-test that prior is another one.

Kind: splits of their own, cp-train and cp-test (protocol domainshift-vqacp trains on the first). Source: VQA-CP v2
(Agrawal et al. 2018, "Don't Just Assume; Look and Answer"), VQA v2 train and val dealt out again by question type and
answer. Scored by the official VQA accuracy.

Sizes: together 658,111 questions, as many as VQA v2 train and val; 438,183 in train and 219,928 in test are from memory
and unconfirmed, though they add up.

Leak: there is no official validation set, and choosing a checkpoint on cp-test is a known malpractice (Teney et al.
2020): here both the select rows and the unshifted `id` rows are carved out of cp-train by image. Train and test share
pictures by construction. A model or a detector tuned on VQA v2 train or val has seen cp-test questions with their
answers. How the prior was changed is public, and a method may exploit just that.
"""


def locate(root: Path) -> dict[str, tuple[Path, ...]]:
    """split -> (questions, annotations), where both are there."""
    files = {}
    for split in SPLITS:
        part = split.removeprefix("cp-")
        names = [f"vqacp_v2_{part}_{kind}.json" for kind in ("questions", "annotations")]
        folder = next(
            (root / place for place in PLACES if all((root / place / name).is_file() for name in names)), None
        )
        if folder is not None:
            files[split] = tuple(folder / name for name in names)
    return files


def read(files: tuple[Path, ...], images: CocoImages) -> list[VqaRow]:
    """All questions in the order of the annotation file, checked. Raises what `element_files.pairs` raises."""
    rows = []
    for pair in pairs(ElementFile(files[0], None), ElementFile(files[1], None), shared={"coco_split": str}):
        folder = pair.annotation["coco_split"]
        if folder not in FOLDERS:
            what = f"field 'coco_split' is {folder!r}, not {' or '.join(FOLDERS)}"
            pair.file.refuse(pair.index, what, "restore the file")
        number = str(pair.annotation["question_id"])
        rows.append(pair.row(number, images.at(folder, pair.annotation["image_id"])))
    return rows
