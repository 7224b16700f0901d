"""`--set`: text from a shell as options."""

import pytest

from madbench.errors import UsageError
from madbench.harness.overrides import parse_overrides, parse_weights


def test_an_exponent_without_a_point_is_a_number():
    """YAML alone reads a text, which a model then multiplies its loss with."""
    found = parse_overrides(["training.learning_rate=1e-4", "options.training.decay=2.5e3", "seen=-3E+2"])
    assert found == {"training": {"learning_rate": 1e-4, "decay": 2500.0}, "seen": -300.0}


def test_everything_else_is_yaml():
    assert parse_overrides(["a.b=[1, 2]", "a.c='1e-4'", "a.d=no"]) == {"a": {"b": [1, 2], "c": "1e-4", "d": False}}


@pytest.mark.parametrize("wrong", ["a", "=1", "a..b=1", "a=[1"])
def test_what_is_no_key_and_value_is_refused(wrong):
    with pytest.raises(UsageError, match="--set"):
        parse_overrides([wrong])


def test_other_weights_stand_behind_random_too_unless_those_have_their_own():
    known = {"mini:clip", "random:mini:clip", "random:mini:text"}
    assert parse_weights(["mini:clip=/w/a=b", "mini:text=/t"], known) == {
        "mini:clip": "/w/a=b",
        "random:mini:clip": "random:/w/a=b",
        "mini:text": "/t",
        "random:mini:text": "random:/t",
    }
    both = parse_weights(["mini:clip=/a", "random:mini:clip=random:/b"], known)
    assert both == {"mini:clip": "/a", "random:mini:clip": "random:/b"}
    with pytest.raises(UsageError, match="names mini:clip twice"):
        parse_weights(["mini:clip=/a", "mini:clip=/b"], known)


def test_an_adapter_that_declares_no_options_says_that_nobody_checks_them(bench):
    plan = bench.run(options=["nope=1"], dry_run=True).plan
    assert "stepper: the adapter stepper declares no options, so nobody checks nope=1" in plan.notices
    assert not any("nobody checks" in line for line in bench.run(dry_run=True).plan.notices)


def test_one_model_under_two_names_is_planned_once(bench):
    file = bench.folder / "same.yaml"
    file.write_text("schema: 1\nname: coin\nversion: 1\nadapter: coin\nsummary: the same coin\n")
    assert len(bench.run(["coin", str(file)], dry_run=True).plan.cells) == 1
