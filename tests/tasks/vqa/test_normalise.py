import hashlib
import json

import pytest

from madbench.tasks.vqa.normalise import CONTRACTIONS, normalise, punctuation


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("Yes", "yes"),
        ("  the\tcat \n", "cat"),
        ("a", ""),
        ("?", ""),
        ("none", "0"),
        ("ten eleven", "10 eleven"),
        ("twenty one", "twenty 1"),
        ("black, white", "black white"),
        ("coca-cola", "coca cola"),
        ("coca- cola", "coca cola"),
        ("2,000-3,000", "20003000"),
        ("5.", "5"),
        (".5", ".5"),
        ("u.s.", "us"),
        ("one.two", "onetwo"),
        ("dont", "don't"),
        ("couldntve", "couldntve"),
        ("couldn'tve", "couldn't've"),
        ("somebody'd", "somebodyd"),
        ("im", "im"),  # its entry is capitalised, and words are lower case by then
        ("it's 5 o'clock", "it's 5 o'clock"),
        ("50%", "50%"),
    ],
)
def test_an_answer_is_normalised_as_the_official_scorer_does(given, expected):
    assert normalise(given) == expected


def test_at_most_32_periods_are_deleted():
    assert punctuation("." * 40) == "." * 8


def test_the_contraction_table_is_the_official_one():
    text = json.dumps(CONTRACTIONS, sort_keys=True, separators=(",", ":"))
    assert len(CONTRACTIONS) == 120
    assert hashlib.sha256(text.encode()).hexdigest().startswith("ec2778ee4c013cdbe08a275f8a05c671")
