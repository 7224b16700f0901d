"""Mean and worst over shifts, on the committed records of mini: VCR has two shifts there."""

import json

import numpy as np
import pytest

from madbench.report import report


@pytest.fixture(scope="module")
def table(request):
    records = request.config.rootpath / "leaderboards" / "mini.records.jsonl.gz"
    tables = json.loads(report([records], format="json", board="shift"))["tables"]
    return next(table for table in tables if table["protocol"] == "domainshift@1")


def cells_of(table, model: str, task: str) -> dict:
    row = next(row for row in table["rows"] if row["model"] == model)
    return {(one["condition"], one["role"], one["metric"]): one for one in row["cells"] if one["task"] == task}


@pytest.mark.parametrize("model", ["student", "mad", "text-only"])
def test_mean_worst_and_gap_follow_from_the_shifts(table, model):
    found = cells_of(table, model, "vcr")
    value = {key: one["estimate"]["value"] for key, one in found.items()}
    shifts = [value[name, "shifted", "q2ar"] for name in ("rule-singular", "rule-plural")]
    identity = value["val", "id", "q2ar"]
    mean = sum(shifts) / 2
    assert value["all shifts", "shift-mean", "q2ar"] == pytest.approx(mean)
    assert value["all shifts", "shift-worst", "q2ar"] == min(shifts)
    assert value["all shifts", "mean-gap", "q2ar"] == pytest.approx(identity - mean)
    assert value["all shifts", "mean-relative-drop", "q2ar"] == pytest.approx((identity - mean) / identity)


def test_two_shifts_together_are_surer_than_each(table):
    found = cells_of(table, "mad", "vcr")
    half = {name: found[name, "shifted", "q2ar"]["estimate"]["half_width"] for name in ("rule-singular", "rule-plural")}
    mean = found["all shifts", "shift-mean", "q2ar"]["estimate"]
    assert 0 < mean["half_width"] < max(half.values()) and mean["low"] < mean["value"] < mean["high"]


def test_one_shift_has_no_mean(table):
    assert not any(role.startswith("shift-") for _, role, _ in cells_of(table, "mad", "snli_ve"))


def test_the_worst_shift_is_named_and_the_legend_says_how_it_was_picked(request, table):
    records = request.config.rootpath / "leaderboards" / "mini.records.jsonl.gz"
    text = report([records], board="shift")
    worst = cells_of(table, "mad", "vcr")["all shifts", "shift-worst", "q2ar"]["estimate"]["value"]
    section = text.partition("## domainshift@1")[2]
    line = next(line for line in section.splitlines() if line.startswith("| mad ") and "rule-" in line)
    assert f"{100 * worst:.2f}" in line and "mean of 2 shifts" in text and "### Cost" not in text
    legend = text.partition("## ")[0]
    assert "picked by that score" in legend and "does not allow for the picking" in legend


def test_where_no_worst_shift_is_shown_the_legend_is_silent_about_it(cells):
    cells.write("mad", "vcr", shifted=("rule-singular", "transform"))
    assert "Worst shift" not in report([cells.root])


def test_a_relative_drop_has_the_interval_of_the_delta_method(cells):
    for draw in range(3):
        cells.write("mad", draw=draw, skill=0.8, shifted=("ve-hard", "rows"))
    board = json.loads(report([cells.root], format="json"))
    found = cells_of(board["tables"][0], "mad", "snli_ve")
    start, end = (
        found[name, role, "accuracy"]["estimate"]["value"] for name, role in (("test", "id"), ("ve-hard", "shifted"))
    )
    drop = found["ve-hard", "relative-drop", "accuracy"]["estimate"]
    assert drop["value"] == pytest.approx((start - end) / start) and drop["draws"] == 3
    # Against a jackknife over images, which knows no formula.
    scores = {name: scores_of(cells, name) for name in ("test", "ve-hard")}
    images = sorted({image for rows in scores.values() for image, _ in rows})
    left = []
    for out in images:
        means = [np.mean([value for image, value in scores[name] if image != out]) for name in ("test", "ve-hard")]
        left.append(1 - means[1] / means[0])
    jackknife = (len(images) - 1) / len(images) * np.sum((np.array(left) - np.mean(left)) ** 2)
    assert drop["item_variance"] == pytest.approx(jackknife, rel=0.15)


def scores_of(cells, condition: str) -> list[tuple[str, float]]:
    """(image, score averaged over draws) of the items of a condition."""
    from madbench.report.predictions import Predictions
    from madbench.report.records import load_runs

    reader = Predictions()
    found = [reader.scored(record, condition) for record in load_runs([cells.root]).records]
    values = np.mean([one.scores["main"] for one in found], axis=0)
    return list(zip(found[0].items.units.tolist(), values.tolist(), strict=True))
