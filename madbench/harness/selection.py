"""Which evaluation point stands for a run: pure functions over history lines, applied after the training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

LAST = "last"
ID_VAL = "id-val"


def best_on_select(history: Sequence[Mapping[str, Any]], primary: str) -> int | None:
    """The step with the highest primary metric on the select split, the earliest of equals; None without any."""
    scored = [(point["select"][primary], -point["step"]) for point in history if primary in point["select"]]
    return -max(scored)[1] if scored else None


def chosen_steps(history: Sequence[Mapping[str, Any]], primary: str, selection: str) -> dict[str, int]:
    """Rule -> step. A protocol that selects by `last` has no other rule.

    A model that is fitted on the select split too has one point and nothing to choose: it stands under both rules.
    """
    last = max(point["step"] for point in history)
    if selection == LAST:
        return {LAST: last}
    best = best_on_select(history, primary)
    return {LAST: last, ID_VAL: last if best is None else best}


def selection_entries(
    history: Sequence[Mapping[str, Any]], steps: Mapping[str, int], primary: str, id_condition: str | None
) -> list[dict[str, Any]]:
    """The record's `selection`: rule, step, and the primary metric of the id condition there (None if not known)."""
    at = {point["step"]: point["conditions"] for point in history}
    return [
        {"rule": rule, "step": step, "headline": at[step].get(id_condition, {}).get(primary)}
        for rule, step in steps.items()
    ]
