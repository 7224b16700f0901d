"""`--set`: text from a shell as options."""

import pytest

from madbench.errors import UsageError
from madbench.harness.overrides import parse_overrides


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
