import math

import numpy as np
import pytest

from madbench.report.curve_numbers import combined, crossing, trapezoid
from madbench.report.statistics import Term, Totals, contrast, totals

RUNS = ((0, 0),)


def difference(value: float, spread: float, images: int = 400) -> tuple:
    """A difference of one run: its mean, and residuals per image that give a standard error of `spread`."""
    signs = np.where(np.arange(images) % 2, 1.0, -1.0)
    return RUNS, Totals(np.array([value]), signs * spread / math.sqrt(images), images)


def test_weights_are_those_of_the_trapezoid_rule_on_the_logarithm():
    # 1, 10, 100 %: two equal steps, so the middle counts twice as much as each end.
    assert trapezoid([0.01, 0.1, 1.0]) == pytest.approx([0.25, 0.5, 0.25])
    assert trapezoid([0.01, 0.1]) == pytest.approx([0.5, 0.5])
    # log 5 and log 20 of log 100 in all.
    first, last = math.log(5) / math.log(100) / 2, math.log(20) / math.log(100) / 2
    assert trapezoid([0.01, 0.05, 1.0]) == pytest.approx([first, first + last, last])


def test_the_area_has_the_interval_of_the_weighted_sum_of_item_scores():
    rng = np.random.default_rng(0)
    low, high = rng.random((3, 60)), rng.random((3, 60))
    units = np.arange(60) % 20
    rested = tuple(((draw, 0),) for draw in range(3))
    terms = [(0.5, (rested, totals([Term(1.0, scores, units)]))) for scores in (low, high)]
    same = contrast([Term(0.5, low, units), Term(0.5, high, units)])
    found = combined(terms)
    assert (found.value, found.half_width) == pytest.approx((same.value, same.half_width))


def test_spreads_of_different_draws_count_as_independent():
    flat = np.zeros(10)
    several = (tuple(((draw, 0),) for draw in range(2)), Totals(np.array([0.4, 0.6]), flat, 10))
    single = (RUNS, Totals(np.array([0.7]), flat, 10))
    found = combined([(0.5, several), (0.5, single)])
    # Half of draws 0.4 and 0.6: a variance of 0.02 / 4 / 2, one degree of freedom; the single run has no spread.
    assert found.value == pytest.approx(0.6)
    assert found.half_width == pytest.approx(12.7062 * math.sqrt(0.02 / 8), rel=1e-4)


def test_a_crossing_lies_where_the_straight_line_on_the_logarithm_meets_zero():
    found = crossing({0.01: difference(0.1, 1e-4), 1.0: difference(-0.1, 1e-4)})
    assert found.at == pytest.approx(0.1, rel=1e-3)
    assert found.low < found.at < found.high and found.words.startswith("10 % (")
    open_ended = crossing({0.01: difference(0.1, 0.2), 1.0: difference(-0.1, 0.2)})
    assert (open_ended.low, open_ended.high) == (None, None)
    assert open_ended.words == "10 % (below 1 % to beyond 100 %)"


@pytest.mark.parametrize(
    "first, last, spread, words",
    [
        (0.1, 0.2, 1e-4, "helps throughout"),
        (0.0, 0.2, 1e-4, "helps to 100 %, 0 excluded above 1 %"),
        (0.01, 0.02, 0.5, "above the baseline at 100 %, 0 not excluded"),
        (-0.1, -0.2, 1e-4, "never above the baseline"),
        (0.0, 0.0, 0.0, "never above the baseline"),
    ],
)
def test_without_a_crossing_it_is_said_what_there_is(first, last, spread, words):
    found = crossing({0.01: difference(first, spread), 1.0: difference(last, spread)})
    assert found.words == words and found.at is None
