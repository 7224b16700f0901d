"""The consensus score of VQA-Rephrasings: does a model answer all ways of asking one question?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import comb

import numpy as np

from madbench.tasks.vqa.rows import VqaRow

LARGEST = 4  # an original and its three rephrasings


def consensus(rows: Sequence[VqaRow], accuracies: np.ndarray) -> dict[str, float]:
    """`consensus:k=1` to `consensus:k=4`, fractions; {} for rows without groups. A k larger than every group is absent.

    accuracies: `[rows]`, the official accuracy of each row; a question counts as answered when it is above 0. For a group
    of n questions, c of them answered: C(c, k) / C(n, k), the share of its subsets of k that are answered altogether;
    then the mean over groups of at least k. Source: Shah et al. 2019, from memory.
    """
    groups: dict[str, list[bool]] = defaultdict(list)
    for row, accuracy in zip(rows, accuracies, strict=True):
        if row.group is not None:
            groups[row.group].append(bool(accuracy > 0))
    found = {}
    for size in range(1, LARGEST + 1):
        shares = [comb(sum(one), size) / comb(len(one), size) for one in groups.values() if len(one) >= size]
        if shares:
            found[f"consensus:k={size}"] = sum(shares) / len(shares)
    return found


def by_origin(rows: Sequence[VqaRow], accuracies: np.ndarray) -> dict[str, float]:
    """`vqa_accuracy:origin=original` and `=rephrased`: the mean accuracy of each; {} for rows without groups."""
    sums: dict[str, list[float]] = {}
    for row, accuracy in zip(rows, accuracies, strict=True):
        if row.group is not None:
            place = sums.setdefault("original" if row.example_id == row.group else "rephrased", [0.0, 0])
            place[0] += float(accuracy)
            place[1] += 1
    return {f"vqa_accuracy:origin={name}": total / count for name, (total, count) in sorted(sums.items())}
