"""Mean and worst over shifts, on the committed records of mini: VCR has two shifts there."""

import json

import pytest

from madbench.report import report


@pytest.fixture(scope="module")
def table(request):
    records = request.config.rootpath / "leaderboards" / "mini.records.jsonl.gz"
    return json.loads(report([records], format="json", board="shift"))["tables"][0]


def cells_of(table, model: str, task: str) -> dict:
    row = next(row for row in table["rows"] if row["model"] == model)
    return {(one["condition"], one["role"], one["metric"]): one for one in row["cells"] if one["task"] == task}


@pytest.mark.parametrize("model", ["student", "mad", "overlap"])
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


def test_the_worst_shift_is_named(request):
    records = request.config.rootpath / "leaderboards" / "mini.records.jsonl.gz"
    text = report([records], board="shift")
    line = next(line for line in text.splitlines() if line.startswith("| mad ") and "rule-singular" in line)
    assert "13.63" in line and "mean of 2 shifts" in text and "### Cost" not in text
