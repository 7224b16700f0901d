"""What the official VQA scorer does to an answer before it compares: three steps, quirks kept.

`clean` (white space), `punctuation`, `digits_and_articles` (number words, articles, contractions). Written from a
description of the official evaluation code (GT-Vision-Lab/VQA) and held to its output by golden files. The order of
the steps matters, and the whole is not idempotent: never apply it twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable

# In this order; period, apostrophe, colon and every non-ASCII mark are not among them.
PUNCTUATION = tuple(';/[]"{}()=+\\_-><@`,?!')
ARTICLES = frozenset({"a", "an", "the"})
_UP_TO_TEN = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NUMBER_WORDS = {"none": "0"} | {word: str(value) for value, word in enumerate(_UP_TO_TEN)}

# Distinct strings of the whole of VQA v2 (about 200,000) fit; predictions of a free-text model cannot grow it for ever.
_MEMORY = 1 << 18

_MARK_OR_PERIOD = re.compile(f"[{re.escape(''.join(PUNCTUATION))}.]")
_DIGIT_COMMA_DIGIT = re.compile(r"\d,\d")
_DROPPED_PERIOD = re.compile(r"\.(?!\d)")
# The official code passes re.UNICODE (32) where the number of replacements is expected.
_MOST_PERIODS = 32


def _contractions() -> dict[str, str]:
    """The 120 official spellings to correct: forms without one of their apostrophes, and a few oddities."""
    single = """
        'twas I'm I've ain't aren't can't could've couldn't didn't doesn't don't hadn't hasn't haven't he'd he's how'd
        how'll how's isn't it'd it'll ma'am might've mightn't must've mustn't needn't not've o'clock oughtn't shan't
        should've shouldn't somebody'll somebody's someone'd someone'll someone's something'd something'll that's
        there'd there're there's they'd they'll they're they've wasn't we've weren't what'll what're what's what've
        when's where'd where's where've who'd who'll who's who've why'll why're why's won't would've wouldn't y'all
        you'd you'll you're you've
    """
    double = """
        I'd've couldn't've hadn't've he'd've it'd've mightn't've she'd've shouldn't've somebody'd've someone'd've
        something'd've there'd've they'd've we'd've who'd've wouldn't've you'd've
    """
    table = {value.replace("'", ""): value for value in single.split()}
    for value in double.split():
        first, second = (match.start() for match in re.finditer("'", value))
        table[value[:first] + value[first + 1 :]] = value
        table[value[:second] + value[second + 1 :]] = value
    table |= {key: "y'all'll" for key in ("yall'll", "y'allll")}
    table |= {key: "y'all'd've" for key in ("yall'd've", "y'alld've", "y'all'dve")}
    table |= {key: "'ow's'at" for key in ("ow's'at", "'ows'at", "'ow'sat")}
    # Two entries change nothing, and one takes an apostrophe away: that is how the official table is.
    table |= {"let's": "let's", "she's": "she's", "somebody'd": "somebodyd"}
    return table


CONTRACTIONS = _contractions()
_CHANGED_WORDS = ARTICLES | NUMBER_WORDS.keys() | CONTRACTIONS.keys()


def clean(text: str) -> str:
    """Line breaks and tabs to spaces, both ends stripped."""
    return text.replace("\n", " ").replace("\t", " ").strip()


def punctuation(text: str) -> str:
    """Marks deleted or replaced by a space, then periods deleted that no digit follows (at most 32 of them).

    A mark is deleted when it touches a space anywhere in the original text, or when the text has digit,comma,digit
    anywhere ("2,000-3,000" becomes "20003000"); else it becomes a space.
    """
    if not _MARK_OR_PERIOD.search(text):
        return text
    joined = _DIGIT_COMMA_DIGIT.search(text) is not None
    result = text
    for mark in PUNCTUATION:
        if mark in text:
            result = result.replace(mark, "" if joined or f"{mark} " in text or f" {mark}" in text else " ")
    return _DROPPED_PERIOD.sub("", result, count=_MOST_PERIODS)


def digits_and_articles(text: str) -> str:
    """Lower case; number words up to ten to digits; articles dropped; contractions corrected; single spaces."""
    words = text.lower().split()
    if not _CHANGED_WORDS.isdisjoint(words):
        words = [NUMBER_WORDS.get(word, word) for word in words]
        words = [CONTRACTIONS.get(word, word) for word in words if word not in ARTICLES]
    return " ".join(words)


class _Memory(dict):
    """string -> what `function` makes of it; forgets everything when it is full."""

    def __init__(self, function: Callable[[str], str]):
        self.function = function

    def __missing__(self, text: str) -> str:
        if len(self) >= _MEMORY:
            self.clear()
        value = self[text] = self.function(text)
        return value


def remembered(function: Callable[[str], str]) -> Callable[[str], str]:
    """The function, worked out once for each string. (A dictionary's own lookup is faster than `lru_cache`.)"""
    return _Memory(function).__getitem__


@remembered
def normalise(text: str) -> str:
    """All three steps, as the official scorer of 2021 treats predictions and annotators' answers alike."""
    return digits_and_articles(punctuation(clean(text)))
