import numpy as np
import pytest

from madbench.report.design import expected_parts, minimum_detectable
from madbench.report.planned import Design, design_line
from madbench.report.statistics import paired_difference


def design(cells, draws=5):
    return Design("lowshot-1pct@1", "snli_ve", "mini", draws, "test", cells.images, cells.items, ("student", "mad"))


def points(draws, cells):
    return f"{100 * minimum_detectable(expected_parts(draws, cells.images, cells.items)):.1f} points on test"


def test_before_any_run_the_assumptions_are_named(cells):
    said = design_line(design(cells), cells.root)
    assert points(5, cells) in said and "5 draws, 20 images" in said and "80% power" in said
    assert said.endswith(
        "assumed: the difference varies by 1 point from draw to draw, models disagree on 25% of the items"
    )
    assert design_line(design(cells)) == said


def test_one_draw_is_items_only(cells):
    said = design_line(design(cells, draws=1))
    assert points(1, cells) in said and "the luck of that draw comes on top" in said and "draw to draw" not in said


def test_a_single_image_has_no_design(cells):
    cells.images = 1
    assert design_line(design(cells)) is None


def test_records_at_hand_replace_the_assumptions(cells):
    rng = np.random.default_rng(0)
    scores = (rng.random((2, 3, 60)) < 0.5).astype(float)
    for draw in range(3):
        cells.write("student", draw=draw, scores=scores[0, draw])
        cells.write("mad", draw=draw, scores=scores[1, draw])
    found = paired_difference(scores[1], scores[0], np.arange(60) % 20)
    parts = [(found.item_variance, 19), (found.draw_variance * 3 / 5, 4)]
    said = design_line(design(cells), cells.root)
    assert f"{100 * minimum_detectable(parts):.1f} points on test" in said
    assert said.endswith("spread of the records of student, mad")


def test_one_draw_at_hand_still_assumes_the_spread_of_draws(cells):
    cells.write("student", scores=np.arange(60) % 2)
    cells.write("mad", scores=np.arange(60) % 3 / 2)
    said = design_line(design(cells), cells.root)
    assert "spread of the records of student, mad; assumed: the difference varies by 1 point" in said


@pytest.mark.parametrize("change", [{"comparable": False}, {"predictions": False}, {"source": "real"}])
def test_records_that_say_nothing_are_left_alone(cells, change):
    cells.write("student", **change)
    cells.write("mad", **change)
    assert "models disagree on 25%" in design_line(design(cells), cells.root)


def test_broken_records_do_not_stop_a_plan(cells):
    for model in ("student", "mad"):
        (cells.write(model) / "record.json").write_text("{")
    assert "models disagree on 25%" in design_line(design(cells), cells.root)
