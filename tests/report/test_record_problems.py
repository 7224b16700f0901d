import json

import pytest

from madbench.report.record_problems import problems_of


@pytest.mark.parametrize("bad", [float("nan"), -0.1, 1.5, True, "0.5", None])
@pytest.mark.parametrize("first", [True, False])
def test_a_value_that_is_no_fraction_is_found_wherever_it_stands(cells, bad, first):
    content = json.loads((cells.write("mad") / "record.json").read_text())
    good = {"a": 0, "b": 0.25, "c": 1.0}
    content["conditions"][0]["metrics"] = {"bad": bad, **good} if first else {**good, "bad": bad}
    assert [f"bad is {bad!r}" in problem for problem in problems_of(content)] == [True]
