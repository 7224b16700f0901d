"""AdvTop-1 and KeepTop-k: hide the words that a given model leans on most, or all the others.

Needs a loss for every flattened position of every choice (a tag group of k tags has k positions): the loss of that
choice with the position masked (`attack_scores`). Only with the losses published by Ye & Kovashka (AAAI 2021) are the
results the published sets; with those of another model they are that model's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from madbench.errors import DataMalformed, DataMissing, UsageError, did_you_mean
from madbench.tasks.contract import Shift, ShiftInputs
from madbench.tasks.vcr.attack_scores import PARTS, ScoreFile, positions, read_scores
from madbench.tasks.vcr.reader import VcrRow
from madbench.tasks.vcr.tokens import MASK_WORD, MASKED, Tokens, freeze, thaw

SCORES = "shortcut-scores"

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
            hidden.append(tuple(_hidden(tag, position + place in positions) for place, tag in enumerate(token)))
            position += len(token)
    return tuple(hidden)


def masked_variants(row: VcrRow, part: str) -> Iterator[tuple[int, VcrRow]]:
    """(choice, the row with one position of that choice hidden) for each of them, in order; the other choices stay.

    part: `answer` or `rationale`. Every variant has an id of its own.
    """
    choices = row.answer_choices if part == "answer" else row.rationale_choices
    for place, choice in enumerate(choices):
        for position in range(len(positions(choice))):
            changed = (*choices[:place], hide(choice, {position}), *choices[place + 1 :])
            name = f"{row.example_id}|{part}|{place}|{position}"
            if part == "answer":
                yield place, replace(row, example_id=name, answer_choices=changed)
            else:
                yield place, replace(row, example_id=name, rationale_choices=changed)


def n_variants(row: VcrRow) -> int:
    """How many variants a row has, both parts together."""
    return sum(len(positions(choice)) for choice in (*row.answer_choices, *row.rationale_choices))


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
    for part in PARTS:
        choices = [freeze(choice) for choice in record[f"{part}_choices"]]
        if [len(positions(choice)) for choice in choices] != [len(one) for one in losses[part]]:
            raise DataMalformed(
                f"the losses of '{record.get('annot_id')}' do not fit its {part} choices, position by position",
                fix="score the same annotation file that is changed",
            )
        correct = record[f"{part}_label"] if only_distractors else None
        changed[f"{part}_choices"] = [thaw(choice) for choice in _hidden_choices(choices, losses[part], mode, correct)]
    return changed


def hide_in_rows(mode: str, rows: Sequence[VcrRow], scores: ScoreFile) -> list[VcrRow]:
    """Every row, in order; those without losses unchanged.

    Raises DataMalformed when losses are of other rows, or when not one row has losses.
    """
    scores.check_covers(rows)
    changed = []
    for row in rows:
        found = scores.of(row)
        if found is not None:
            answers = _hidden_choices(row.answer_choices, found.losses["answer"], mode)
            rationales = _hidden_choices(row.rationale_choices, found.losses["rationale"], mode)
            row = replace(row, answer_choices=answers, rationale_choices=rationales)
        changed.append(row)
    return changed


def _hidden(tag: int, hidden: bool) -> int:
    return tag + MASKED if hidden and tag < MASKED else tag


def _hidden_choices(
    choices: Sequence[Tokens], losses: Sequence[Sequence[float]], mode: str, correct: int | None = None
) -> tuple[Tokens, ...]:
    """correct: the choice to leave as it is, or None."""
    return tuple(
        choice if place == correct else hide(choice, hidden_positions(losses[place], mode))
        for place, choice in enumerate(choices)
    )


# --------------------------------------------------------------------------- conditions


def _apply(mode: str, rows: Sequence[VcrRow], inputs: ShiftInputs) -> list[VcrRow]:
    for row in rows:
        if row.labels is None:
            raise DataMissing(
                f"{mode} hides by the loss of the correct choice, and row '{row.example_id}' has no labels",
                fix="shift a split with labels (val)",
            )
    return hide_in_rows(mode, rows, read_scores(inputs.files[SCORES]))


def _about(rows: Sequence[VcrRow], inputs: ShiftInputs) -> Mapping[str, Any]:
    return read_scores(inputs.files[SCORES]).about(rows)


_CARD = (
    "{what} All rows are kept (26,534 of the official val); those without losses stay as they are and are counted. "
    "Formula: the loss of a position is the sigmoid cross-entropy of its choice (target 1 if correct, else 0) with that "
    "position masked; {formula}; ties by position. A hidden word reads [MASK], a hidden tag loses its region too; "
    "the question is unchanged, and qa2r is conditioned on the correct answer with its hidden words. "
    "Tests: {tests} "
    "Leak: what is hidden depends on the labels, through the losses; and a model that is tested on its own losses is "
    "attacked white-box, which is another test than the losses of another model. "
    "The published sets come about only with the losses published by the authors: Ye & Kovashka, AAAI 2021, "
    "shortcut_scores.jsonl of yekeren/VCR-shortcut-effects-study. Losses of any model: `madbench data attack`."
)


def _keep_card(kept: int) -> str:
    words = "the position" if kept == 1 else f"the {kept} positions"
    return _CARD.format(
        what=f"Of every choice only {words} that an attack model leans on most can be read, the others are hidden.",
        formula=f"hidden are all positions but {words} of the largest loss (none, when there are no more)",
        tests="how far the words that speak most for the right decision carry alone; they are chosen knowing the label, "
        "so a score above that on the unshifted rows is to be expected.",
    )


def _shift(mode: str, card: str) -> Shift:
    return Shift(
        name=mode,
        task="vcr",
        kind="transform",
        version=1,
        card=card,
        apply=partial(_apply, mode),
        files=(SCORES,),
        about=_about,
    )


ADVERSARIAL_SHIFTS: Mapping[str, Shift] = {
    "adv-top1": _shift(
        "adv-top1",
        _CARD.format(
            what="In every choice the one position that an attack model leans on most is hidden.",
            formula="hidden is the position of the largest loss, the first of equals",
            tests="whether a model still decides when the strongest single cue is gone.",
        ),
    ),
    **{f"keep-top{kept}": _shift(f"keep-top{kept}", _keep_card(kept)) for kept in (1, 3, 5)},
}
