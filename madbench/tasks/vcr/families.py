"""Question families of VCR, by how a question begins. VCR has no official question types: these are ours."""

from __future__ import annotations

from madbench.tasks.vcr.tokens import Tokens

OTHER = "other"

FAMILIES = {
    "what": ("what", "what's"),
    "why": ("why",),
    "how": ("how",),
    "where": ("where", "where's"),
    "who": ("who", "who's", "whose", "whom"),
    "when": ("when",),
    "which": ("which",),
    "be": ("is", "are", "was", "were", "am", "isn't", "aren't"),
    "do": ("do", "does", "did", "has", "have", "had", "doesn't", "don't"),
    "modal": ("can", "could", "will", "would", "should", "might", "may", "must", "shall"),
    "if": ("if",),
}
_FAMILY_OF = {word: family for family, words in FAMILIES.items() for word in words}


def family_of(question: Tokens) -> str:
    """The family of a question's first word; `other` for any other word, a tag or a masked word."""
    first = question[0] if question else None
    return _FAMILY_OF.get(first.lower(), OTHER) if isinstance(first, str) else OTHER
