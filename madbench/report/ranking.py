"""A column judged: corrected differences to the baseline, and ranks among the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from madbench.report.multiplicity import holm, ranks
from madbench.report.numbers import Standing
from madbench.report.statistics import Estimate


def corrected(differences: Mapping[str, Estimate | None], outside: Sequence[str] = ()) -> dict[str, Estimate | None]:
    """Row -> its difference to the baseline with Holm's p over the family, the tested rows of one column.

    outside: rows that must not change the verdict of others (limited runs, other divisions, those that share a single run
    with the baseline): each is corrected as if it alone had been added to the family.
    """
    family = {label: found.p for label, found in differences.items() if found and found.p is not None}
    inside = {label: p for label, p in family.items() if label not in outside}
    adjusted = dict(zip(inside, holm(list(inside.values())), strict=True))
    for label in family.keys() - inside.keys():
        adjusted[label] = holm([*inside.values(), family[label]])[-1]
    return {
        label: replace(found, p_holm=adjusted[label]) if label in adjusted else found
        for label, found in differences.items()
    }


def ranks_of(standings: Mapping[str, Standing], judges: Sequence[str], condition: str, metric: str) -> dict[str, int]:
    """Row -> rank in one column; every pair that decides one is tested on shared draws and items.

    judges: the rows that may push others down; one that shares a single run with a row of several does not push that one.
    """
    tests = {
        (mine, theirs): found
        for mine, theirs in combinations(standings, 2)
        if (mine in judges or theirs in judges)
        and (found := standings[mine].test(standings[theirs], condition, metric)) is not None
    }
    judged_by = {
        label: [judge for judge in judges if judge in standings and standings[judge].may_judge(mine)]
        for label, mine in standings.items()
    }
    return ranks(judged_by, tests)
