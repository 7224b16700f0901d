"""VCR text as released: words, and groups of tags that point at the objects of the image.

In memory a token list is a tuple whose members are strings or tuples of tags; in the files it is a list of strings
and lists. A tag is the 0-based index of an object; `MASKED + tag` is a tag that an adversarial file has hidden.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Token = str | tuple[int, ...]
Tokens = tuple[Token, ...]

MASKED = 10_000
MASK_WORD = "[MASK]"
PERSON = "person"


def freeze(tokens: Iterable) -> Tokens:
    """A token list of a file as an immutable one."""
    return tuple(token if isinstance(token, str) else tuple(token) for token in tokens)


def thaw(tokens: Iterable[Token]) -> list:
    """A token list as it stands in a file."""
    return [token if isinstance(token, str) else list(token) for token in tokens]


def tags_of(tokens: Iterable[Token]) -> frozenset[int]:
    """Every visible tag, of any class."""
    return frozenset(tag for token in tokens if not isinstance(token, str) for tag in token if tag < MASKED)


def persons_of(tokens: Iterable[Token], objects: Sequence[str]) -> frozenset[int]:
    """Every visible tag whose object is a person; members of mixed groups count."""
    return frozenset(tag for tag in tags_of(tokens) if objects[tag] == PERSON)
