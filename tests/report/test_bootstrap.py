import numpy as np
import pytest
from scipy import stats

from madbench.report.bootstrap import _picked, distinct_pairs, resampled, with_bootstrap
from madbench.report.statistics import Term, clustered_variance, contrast, estimate


def answers(items: int, images: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.choice([0.0, 0.3, 0.6, 0.9, 1.0], items)[None], rng.integers(images, size=items)


def test_the_spread_of_resamples_is_the_clustered_standard_error():
    scores, units = answers(3000, 900)
    spread = resampled([Term(1.0, scores, units)], np.random.default_rng(0)).std(ddof=1)
    assert spread == pytest.approx(np.sqrt(clustered_variance(scores, units)), rel=0.03)


def test_one_item_an_image_is_the_bootstrap_of_scipy():
    scores = np.random.default_rng(1).random(80)
    found = with_bootstrap(estimate(scores, np.arange(80)), [Term(1.0, scores[None], np.arange(80))])
    theirs = stats.bootstrap((scores,), np.mean, n_resamples=10_000, method="percentile", rng=np.random.default_rng(2))
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval), abs=0.004)


def test_pairs_of_sum_and_count_are_counted_by_hand():
    # images: a (0.3 + 0.6, 2 items), b (0.9, 1), c (0.9, 2), d (0.9, 1): a and c are the same to a mean.
    scores = np.array([[0.3, 0.6, 0.9, 0.9, 0.0, 0.9]])
    pairs, times = distinct_pairs([Term(1.0, scores, np.array(list("aabccd")))])
    assert sorted(zip(pairs.tolist(), times.tolist(), strict=True)) == [([0.9, 1.0], 2), ([0.9, 2.0], 2)]


def test_pairs_and_single_images_give_the_same_distribution():
    scores, units = answers(2000, 500)
    term = Term(1.0, scores, units)
    pairs, times = distinct_pairs([term])
    assert len(pairs) < 250 and times.sum() == len(np.unique(units))
    plain = _picked(np.repeat(pairs, times, axis=0), np.random.default_rng(0), 4000)
    multinomial = np.random.default_rng(1).multinomial(times.sum(), times / times.sum(), size=4000) @ pairs
    first, second = (sums[:, 0] / sums[:, 1] for sums in (plain, multinomial))
    assert stats.ks_2samp(first, second).pvalue > 0.001


def test_a_gap_resamples_both_sides_by_the_same_images():
    scores, units = answers(600, 150)
    same = [Term(1.0, scores, units), Term(-1.0, scores - 0.1, units)]
    assert np.allclose(resampled(same, np.random.default_rng(0), 50), 0.1)
    part = [Term(1.0, scores, units), Term(-1.0, scores[:, :200], units[:200])]
    found = with_bootstrap(contrast(part), part)
    assert found.half_width == pytest.approx(contrast(part).half_width, rel=0.1)


def test_the_same_seed_gives_the_same_interval_and_zero_is_a_seed():
    scores, units = answers(300, 80)
    found = estimate(scores, units)
    terms = [Term(1.0, scores, units)]
    assert with_bootstrap(found, terms, seed=0) == with_bootstrap(found, terms, seed=0)
    assert with_bootstrap(found, terms) == with_bootstrap(found, terms, seed=0)
    assert with_bootstrap(found, terms, seed=0) != with_bootstrap(found, terms, seed=1)


def test_draws_are_never_resampled():
    scores, units = answers(300, 80)
    several = np.concatenate([scores, scores[:, ::-1]])
    found = estimate(several, units)
    assert with_bootstrap(found, [Term(1.0, several, units)]) is found
    with pytest.raises(ValueError, match="one run"):
        resampled([Term(1.0, several, units)], np.random.default_rng(0))


@pytest.mark.parametrize("n", [2, 3])
def test_a_few_images_and_equal_scores(n):
    equal = np.full((1, n), 0.3)
    found = with_bootstrap(estimate(equal, np.arange(n)), [Term(1.0, equal, np.arange(n))])
    assert (found.low, found.high) == (pytest.approx(0.3), pytest.approx(0.3))
    one = estimate(equal, np.zeros(n))
    assert with_bootstrap(one, [Term(1.0, equal, np.zeros(n))]) is one


def test_a_resample_of_twenty_thousand_items_is_a_few_hundred_numbers():
    # benchmarks/report.py has the seconds; this is why they are few.
    scores, units = answers(20_000, 8_000)
    pairs, times = distinct_pairs([Term(1.0, scores, units)])
    assert len(pairs) * 16 < times.sum() == len(np.unique(units))
