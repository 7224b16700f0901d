"""Tags become words, and every word of the text knows its object."""

import pytest

from madbench.errors import ConfigError
from madbench.tasks.vcr.rendering import MERLOT_NAMES, R2C_NAMES, STYLES, YEK_NAMES, render

OBJECTS = ("person", "person", "dog", "person", "dining table")


@pytest.mark.parametrize(
    "tokens, text, tags",
    [
        (("Why", "is", (0,), "here", "?"), "Why is Casey here?", (-1, -1, 0, -1)),
        (((0,), "'", "s", "dog", "."), "Casey's dog.", (0, -1)),
        (((0, 1), "'", "s", "dog"), "Casey and Riley's dog", (0, -1, 1, -1)),
        (((3, 1, 0), "left"), "Jackie Riley and Casey left", (3, 1, -1, 0, -1)),
        (((0, 2), "play"), "Casey and dog play", (0, -1, 2, -1)),
        (("The", (4,), ";", "so"), "The dining table; so", (-1, 4, 4, -1)),
        (((10_001,), "and", "[MASK]", "wait"), "[MASK] and [MASK] wait", (-1, -1, -1, -1)),
        (((0, 10_001), "wait"), "Casey and [MASK] wait", (0, -1, -1, -1)),
        (("(", "well", ")", ",", "yes", "!"), "( well), yes!", (-1, -1, -1)),
        (("s", "'", "x", "s"), "s' x s", (-1, -1, -1)),
        (("?", "New  York", ""), "? New York", (-1, -1, -1)),
        ((), "", ()),
    ],
)
def test_index_style(tokens, text, tags):
    assert render(tokens, OBJECTS, "index@1") == (text, tags)


def test_persons_are_named_by_their_raw_tag_modulo_fifty():
    objects = ("person",) * 60
    assert render(((49,), (50,), (59,)), objects).text == "Dakota Casey Kendall"
    assert len(MERLOT_NAMES) == len(set(MERLOT_NAMES)) == 50


def test_r2c_names_by_order_of_mention_and_carries_it_into_the_choices():
    question, choice = ("Is", (3,), "near", (2,), "?"), ((1,), "'", "s", (3, 1))
    assert render(question, OBJECTS, "r2c_mention").text == "Is Casey near dog ?"
    assert render(choice, OBJECTS, "r2c_mention", before=[question]) == ("Riley ' s Casey Riley", (1, -1, -1, 3, 1))
    assert render(choice, OBJECTS, "r2c_mention").text == "Casey ' s Riley Casey"
    assert len(R2C_NAMES) == 15


def test_yek_names_by_index_after_the_image():
    assert render(((0,), (3, 2)), OBJECTS, "yek12") == ("riley avery dog", (0, 3, 2))
    assert render(((11,),), ("person",) * 12, "yek12").text == "casey"
    assert len(YEK_NAMES) == 12


@pytest.mark.parametrize("style", STYLES)
def test_every_word_has_one_tag_in_all_golden_texts(golden, style):
    for line in golden:
        row = line["annot"]
        for tokens in [row["question"], *row["answer_choices"], *row["rationale_choices"]]:
            rendered = render(tuple(t if isinstance(t, str) else tuple(t) for t in tokens), row["objects"], style)
            assert len(rendered.tags) == len(rendered.text.split()) == len(rendered.words)


def test_an_unknown_style_is_refused_with_the_nearest_one():
    with pytest.raises(ConfigError, match="index@1"):
        render(("x",), (), "index@2")
