"""AdvTop-1 and KeepTop-k: hide the words that a given model leans on most, or all the others.

Needs a loss for every flattened position of every choice (a tag group of k tags has k positions): the loss of that
choice with the position masked. Whose losses they are is the caller's to say: only with the losses published by
Ye & Kovashka (AAAI 2021) are the results the official sets.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from madbench.errors import DataMalformed, UsageError, did_you_mean
from madbench.tasks.vcr.tokens import MASK_WORD, MASKED, Tokens, freeze, thaw

# name -> how many of the largest losses are kept; None: the largest is hidden instead.
MODES: Mapping[str, int | None] = {"adv-top1": None, "keep-top1": 1, "keep-top3": 3, "keep-top5": 5}


def hidden_positions(losses: Sequence[float], mode: str) -> frozenset[int]:
    """The positions a mode hides. adv-top1: the first maximum; keep-topK: all but the K largest, ties to the later.

    Ties: ascending by (loss, position). The original's sort is unstable; up to 16 positions it agrees.
    """
    if mode not in MODES:
        hint = did_you_mean(mode, MODES)
        raise UsageError(f"no adversarial mode named '{mode}'; {hint}", fix=f"use one of {', '.join(MODES)}")
    kept = MODES[mode]
    if not losses:
        return frozenset()
    if kept is None:
        return frozenset({max(range(len(losses)), key=losses.__getitem__)})
    ascending = sorted(range(len(losses)), key=lambda position: (losses[position], position))
    return frozenset(ascending[: max(0, len(losses) - kept)])


def hide(choice: Tokens, positions: Collection[int]) -> Tokens:
    """A word becomes `[MASK]`, a tag t becomes MASKED + t inside its group, which keeps its length."""
    hidden, position = [], 0
    for token in choice:
        if isinstance(token, str):
            hidden.append(MASK_WORD if position in positions else token)
            position += 1
        else:
            hidden.append(tuple(tag + MASKED * (position + place in positions) for place, tag in enumerate(token)))
            position += len(token)
    return tuple(hidden)


def n_positions(choice: Tokens) -> int:
    return sum(1 if isinstance(token, str) else len(token) for token in choice)


def hide_in_record(
    record: Mapping[str, Any],
    losses: Mapping[str, Sequence[Sequence[float]]],
    mode: str,
    only_distractors: bool = False,
) -> dict[str, Any]:
    """One raw annotation row with both choice lists changed; all other fields are kept.

    losses: `answer` and `rationale`, each [choices][positions]. only_distractors leaves the correct choices alone.
    Raises DataMalformed when the losses do not fit the choices.
    """
    changed = dict(record)
    for part in ("answer", "rationale"):
        choices = [freeze(choice) for choice in record[f"{part}_choices"]]
        if [n_positions(choice) for choice in choices] != [len(one) for one in losses[part]]:
            raise DataMalformed(
                f"the losses of '{record.get('annot_id')}' do not fit its {part} choices, position by position",
                fix="score the same annotation file that is changed",
            )
        correct = record[f"{part}_label"] if only_distractors else None
        changed[f"{part}_choices"] = [
            thaw(choice if place == correct else hide(choice, hidden_positions(losses[part][place], mode)))
            for place, choice in enumerate(choices)
        ]
    return changed
