import csv
import io
import json

import numpy as np
import pytest

from madbench.errors import UsageError
from madbench.report import report

NAMES = ["large"] * 30 + ["middle"] * 20 + ["tiny"] * 9 + [None]
SCORES = np.array([1.0] * 24 + [0.0] * 6 + [1.0] * 8 + [0.0] * 12 + [0.0] * 10)


def worst(cells, minimum: int) -> list[dict]:
    board = json.loads(report([cells.root], format="json", min_group=minimum))
    return board["tables"][0]["rows"][0]["worst_groups"]["snli_ve"]


@pytest.fixture
def grouped(cells):
    cells.write("student", scores=SCORES, groups={"class": NAMES})
    return cells


def test_the_worst_group_is_that_with_the_lowest_score_of_those_large_enough(grouped):
    (found,) = worst(grouped, 20)
    assert (found["name"], found["items"], found["groups"], found["small"]) == ("middle", 20, 2, 1)
    assert found["estimate"]["value"] == pytest.approx(0.4) and found["mean"] == pytest.approx((0.8 + 0.4) / 2)
    assert found["estimate"]["low"] < 0.4 < found["estimate"]["high"]


def test_the_minimum_decides_who_is_looked_at(grouped):
    assert worst(grouped, 5)[0]["name"] == "tiny"
    (none,) = worst(grouped, 50)
    assert (none["name"], none["estimate"], none["small"]) == (None, None, 3)
    with pytest.raises(UsageError, match="min-group"):
        report([grouped.root], min_group=0)


def test_the_board_states_the_minimum_and_csv_has_the_line(grouped):
    text = report([grouped.root], board="groups", min_group=20)
    assert (
        "at least 20 items" in text
        and " middle (20) |" in text
        and "by class (groups: test 2 and 1 too small)" in text
        and "### Cost" not in text
    )
    rows = csv.DictReader(io.StringIO(report([grouped.root], format="csv", min_group=20)))
    (line,) = [row for row in rows if row["role"] == "worst-group"]
    assert (line["metric"], line["items"]) == ("class=middle", "20") and float(line["value"]) == pytest.approx(0.4)


def test_rows_conditions_have_the_groups_of_their_split(cells):
    cells.write("student", scores=SCORES, groups={"class": NAMES}, shifted=("ve-hard", "rows"))
    found = worst(cells, 10)
    assert [one["condition"] for one in found] == ["test", "ve-hard"]
    # Two of three rows: places 30 to 49 keep 13, of which 5 or 6 are right.
    assert found[1]["name"] == "middle" and found[1]["items"] == 13


def test_predictions_without_groups_name_no_worst_group(cells):
    cells.write("student")
    assert worst(cells, 1) == []
    assert "every row: the stored predictions do not say which group" in report([cells.root])


def test_the_interval_of_the_worst_group_is_the_kind_that_was_asked_for(grouped):
    def found(interval):
        board = json.loads(report([grouped.root], format="json", min_group=20, interval=interval))
        return board["tables"][0]["rows"][0]["worst_groups"]["snli_ve"][0]["estimate"]

    assert found("t")["bounds"] is None
    low, high = found("bootstrap")["bounds"]
    assert 0 <= low < 0.4 < high <= 1
