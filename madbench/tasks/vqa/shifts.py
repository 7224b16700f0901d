"""The shifts of VQA v2; here `changed-prior`: the same questions, another answer prior for each question type."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from madbench.errors import DataMalformed
from madbench.tasks.contract import Shift, ShiftInputs
from madbench.tasks.corruptions import corruption_shifts
from madbench.tasks.vqa import counterexamples
from madbench.tasks.vqa.rows import VqaRow

SALT = "madbench-changed-prior-v1"

CARD = """\
Tests whether a model leans on how often an answer goes with a question type.

Kind: rows. Ours, after the idea of VQA-CP (Agrawal et al. 2018); no published set. Unlike VQA-CP the training split is
untouched: the same training, another prior at evaluation.

For each question_type, over the full official train split, answers (multiple_choice_answer, as written) are ordered by
count, descending, then by the answer. The head is the shortest run of them from the top that covers at least half of
the type's training questions; every other answer, seen or not, is the tail. With H and T training questions in head and
tail, and h and t evaluation questions: all t are kept, and min(h, floor(t * T / H)) of the h, those with the smallest
sha256("madbench-changed-prior-v1|" + question_id). The head's share thus becomes the tail's share in training. Types
without head or without tail questions in the evaluation split, or unseen in training, are left out.
"""


def heads(train: Sequence[VqaRow]) -> Mapping[str, tuple[frozenset[str], int, int]]:
    """question_type -> (head answers, training questions in the head, in the tail)."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in train:
        counts[_annotated(row).question_type][row.multiple_choice_answer] += 1
    result = {}
    for kind, answers in counts.items():
        total, covered, head = answers.total(), 0, set()
        for answer, count in sorted(answers.items(), key=lambda item: (-item[1], item[0])):
            if 2 * covered >= total:
                break
            head.add(answer)
            covered += count
        result[kind] = (frozenset(head), covered, total - covered)
    return result


def changed_prior(rows: Sequence[VqaRow], inputs: ShiftInputs) -> list[str]:
    """Question ids of the evaluation questions to keep, in the order of `rows`.

    Raises DataMalformed for rows without annotations.
    """
    head_of = heads(inputs.train_rows())
    in_head: dict[str, list[str]] = defaultdict(list)
    in_tail: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if _annotated(row).question_type in head_of:
            side = in_head if row.multiple_choice_answer in head_of[row.question_type][0] else in_tail
            side[row.question_type].append(row.example_id)
    kept: set[str] = set()
    for kind in in_head.keys() & in_tail.keys():
        _, head, tail = head_of[kind]
        share = len(in_tail[kind]) * tail // head
        kept.update(in_tail[kind])
        kept.update(sorted(in_head[kind], key=lambda number: (_key(number), number))[:share])
    return [row.example_id for row in rows if row.example_id in kept]


def _key(number: str) -> str:
    return hashlib.sha256(f"{SALT}|{number}".encode()).hexdigest()


def _annotated(row: VqaRow) -> VqaRow:
    if row.question_type is None or row.multiple_choice_answer is None:
        raise DataMalformed(
            f"question {row.example_id} has no annotation", fix="apply changed-prior to a split that has annotations"
        )
    return row


SHIFTS = {
    "changed-prior": Shift(name="changed-prior", task="vqa", kind="rows", version=1, card=CARD, apply=changed_prior),
    **counterexamples.SHIFTS,
    **corruption_shifts("vqa"),
}
