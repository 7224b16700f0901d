import json
from pathlib import Path

import pytest

from madbench.tasks.vqa.rows import VqaRow

DATA = Path(__file__).parents[2] / "data" / "vqa"


@pytest.fixture
def root() -> Path:
    """Invented files in the official layout, with pictures."""
    return DATA


@pytest.fixture(params=[("vqa_golden.jsonl", "2021"), ("vqa_golden_pre2021.jsonl", "2016")], ids=lambda one: one[1])
def golden(request) -> tuple[list[dict], str]:
    """1,000 questions scored by the official tool, and the version of the tool."""
    name, version = request.param
    return [json.loads(line) for line in (DATA / name).read_text().splitlines()], version


@pytest.fixture
def row():
    """Make a row: `row(7, "red", question_type="what color is the")`, ten equal answers unless given."""

    def make(number: int, answer: str, *, answers=None, question_type="what is", answer_type="other", **rest) -> VqaRow:
        return VqaRow(
            example_id=str(number),
            image_id=str(number // 1000),
            stratum=answer_type,
            question=rest.pop("question", "What is it?"),
            question_type=question_type,
            answer_type=answer_type,
            answers=tuple(answers or [answer] * 10),
            multiple_choice_answer=answer,
            **rest,
        )

    return make
