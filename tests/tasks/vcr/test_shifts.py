"""Rule-Singular and Rule-Plural equal the authors' tools in every field."""

import copy

import pytest

from madbench.errors import DataMissing, UsageError
from madbench.tasks.contract import ShiftInputs
from madbench.tasks.vcr import TASK
from madbench.tasks.vcr.shifts import shift_record
from madbench.tasks.vcr.tokens import thaw

NOTHING = ShiftInputs(list)

RULES = [("rule-singular", "singular"), ("rule-plural", "plural")]
PARTS = ("answer_choices", "rationale_choices")


@pytest.mark.parametrize("rule, key", RULES)
def test_all_golden_rows_in_every_field(golden, rule, key):
    assert len(golden) == 150
    for line in golden:
        before = copy.deepcopy(line["annot"])
        result = shift_record(rule, line["annot"])
        assert line["annot"] == before  # the input is left alone
        if line[key] is None:
            assert result is None
            continue
        row, counts = result
        assert {**{part: row[part] for part in PARTS}, **counts} == line[key]
        assert list(row) == list(before)
        assert {name: row[name] for name in row if name not in PARTS} == {
            name: before[name] for name in before if name not in PARTS
        }


@pytest.mark.parametrize("rule, key", RULES)
def test_the_wired_shift_gives_the_same_rows(golden, read, rule, key):
    rows = read([{**line["annot"], "img_fn": "x.jpg", "metadata_fn": "x.json", "img_id": "val-0"} for line in golden])
    shift = TASK.shifts()[rule]
    assert (shift.name, shift.kind, shift.task) == (rule, "transform", "vcr")
    shifted = shift.apply(rows, NOTHING)
    expected = [line for line in golden if line[key] is not None]
    assert 0 < len(expected) < len(golden)
    assert [row.example_id for row in shifted] == [line["annot"]["annot_id"] for line in expected]
    for row, line in zip(shifted, expected, strict=True):
        assert [thaw(choice) for choice in row.answer_choices] == line[key]["answer_choices"]
        assert [thaw(choice) for choice in row.rationale_choices] == line[key]["rationale_choices"]
        assert thaw(row.question) == line["annot"]["question"]


def test_shift_record_drops_what_the_rule_drops(golden):
    kept = [shifted for line in golden if (shifted := shift_record("rule-plural", line["annot"])) is not None]
    assert len(kept) == sum(line["plural"] is not None for line in golden)


def test_a_row_without_labels_cannot_be_shifted(fixtures):
    rows = TASK.read(TASK.locate(fixtures), "test")
    for name in ("rule-singular", "rule-plural"):
        shift = TASK.shifts()[name]
        with pytest.raises(DataMissing, match="labels"):
            shift.apply(rows, NOTHING)


def test_an_unknown_rule_is_refused(golden):
    with pytest.raises(UsageError, match="did you mean 'rule-singular'"):
        shift_record("rule-singlar", golden[0]["annot"])
