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


def change(content, path, value):
    *above, last = path
    for part in above:
        content = content[part]
    content[last] = value


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("conditions", 1, "of"), "ve-hard", "conditions: 've-hard' is made of 've-hard', which is itself"),
        (("conditions", 1, "of"), "nowhere", "conditions: 've-hard' is made of 'nowhere', which is not there"),
        (("conditions", 1, "of"), None, "conditions: 've-hard' does not say what it is made of"),
        (("conditions", 1, "kind"), 3, "conditions[1] (ve-hard): kind is 3"),
        (("conditions", 1, "about"), "x", "conditions[1] (ve-hard): about is 'x'"),
        (("conditions", 1, "metric_versions"), {"accuracy": 1}, "metric_versions is {'accuracy': 1}"),
        (("conditions", 1, "n"), -1, "n is -1"),
        (("selection",), [1], "field 'selection' is [1]"),
        (("selection",), [{"rule": "last"}], "field 'selection' is [{'rule': 'last'}]"),
        (("labels",), "x", "field 'labels' is 'x'"),
        (("exposure",), "x", "field 'exposure' is 'x'"),
        (("data", "train_fraction"), "0.01", "field 'data.train_fraction' is '0.01'"),
        (("data", "train_fraction"), float("nan"), "field 'data.train_fraction' is nan"),
        (("data", "official_problems"), [None], "field 'data.official_problems' is [None]"),
        (("model", "weights"), {"a": 1}, "field 'model.weights' is {'a': 1}"),
        (("division",), 7, "field 'division' is 7"),
    ],
)
def test_a_damaged_field_is_named_and_neither_hangs_nor_crashes(cells, path, value, said):
    content = json.loads((cells.write("mad", shifted=("ve-hard", "rows")) / "record.json").read_text())
    assert list(problems_of(content)) == []
    change(content, path, value)
    (problem,) = problems_of(content)
    assert said in problem
