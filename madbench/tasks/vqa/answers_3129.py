"""`vocabulary: closed-3129`: the literature's answer list, from its file or built from all annotations.

The list has 3,129 answers over the full train and val annotations of VQA v2. UNITER and LXMERT ship the same strings in
different orders, so it is known by a fingerprint that does not depend on the order. It is a closed vocabulary: it tells
a 1 % run which answers are common in the other 99 %, and in the reported split. Protocols that use it are protocols of
their own, and the rows behind it are booked in the label ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from madbench.errors import DataMalformed
from madbench.tasks.contract import ClosedVocabulary, Layout
from madbench.tasks.reading import read_json
from madbench.tasks.vqa.rows import VqaRow
from madbench.tasks.vqa.vocabulary import fingerprint, vocabulary

FILE = "answers-3129"
# Where the file may lie below the root: the list of LXMERT, its inverse as LXMERT and UNITER ship it, or our name.
PLACES = ("trainval_label2ans.json", "trainval_ans2label.json", "ans2label.json", "answers-3129.json")
SPLITS = ("train", "val")
# SHA-256 of the strings sorted by code point and joined by "\n" (the file of LXMERT and that of UNITER have it).
LITERATURE = "1f90989493f83a0ae7be39aefb97d9aec8b9127806506c7ca5585a85e7933c35"


def closed_vocabulary(
    layout: Layout, read: Callable[[str], Sequence[VqaRow]], official_rows: Mapping[str, int]
) -> ClosedVocabulary:
    """The list of the source's file, in the file's order; else built from its train and val rows.

    official_rows: split -> rows, what the file of the literature was built from. The note says so when the list is not
    the literature's. Raises DataMissing or DataMalformed.
    """
    file = layout.extras.get(FILE)
    if file is not None:
        labels, origin = read_labels(file), "file"
        rows = {split: official_rows[split] for split in SPLITS}
    else:
        annotated = {split: read(split) for split in SPLITS}
        labels, origin = build(annotated.values()), "annotations"
        rows = {split: len(found) for split, found in annotated.items()}
    note = None
    if fingerprint(labels) != LITERATURE:
        note = f"not the literature's 3,129 answers: {len(labels):,} answers, fingerprint {fingerprint(labels)[:12]}"
    return ClosedVocabulary(labels, rows, origin, note)


def build(splits) -> tuple[str, ...]:
    """Labels in code point order: answers of at least nine questions over all rows of the splits.

    Questions are counted by id: a row that two splits hold counts once.
    """
    rows = {row.example_id: row for split in splits for row in split}
    return vocabulary(tuple(rows.values()), 1.0)


def read_labels(path: Path) -> tuple[str, ...]:
    """A JSON list of answers, or an object answer -> index. Raises DataMalformed naming the file."""
    content = read_json(path)
    if isinstance(content, dict):
        if any(type(place) is not int for place in content.values()) or set(content.values()) != set(
            range(len(content))
        ):
            raise DataMalformed(
                f"the indices of {len(content):,} answers are not 0 to {len(content) - 1:,}, each once",
                fix="give the file as its authors published it",
                where=path,
            )
        content = sorted(content, key=content.__getitem__)
    if not isinstance(content, list) or any(type(label) is not str for label in content):
        raise DataMalformed(
            "expected a JSON list of answers, or an object answer -> index",
            fix="give trainval_label2ans.json or trainval_ans2label.json; a pickle is never read",
            where=path,
        )
    if not content or len(set(content)) != len(content):
        raise DataMalformed("the answer list is empty or repeats an answer", fix="restore the file", where=path)
    return tuple(content)
