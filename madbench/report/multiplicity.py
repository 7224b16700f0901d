"""Many comparisons in one column: Holm's correction, and ranks that respect ties.

A family is one column against one row: every other row's difference to it. For the baseline these are the differences
that tables show. A rank applies the same rule with each row in turn as the one compared with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

SIGNIFICANT = 0.05


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values, in the order given. An adjusted one below 0.05 is significant at 5 % for the whole family.

    The i-th smallest of m is multiplied by m - i + 1, never falls below the one before it and never exceeds 1.
    Source: Holm, Scandinavian Journal of Statistics 6 (1979).
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted = [1.0] * len(p_values)
    before = 0.0
    for step, place in enumerate(order):
        before = max(before, min(1.0, (len(p_values) - step) * p_values[place]))
        adjusted[place] = before
    return adjusted


def ranks(judges: Mapping[str, Sequence[str]], tests: Mapping[tuple[str, str], tuple[float, float]]) -> dict[str, int]:
    """Row -> 1 + the number of judges that are significantly better than it, Holm over the row's own family.

    judges: row -> the rows that may push it down. tests: (a, b) -> (a minus b, p-value), either order of a pair; a pair
    that is absent could not be compared and counts for nothing. A row with no test at all has no rank.
    Ties are not transitive: A may tie with B and B with C while A is better than C, so ranks may skip and repeat.
    """
    found = {}
    for label, above in judges.items():
        others = [other for other in above if other != label]
        against = [(other, test) for other in others if (test := _test(tests, other, label)) is not None]
        if not against:
            continue
        adjusted = holm([p for _, (_, p) in against])
        better = sum(
            p < SIGNIFICANT and difference > 0 for p, (_, (difference, _)) in zip(adjusted, against, strict=True)
        )
        found[label] = 1 + better
    return found


def _test(tests: Mapping[tuple[str, str], tuple[float, float]], mine: str, theirs: str) -> tuple[float, float] | None:
    if (mine, theirs) in tests:
        return tests[mine, theirs]
    if (theirs, mine) in tests:
        difference, p = tests[theirs, mine]
        return -difference, p
    return None
