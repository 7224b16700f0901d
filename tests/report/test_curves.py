import csv
import io
import json

import numpy as np
import pytest

from madbench.report import report


def write(cells, model: str, protocol: str, fraction: float, **more):
    def edit(content):
        content["data"]["train_fraction"] = fraction

    return cells.write(model, protocol=protocol, edit=edit, **more)


def curves(cells, **options) -> list[dict]:
    return json.loads(report([cells.root], format="json", **options))["curves"]


def test_protocols_with_the_same_items_make_one_curve(cells):
    for model, low, full in (("student", 0.4, 0.6), ("mad", 0.7, 0.65)):
        for draw in range(3):
            write(cells, model, "lowshot-1pct", 0.0101 - draw * 1e-5, draw=draw, skill=low)
        write(cells, model, "full", 1.0, skill=full)
    (curve,) = curves(cells)
    assert curve["points"] == [
        {"fraction": 0.01, "protocol": "lowshot-1pct@1"},
        {"fraction": 1.0, "protocol": "full@1"},
    ]
    student, mad = curve["rows"]
    assert student["is_baseline"] and student["crossing"] is None and student["area_difference"] is None
    for row in (student, mad):
        values = [one["value"] for one in row["scores"]]
        assert row["area"]["value"] == pytest.approx(sum(values) / 2)
        assert row["area"]["low"] < row["area"]["value"] < row["area"]["high"]
    assert mad["area_difference"]["value"] == pytest.approx(mad["area"]["value"] - student["area"]["value"])
    text = report([cells.root], board="curve")
    assert "| model" in text and "1 % (lowshot-1pct@1)" in text and "100 % (full@1)" in text
    assert "One run at 100 %" in text and "### Cost" not in text


def test_other_items_another_source_or_one_fraction_make_no_curve(cells):
    write(cells, "student", "lowshot-1pct", 0.01)
    write(cells, "student", "full", 1.0, source="real")
    cells.items = 50
    write(cells, "student", "lowshot-5pct", 0.05)
    assert curves(cells) == []
    assert "No low-shot curve" in report([cells.root], board="curve")


def test_two_protocols_at_one_fraction_do_not_share_a_point(cells):
    write(cells, "student", "lowshot-1pct", 0.01)
    for model in ("student", "mad"):
        write(cells, model, "full", 1.0)
    write(cells, "student", "domainshift", 1.0)
    (curve,) = curves(cells)
    assert [one["protocol"] for one in curve["points"]] == ["lowshot-1pct@1", "full@1"]
    assert any("`domainshift@1`" in note and "not drawn" in note for note in curve["notes"])
    assert [row["model"] for row in curve["rows"]] == ["student"]
    assert any("At one fraction only, so not in the curve: `mad`" in note for note in curve["notes"])


def test_rows_that_end_early_have_the_area_up_to_where_most_rows_go(cells):
    for protocol, fraction in (("lowshot-1pct", 0.01), ("lowshot-10pct", 0.1), ("full", 1.0)):
        for model in ("student", "mad", "clip-td", "naive-kd"):
            if fraction < 1 or model in ("student", "mad"):
                write(cells, model, protocol, fraction)
    (curve,) = curves(cells)
    assert curve["spans"] == [[0.01, 0.1], [0.01, 0.1, 1.0]]
    rows = {row["model"]: row for row in curve["rows"]}
    assert rows["clip-td"]["areas"][1] is None and rows["clip-td"]["area"] is None
    values = [one["value"] for one in rows["clip-td"]["scores"][:2]]
    assert rows["clip-td"]["areas"][0]["value"] == pytest.approx(sum(values) / 2)
    assert rows["mad"]["areas"][1] == rows["mad"]["area"] is not None and rows["mad"]["areas"][0] is not None
    assert rows["clip-td"]["crossing"]["words"] and rows["mad"]["crossing"]["words"]
    text = report([cells.root], board="curve")
    assert "area, 1 % to 10 %" in text and "area, 1 % to 100 %" in text
    lines = list(csv.DictReader(io.StringIO(report([cells.root], format="csv"))))
    areas = [(line["model"], line["protocol"], line["state"]) for line in lines if line["role"] == "curve-area"]
    assert ("clip-td", "lowshot-1pct@1 lowshot-10pct@1", "done") in areas
    assert ("clip-td", "lowshot-1pct@1 lowshot-10pct@1 full@1", "missing") in areas


def test_a_curve_has_the_verdicts_of_its_tables_and_tables_go_by_their_share_of_the_data(cells):
    worse, better = np.zeros(60), np.ones(60)
    for protocol, fraction in (("lowshot-10pct", 0.1), ("lowshot-1pct", 0.01), ("lowshot-5pct", 0.05)):
        write(cells, "student", protocol, fraction, scores=worse)
        write(cells, "mad", protocol, fraction, scores=better)
    text = report([cells.root])
    line = next(line for line in text.partition("## Low-shot curves")[2].splitlines() if line.startswith("| mad "))
    assert line.count("**100.00 ± 0.00 better**") == 3
    content = json.loads(report([cells.root], format="json"))
    assert [one["protocol"] for one in content["tables"]] == ["lowshot-1pct@1", "lowshot-5pct@1", "lowshot-10pct@1"]


def test_without_item_scores_there_is_no_area(cells):
    write(cells, "student", "lowshot-1pct", 0.01, predictions=False)
    write(cells, "student", "full", 1.0, predictions=False)
    (curve,) = curves(cells)
    assert curve["rows"][0]["area"] is None
    assert any("no band, area or crossing: `student`" in note for note in curve["notes"])


def test_a_row_with_other_draws_than_the_baseline_is_told_in_the_curve(cells):
    for draw in range(3):
        for fraction, protocol in ((0.01, "lowshot-1pct"), (0.1, "lowshot-10pct")):
            write(cells, "student", protocol, fraction, draw=draw)
            if draw < 2 or protocol == "lowshot-10pct":
                write(cells, "mad", protocol, fraction, draw=draw)
    (curve,) = curves(cells)
    assert [one is None for one in curve["rows"][1]["differences"]] == [True, False]
    assert any(note.startswith("At 1 % `mad` and the baseline have other draws") for note in curve["notes"])
