"""Tags as words. One pure function; never a running counter, so a text depends on nothing but itself.

Persons get names that carry no gender cue; other objects their class name; a hidden tag becomes `[MASK]`.

| style | a person's name | members of a group | detokenised |
|---|---|---|---|
| `index@1` | tag modulo 50 in the MERLOT list | `and` before the last | yes |
| `r2c_mention` | order of first mention among persons, modulo 15 (the r2c BERT-feature script) | adjacent | no |
| `yek12` | (tag + 1) modulo 12, lower case (Ye & Kovashka 2021) | adjacent | no |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from madbench.errors import ConfigError, did_you_mean
from madbench.tasks.vcr.tokens import MASK_WORD, MASKED, PERSON, Token, Tokens

_MERLOT = """
Casey Riley Jessie Jackie Avery Jaime Peyton Kerry Jody Kendall Skyler Frankie Pat Quinn Morgan Finley Harley
Robbie Sidney Tommie Ashley Carter Adrian Clarke Logan Mickey Nicky Parker Tyler Reese Charlie Austin Denver Emerson
Tatum Dallas Haven Jordan Robin Rory Bellamy Salem Sutton Gray Shae Kyle Alex Ryan Cameron Dakota
"""
# Peyton stands twice in the original list, so two persons can share the name.
_R2C = "Casey Riley Jessie Jackie Avery Jaime Peyton Kerry Jody Kendall Peyton Skyler Frankie Pat Quinn"
_YEK = "casey riley jessie jackie avery jaime peyton kerry kendall frankie pat quinn"
MERLOT_NAMES, R2C_NAMES, YEK_NAMES = (tuple(names.split()) for names in (_MERLOT, _R2C, _YEK))

STYLES = ("index@1", "r2c_mention", "yek12")

_NO_SPACE_BEFORE = frozenset(".,?!;:')")
NO_TAG = -1


class Rendered(NamedTuple):
    """A text, and for each of its whitespace-separated words the object it stands for (-1: none)."""

    text: str
    tags: tuple[int, ...]

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(self.text.split())


def render(
    tokens: Sequence[Token], objects: Sequence[str], style: str = "index@1", before: Sequence[Tokens] = ()
) -> Rendered:
    """Token list to text.

    objects: class name of each object, index = tag; every visible tag must be in range.
    before: token lists read earlier (question, answer); only `r2c_mention` looks at them.
    Raises ConfigError for an unknown style.
    """
    if style == "index@1":
        return _detokenised(tokens, objects)
    if style == "yek12":
        return _adjacent(tokens, objects, lambda tag: YEK_NAMES[(tag + 1) % len(YEK_NAMES)])
    if style == "r2c_mention":
        places = _mention_order([*before, tokens], objects)
        return _adjacent(tokens, objects, lambda tag: R2C_NAMES[places[tag] % len(R2C_NAMES)])
    hint = did_you_mean(style, STYLES)
    raise ConfigError(
        f"no text rendering named '{style}'" + (f"; {hint}" if hint else ""), fix=f"use one of {', '.join(STYLES)}"
    )


def _detokenised(tokens: Sequence[Token], objects: Sequence[str]) -> Rendered:
    """No space before closing punctuation; "'" and "s" join the word on their left, which keeps its tag."""
    words: list[str] = []
    tags: list[int] = []
    after_apostrophe = False
    for token in tokens:
        if isinstance(token, str):
            if words and (token in _NO_SPACE_BEFORE or (after_apostrophe and token == "s")):
                words[-1] += token
            else:
                for word in token.split():
                    words.append(word)
                    tags.append(NO_TAG)
            after_apostrophe = token == "'"
            continue
        after_apostrophe = False
        last = len(token) - 1
        for place, tag in enumerate(token):
            if place == last and last > 0:
                words.append("and")
                tags.append(NO_TAG)
            _append(words, tags, tag, objects, _merlot_name)
    return Rendered(" ".join(words), tuple(tags))


def _adjacent(tokens: Sequence[Token], objects: Sequence[str], name: Callable[[int], str]) -> Rendered:
    words: list[str] = []
    tags: list[int] = []
    for token in tokens:
        if isinstance(token, str):
            for word in token.split():
                words.append(word)
                tags.append(NO_TAG)
        else:
            for tag in token:
                _append(words, tags, tag, objects, name)
    return Rendered(" ".join(words), tuple(tags))


def _merlot_name(tag: int) -> str:
    return MERLOT_NAMES[tag % len(MERLOT_NAMES)]


def _append(words: list[str], tags: list[int], tag: int, objects: Sequence[str], name: Callable[[int], str]) -> None:
    if tag >= MASKED:
        words.append(MASK_WORD)
        tags.append(NO_TAG)
        return
    # A class name of two words ("dining table") is two words that stand for one object.
    for word in (name(tag) if objects[tag] == PERSON else objects[tag]).split():
        words.append(word)
        tags.append(tag)


def _mention_order(token_lists: Sequence[Sequence[Token]], objects: Sequence[str]) -> dict[int, int]:
    places: dict[int, int] = {}
    for tokens in token_lists:
        for token in tokens:
            if not isinstance(token, str):
                for tag in token:
                    if tag < MASKED and objects[tag] == PERSON:
                        places.setdefault(tag, len(places))
    return places
