import pytest

from madbench.tasks.vcr.families import FAMILIES, OTHER, family_of
from madbench.tasks.vcr.reader import VcrRow


@pytest.mark.parametrize(
    "question, family",
    [
        (("Why", "is", (0,), "here", "?"), "why"),
        (("Whose", "hat", "is", "it", "?"), "who"),
        (("Is", (0,), "cold", "?"), "be"),
        (("Did", (1,), "win", "?"), "do"),
        (("Might", (1,), "win", "?"), "modal"),
        (((0,), "and", "who", "?"), OTHER),
        (("[MASK]", "is", "it"), OTHER),
        ((), OTHER),
    ],
)
def test_a_family_is_that_of_the_first_word(question, family):
    assert family_of(question) == family
    assert VcrRow("1", "2", question=question).groups == {"family": family}


def test_no_word_is_in_two_families():
    words = [word for family in FAMILIES.values() for word in family]
    assert len(words) == len(set(words))
