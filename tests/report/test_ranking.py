import numpy as np
import pytest

import madbench
from madbench.errors import UsageError
from madbench.report.board import build_board
from madbench.report.multiplicity import holm
from madbench.report.numbers import Group
from madbench.report.predictions import Predictions
from madbench.report.records import load_runs


def found(cells, condition="test", metric="accuracy", **options):
    """model -> its cell of one column."""
    table = build_board(load_runs([cells.root]), **options).tables[0]
    return {
        row.label: cell
        for row in table.rows
        for column, cell in row.cells.items()
        if (column.condition, column.metric) == (condition, metric) and column.role in ("id", "shifted")
    }


def right(share: float) -> np.ndarray:
    """60 items on 20 images, about that share of every image right."""
    return ((np.arange(60) * 7 % 10) < 10 * share).astype(float)


def test_ranks_follow_what_is_significant_and_equal_rows_share_one(cells):
    for model, share in (("student", 0.2), ("mad", 0.9), ("clip-td", 0.9), ("majority", 0.2)):
        cells.write(model, scores=right(share))
    assert {label: cell.rank for label, cell in found(cells).items()} == {
        "student": 3, "majority": 3, "clip-td": 1, "mad": 1,
    }  # fmt: skip


def test_the_rank_of_the_baseline_counts_the_rows_called_better(study):
    for condition, metric in (
        ("val", "q2ar"),
        ("val", "vqa_accuracy"),
        ("test", "accuracy"),
        ("rule-singular", "q2ar"),
    ):
        cells = found(study, condition, metric)
        better = sum(cell.difference is not None and cell.difference.verdict == "better" for cell in cells.values())
        assert cells["student"].rank == 1 + better


def test_differences_are_corrected_within_their_column(study):
    tested = [cell.difference for cell in found(study).values() if cell.difference is not None]
    assert [one.p_holm for one in tested] == pytest.approx(holm([one.p for one in tested]))


def test_a_single_row_has_no_rank_and_nor_has_one_without_predictions(cells):
    cells.write("mad", scores=right(0.5))
    assert found(cells)["mad"].rank is None
    cells.write("student", predictions=False)
    assert [cell.rank for cell in found(cells).values()] == [None, None]


def test_limited_runs_have_no_rank_and_change_no_verdict(cells):
    rng = np.random.default_rng(0)
    for model in ("student", "mad", "clip-td"):
        cells.write(model, scores=rng.random(60) < 0.5)
    before = found(cells)
    for place in range(20):
        cells.write(f"quick-{place}", scores=right(0.9), comparable=False)
    after = found(cells, include_limited=True)
    assert all(after[label] == cell for label, cell in before.items())
    assert all(cell.rank is None for label, cell in after.items() if label.endswith("*"))
    assert after["quick-0*"].difference.p_holm >= after["quick-0*"].difference.p


@pytest.mark.parametrize("division", ["external", "open"])
def test_other_divisions_get_a_rank_and_push_nobody_down(cells, division):
    cells.write("student", scores=right(0.2))
    cells.write("mad", scores=right(0.5))
    cells.write("theirs", scores=right(0.9), division=division)
    assert {label: cell.rank for label, cell in found(cells).items()} == {
        "student": 2, "mad": 1, f"theirs ({division})": 1,
    }  # fmt: skip


@pytest.mark.parametrize("division", ["external", "open"])
def test_other_divisions_change_no_verdict(cells, division):
    rng = np.random.default_rng(1)
    for model in ("student", "mad"):
        cells.write(model, scores=rng.random(60) < (0.5 if model == "student" else 0.72))
    before = found(cells)
    for place in range(8):
        cells.write(f"theirs-{place}", scores=rng.random(60) < 0.5, division=division)
    after = found(cells)
    assert {label: after[label].verdict for label in before} == {label: cell.verdict for label, cell in before.items()}
    assert after["mad"].difference.p_holm == before["mad"].difference.p_holm


def test_rows_with_other_draws_are_compared_on_those_they_share(cells):
    for draw in range(3):
        cells.write("student", draw=draw, scores=right(0.2))
    cells.write("mad", draw=2, scores=right(0.9))
    cells.write("clip-td", draw=7, scores=right(0.9))
    cells_of = found(cells)
    assert (cells_of["mad"].difference.draws, cells_of["mad"].difference.basis) == (1, "items")
    assert (cells_of["mad"].difference.verdict, cells_of["mad"].difference.thin) == ("better", True)
    assert (cells_of["clip-td"].rank, cells_of["clip-td"].difference) == (None, None)


def test_a_single_lucky_draw_pushes_no_row_of_several_down(cells):
    for draw in range(3):
        cells.write("student", draw=draw, scores=right(0.2))
        cells.write("mad", draw=draw, scores=right(0.5))
    before = found(cells)
    cells.write("quick", draw=1, scores=right(0.9))
    after = found(cells)
    assert {label: (after[label].rank, after[label].verdict) for label in before} == {
        label: (cell.rank, cell.verdict) for label, cell in before.items()
    }
    assert (before["student"].rank, before["mad"].rank, after["quick"].rank) == (2, 1, 1)
    text = madbench.report([cells.root])
    assert "better (items only)" in text and "changes no other row's verdict" in text
    assert "items only)" not in "".join(line for line in text.splitlines() if line.startswith("| mad "))


def test_two_shared_draws_are_enough_to_push_a_row_down(cells):
    for draw in range(3):
        cells.write("student", draw=draw, scores=right(0.2))
    for draw in range(2):
        cells.write("mad", draw=draw, scores=right(0.9))
    cells_of = found(cells)
    assert (cells_of["student"].rank, cells_of["mad"].difference.thin) == (2, False)
    assert "items only)" not in madbench.report([cells.root])


def test_a_difference_of_several_seeds_and_one_says_what_it_leaves_out(cells):
    cells.write("student", scores=right(0.2))
    for seed in range(3):
        cells.write("mad", seed=seed, scores=right(0.5 + seed / 10))
    difference = found(cells)["mad"].difference
    assert (difference.basis, difference.thin, difference.runs) == ("items", True, 1)
    assert "(n=1×1, items only)" in madbench.report([cells.root])


def test_items_of_other_images_are_not_paired(cells):
    cells.write("student", scores=right(0.2))
    cells.images = 30
    cells.write("mad", scores=right(0.9))
    assert found(cells)["mad"].difference.half_width is None


def test_both_ways_to_a_test_agree(cells):
    rng = np.random.default_rng(3)
    for model in ("student", "mad"):
        for draw in range(3):
            cells.write(model, draw=draw, scores=rng.random(60) < 0.5)
    reader, records = Predictions(), load_runs([cells.root]).records
    groups = {
        model: Group({one.run: one for one in records if one.model == model}, reader) for model in ("student", "mad")
    }
    mine, theirs = (groups[model].totals("test", "accuracy") for model in ("mad", "student"))
    direct = groups["mad"].difference(groups["student"], "test", "accuracy")
    assert mine.test(theirs, "test", "accuracy") == (pytest.approx(direct.value), pytest.approx(direct.p))


def test_bootstrap_replaces_the_intervals_of_single_runs_and_no_test(cells):
    rng = np.random.default_rng(1)
    cells.write("student", scores=rng.random(60) < 0.5)
    cells.write("mad", scores=rng.random(60) < 0.7)
    for draw in range(2):
        cells.write("student", "vqa", draw=draw)
    usual, resampled = found(cells), found(cells, interval="bootstrap")
    mine, theirs = resampled["mad"].difference, usual["mad"].difference
    assert mine.bounds is not None and mine.half_width == pytest.approx(theirs.half_width, rel=0.2)
    assert (mine.p_holm, resampled["mad"].rank) == (theirs.p_holm, usual["mad"].rank)
    assert found(cells, "val", "vqa_accuracy", interval="bootstrap") == found(cells, "val", "vqa_accuracy")


def test_the_table_says_which_interval_and_gives_the_same_bytes_twice(cells):
    cells.write("student")
    cells.write("mad")
    text = madbench.report([cells.root], interval="bootstrap")
    assert "percentile intervals of 10,000 resamples of whole images (seed 0)" in text
    assert text == madbench.report([cells.root], interval="bootstrap")
    assert "resamples" not in madbench.report([cells.root])
    with pytest.raises(UsageError, match="--interval is 'bayes'"):
        madbench.report([cells.root], interval="bayes")


def test_below_the_table_stands_what_its_design_can_find(cells):
    cells.write("student", scores=right(0.4))
    cells.write("mad", scores=right(0.7))
    text = madbench.report([cells.root])
    assert "Smallest true difference to `student` that this design finds with 80% power" in text
    assert "one draw: items only), in points: SNLI-VE test " in text
