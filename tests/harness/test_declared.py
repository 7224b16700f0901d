"""Draws and seeds as they are asked for."""

import pytest

from madbench.errors import UsageError
from madbench.harness.declared import parse_numbers


def test_ranges_and_lists_name_each_number_once():
    assert parse_numbers("--draws", "0-2,4, 1") == [0, 1, 2, 4]


@pytest.mark.parametrize("text", ["", "a", "2-1", "-1", "1-", "0-9999999999", "0-10000"])
def test_what_is_no_list_of_numbers_or_would_fill_the_memory_is_refused(text):
    with pytest.raises(UsageError, match="--draws") as caught:
        parse_numbers("--draws", text)
    assert "0-2" in caught.value.fix
