"""The tag-overlap shortcut: choose the candidate that names the most objects of the query.

On the official val it reaches about 29 % on q2a against 25 % by chance (README of the study by Ye & Kovashka, AAAI
2021), so a much different figure means that a reader misplaces tags.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def overlap_scores(query: Iterable[Iterable[int]], choices: Sequence[Iterable[int]]) -> tuple[int, ...]:
    """Per choice, the number of distinct tags, of any class, that it shares with the query.

    query: the tags of the question (q2a), of the question and of the correct answer (qa2r); negative numbers are no
    tags. An `Example` has both as `tags.parts.values()` and `tags.choices`. The prediction is the first maximum.
    """
    asked = {tag for part in query for tag in part if tag >= 0}
    return tuple(len(asked.intersection(choice)) for choice in choices)
