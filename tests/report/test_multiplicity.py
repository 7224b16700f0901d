import numpy as np
import pytest

from madbench.report.multiplicity import holm, ranks


def all_of(labels):
    """Every row judged by every row."""
    return dict.fromkeys(labels, labels)


def test_holm_by_hand():
    # Sorted: .01 * 4, .02 * 3, .03 * 2 (not below .06), .04 * 1 (not below .06)
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([0.03]) == [0.03] and holm([]) == []


def test_holm_rejects_step_by_step_and_stops_at_the_first_that_fails():
    p = [0.001, 0.012, 0.03, 0.04]
    by_steps, going = [], True
    for step, one in enumerate(p):
        going = going and one < 0.05 / (len(p) - step)
        by_steps.append(going)
    assert [one < 0.05 for one in holm(p)] == by_steps == [True, True, False, False]


def test_holm_keeps_false_findings_of_a_family_below_five_percent():
    rng = np.random.default_rng(0)
    wrong = np.mean([min(holm(rng.random(7).tolist())) < 0.05 for _ in range(2000)])
    assert wrong < 0.05 + 3 * 0.005


def test_ties_are_not_transitive():
    # a ties with b, b ties with c, a is better than c.
    tests = {("a", "b"): (0.01, 0.4), ("b", "c"): (0.01, 0.3), ("a", "c"): (0.02, 0.001)}
    assert ranks(all_of("abc"), tests) == {"a": 1, "b": 1, "c": 2}


def test_the_order_of_a_pair_does_not_matter():
    tests = {("c", "a"): (-0.02, 0.001), ("b", "a"): (-0.01, 0.4), ("c", "b"): (-0.01, 0.3)}
    assert ranks(all_of("abc"), tests) == {"a": 1, "b": 1, "c": 2}


def test_two_rows_that_beat_a_third_share_rank_one_and_leave_out_two():
    tests = {("a", "b"): (0.0, 1.0), ("a", "c"): (0.1, 1e-9), ("b", "c"): (0.1, 1e-9)}
    assert ranks(all_of("abc"), tests) == {"a": 1, "b": 1, "c": 3}


def test_ranks_are_corrected_for_the_size_of_the_column():
    alone = {("a", "b"): (0.1, 0.02)}
    assert ranks(all_of("ab"), alone) == {"a": 1, "b": 2}
    crowd = alone | {(other, "b"): (0.1, 0.5) for other in "cd"}
    assert ranks(all_of("abcd"), crowd)["b"] == 1


def test_who_is_no_judge_has_a_rank_but_pushes_nobody_down():
    tests = {("a", "outside"): (-0.5, 1e-9), ("a", "b"): (0.5, 1e-9), ("b", "outside"): (-0.9, 1e-9)}
    assert ranks({label: ["a", "b"] for label in ("a", "b", "outside")}, tests) == {"a": 1, "b": 2, "outside": 1}


def test_who_can_be_compared_with_nobody_has_no_rank():
    assert ranks(all_of("abc"), {("a", "b"): (0.1, 0.9)}) == {"a": 1, "b": 1}
    assert ranks(all_of("a"), {}) == {}


def test_each_row_may_have_judges_of_its_own():
    tests = {("a", "b"): (0.5, 1e-9), ("a", "c"): (0.5, 1e-9)}
    assert ranks({"a": "bc", "b": "ac", "c": ""}, tests) == {"a": 1, "b": 2}
