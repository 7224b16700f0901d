"""What every test stands on: a madbench home of its own, one thread, and the command line in-process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

# Before anything imports torch: several small processes on few cores are slower with more threads each.
os.environ.setdefault("OMP_NUM_THREADS", "1")

REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Result:
    """What a command did: its exit code, and what it wrote to stdout and stderr."""

    code: int
    out: str
    err: str


# In CI the same examples every time: a run that fails must fail again when it is looked at.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    hypothesis.settings.load_profile("ci")


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for the session, shared by parallel workers, so that mini is written once."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "madbench-home"


@pytest.fixture(autouse=True)
def _own_home(shared_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the data sets a user has registered, or writes into their cache."""
    monkeypatch.setenv("MADBENCH_HOME", str(shared_home))
    monkeypatch.delenv("MADBENCH_DEBUG", raising=False)


@pytest.fixture
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture
def madbench(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Result]]:
    """`madbench("list", "models")`: one command line, run in this process."""

    def call(*arguments: object) -> Result:
        from madbench.cli.app import run_app

        capsys.readouterr()
        code = run_app([str(argument) for argument in arguments])
        written = capsys.readouterr()
        return Result(code, written.out, written.err)

    yield call
