"""One question of VQA v2 with its ten answers, on the task side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from madbench.tasks.contract import Row


@dataclass(frozen=True)
class VqaRow(Row):
    """A question; the fields below `question` are empty where a split has no annotations (test, test-dev).

    question_type: the question's official prefix class, as annotated. asked_type: the one that its own words say, where
    models may not be shown the annotated one (that of a rephrasing is its original's) or there is none; empty when no
    known type fits, None elsewhere. answer_type: `yes/no`, `number` or `other`; follows from the
    answers, so no model sees it. answers: the ten annotators', raw, in file order. multiple_choice_answer: the most
    common of them as the data set states it.
    """

    question: str = ""
    question_type: str | None = None
    answer_type: str | None = None
    answers: tuple[str, ...] = ()
    multiple_choice_answer: str | None = None
    asked_type: str | None = None

    @property
    def shown_type(self) -> str | None:
        """The question type that models see: it follows from the question."""
        return self.question_type if self.asked_type is None else self.asked_type or None

    @property
    def groups(self) -> Mapping[str, str]:
        kinds = {"question_type": self.question_type, "answer_type": self.answer_type}
        return {kind: name for kind, name in kinds.items() if name}
