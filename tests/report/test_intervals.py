import math

import pytest
from scipy import stats

from madbench.report.intervals import SMALLEST_P, combined_quantile, equivalent_degrees, p_value


def test_one_variance_leaves_student_t():
    for parts in ([(0.3, 4)], [(0.3, 4), (0.0, 50)], [(0.0, 2), (0.3, 4)]):
        assert combined_quantile(parts) == pytest.approx(stats.t.ppf(0.975, 4))
        assert equivalent_degrees(parts) == 4
        assert p_value(1.0, parts) == pytest.approx(2 * stats.t.sf(1 / math.sqrt(0.3), 4))


def test_two_variances_weigh_their_quantiles():
    assert combined_quantile([(1.0, 2), (3.0, 100)]) == pytest.approx(
        (stats.t.ppf(0.975, 2) + 3 * stats.t.ppf(0.975, 100)) / 4
    )


@pytest.mark.parametrize("parts", [[(0.3, 1), (0.7, 60)], [(0.01, 2), (2e-6, 40_000)], [(1e-200, 2), (1e-200, 5)]])
def test_the_p_value_is_where_the_interval_ends_at_zero(parts):
    error = math.sqrt(sum(variance for variance, _ in parts))
    for level in (0.5, 0.95, 0.999):
        end = combined_quantile(parts, level) * error
        assert p_value(end, parts) == p_value(-end, parts) == pytest.approx(1 - level)


def test_degrees_lie_between_those_of_the_parts_and_give_the_quantile():
    parts = [(0.5, 2), (0.5, 60)]
    degrees = equivalent_degrees(parts)
    assert 2 < degrees < 60
    assert stats.t.ppf(0.975, degrees) == pytest.approx(combined_quantile(parts))


def test_wider_than_satterthwaite_where_few_draws_carry_the_variance():
    # Satterthwaite: (1 / 2 + 1 / 2)^2 / (1 / 4 / 2 + 1 / 4 / 60) = 7.74 degrees
    assert combined_quantile([(0.5, 2), (0.5, 60)]) > stats.t.ppf(0.975, 7.74)


def test_without_variance_nothing_is_infinite():
    parts = [(0.0, 19), (0.0, 2)]
    assert p_value(0.0, parts) == 1.0
    assert p_value(0.1, parts) == pytest.approx(2.0**-19)
    assert p_value(0.1, [(0.0, 40_000)]) == SMALLEST_P
    assert p_value(1.0, [(1e-9, 2), (1e-300, 40_000)]) > 0
    assert p_value(1e200, [(1e-9, 300), (1e-9, 40_000)]) == SMALLEST_P
