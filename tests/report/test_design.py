import math

import numpy as np
import pytest
from scipy import stats

from madbench.report.design import ASSUMED, Spread, expected_parts, minimum_detectable, observed_parts
from madbench.report.statistics import Estimate, Term, paired_difference, totals


def test_a_large_single_draw_is_the_textbook_formula():
    # 2.80 standard errors: 1.96 for the test, 0.84 for 80 % power.
    assert minimum_detectable([(1e-4, 10**6)]) == pytest.approx((1.95996 + 0.84162) * 0.01, rel=1e-4)


def test_few_draws_take_the_quantiles_of_their_degrees():
    expected = (stats.t.ppf(0.975, 4) + stats.t.ppf(0.8, 4)) * math.sqrt(0.01**2 / 5)
    assert minimum_detectable([(0.0, 500), (0.01**2 / 5, 4)]) == pytest.approx(expected)


def test_what_a_design_leads_one_to_expect():
    parts = expected_parts(5, 100, 300, Spread(draw_sd=0.02, item_variance=0.3, within_image=0.1))
    assert parts == [(pytest.approx(0.3 * 1.2 / 300), 99), (pytest.approx(0.02**2 / 5), 4)]
    assert len(expected_parts(1, 100, 300)) == 1
    assert expected_parts(5, 1, 3) is None


def test_more_draws_and_more_images_find_smaller_differences():
    def found(draws, images):
        return minimum_detectable(expected_parts(draws, images, 4 * images, ASSUMED))

    assert found(5, 500) < found(3, 500) < found(2, 500)
    assert found(5, 5000) < found(5, 500) < found(5, 50)


def test_nothing_varies_nothing_to_find():
    assert minimum_detectable([(0.0, 9)]) == 0.0


def test_after_the_runs_the_rows_with_most_draws_speak():
    rng = np.random.default_rng(0)
    several = [paired_difference(rng.random((3, 40)), rng.random((3, 40)), np.arange(40)) for _ in range(3)]
    several = [one.over(draws=3, seeds=1, runs=3) for one in several]
    single = paired_difference(rng.random(40), rng.random(40), np.arange(40))
    middle = sorted(one.item_variance for one in several)[1]
    assert observed_parts([*several, single])[0] == (middle, 39)
    assert observed_parts([*several, single])[1][1] == 2
    assert len(observed_parts([single])) == 1
    assert observed_parts([Estimate(0.1)]) is None


def test_the_power_is_what_is_said():
    """1,000 studies with a true difference of just that size: about 80 % find it, here with one draw."""
    rng = np.random.default_rng(0)
    units = np.repeat(np.arange(50), 4)
    shift = minimum_detectable([((4 * 0.3**2 + 0.8**2) / 200, 49)])
    found = 0
    for _ in range(1000):
        scores = shift + 0.3 * rng.normal(size=50)[units] + 0.8 * rng.normal(size=200)
        value, p = totals([Term(1.0, scores, units)]).test()
        found += p < 0.05 and value > 0
    assert 0.8 - 0.05 < found / 1000 < 0.8 + 0.05
