from pathlib import Path

import pytest

from madbench.tasks.snli_ve.rows import SnliVeRow


@pytest.fixture
def root() -> Path:
    """Invented files in the layout of 2020, with pictures; `release_2018/` below holds the older one."""
    return Path(__file__).parents[2] / "data" / "snli_ve"


@pytest.fixture
def row():
    """Make a row: `row(7, "A cat sleeps.", "neutral")`."""

    def make(number: int, hypothesis: str, label: str, image: str = "100") -> SnliVeRow:
        pair = f"{image}.jpg#{number}r1{label[0]}"
        return SnliVeRow(pair, image, Path(f"/pictures/{image}.jpg"), None, label, hypothesis, label)

    return make
