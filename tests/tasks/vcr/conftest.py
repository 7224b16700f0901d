"""The invented files of tests/data/vcr."""

import json
from pathlib import Path

import pytest

from madbench.tasks.vcr import TASK

DATA = Path(__file__).parents[2] / "data" / "vcr"


@pytest.fixture(scope="session")
def fixtures() -> Path:
    return DATA / "fixtures"


@pytest.fixture(scope="session")
def golden() -> list[dict]:
    """150 invented rows with the results of the authors' tools."""
    with open(DATA / "shift_golden.jsonl", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


@pytest.fixture
def records(fixtures) -> list[dict]:
    """The five invented training rows, as they stand in the file."""
    with open(fixtures / "train.jsonl", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


@pytest.fixture
def read(tmp_path):
    """Writes raw rows as a source's val.jsonl and reads them with the real reader."""

    def read_records(rows: list[dict]):
        (tmp_path / "val.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return TASK.read(TASK.locate(tmp_path), "val")

    return read_records
