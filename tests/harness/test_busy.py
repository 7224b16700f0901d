"""Two runs over the same cells: neither spoils the other's, and both end with everything done."""

import subprocess
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from madbench.errors import MadbenchError
from madbench.harness import cluster, executor, runner
from madbench.harness.execution import Execution, attempt, note_error
from madbench.harness.locks import Busy, is_locked, locked
from madbench.harness.progress import Lines, Quiet
from madbench.harness.runner import Settings
from madbench.harness.status import cell_states
from madbench.harness.store import Store


@pytest.fixture
def cell(bench):
    return bench.run(dry_run=True).plan.cells[0].cell


@pytest.fixture
def how(bench):
    return Execution(Store(bench.out), Settings("cpu"), 1, plugins=(str(bench.plugin),))


@pytest.fixture
def impatient(monkeypatch):
    """Who finds a cell taken knows it at once."""

    @contextmanager
    def at_once(self, cell, patience=0.0):
        with locked(self.folder(cell).path, cell.label, patience=0.0):
            yield self.folder(cell)

    monkeypatch.setattr(Store, "locked", at_once)


def test_a_lock_can_be_looked_at_without_writing(tmp_path):
    assert not is_locked(tmp_path) and not list(tmp_path.iterdir())
    with locked(tmp_path, "it"):
        assert is_locked(tmp_path)
        with pytest.raises(Busy, match="another process is working on it"):
            locked(tmp_path, "it", patience=0.0).__enter__()
    assert not is_locked(tmp_path)


def test_a_cell_of_another_process_is_not_made_a_failed_one(bench, cell, how, impatient):
    folder = how.store.folder(cell).path
    with locked(folder, "it"):
        assert isinstance(attempt(cell, how, lambda *_: None), Busy)
        note_error(cell, how.store, ValueError("x"))
        (state,) = cell_states(bench.out)
        assert state["state"] == "running"
    assert not (folder / "error.json").exists()


def test_an_old_error_is_gone_while_a_failed_cell_is_run_again(bench, how, monkeypatch):
    result = bench.run("broken")
    cell = result.plan.cells[0].cell
    error, seen = how.store.folder(cell).path / "error.json", []
    assert error.is_file()
    train = runner.Job.train
    monkeypatch.setattr(runner.Job, "train", lambda job: seen.append(error.exists()) or train(job))
    assert attempt(cell, how, lambda *_: None) is not None
    assert seen == [False] and error.is_file()


def test_code_that_ends_the_process_fails_its_cell_alone(cell, how, monkeypatch):
    monkeypatch.setattr(runner.Job, "train", lambda job: sys.exit(7))
    error = attempt(cell, how, lambda *_: None)
    assert "SystemExit: 7" in str(error) and error.exit_code == 1
    assert "SystemExit: 7" in (how.store.folder(cell).path / "error.json").read_text()


def test_a_place_that_cannot_be_written_is_named(cell, how, monkeypatch):
    def refuse(job):
        raise PermissionError(13, "Permission denied", "/cache/features")

    monkeypatch.setattr(runner.Job, "train", refuse)
    error = attempt(cell, how, lambda *_: None)
    assert str(error) == "/cache/features: Permission denied" and "MADBENCH_HOME" in error.fix


def test_debugging_shows_the_traceback_of_a_failing_cell(cell, how, monkeypatch, capsys):
    monkeypatch.setattr(runner.Job, "train", lambda job: 1 / 0)
    attempt(cell, how, lambda *_: None)
    assert "Traceback" not in capsys.readouterr().err
    monkeypatch.setenv("MADBENCH_DEBUG", "1")
    attempt(cell, how, lambda *_: None)
    assert "Traceback" in (err := capsys.readouterr().err) and "ZeroDivisionError" in err


# --------------------------------------------------------------------------- who comes last


def cells(*labels):
    return [SimpleNamespace(label=label, run_id=label, train_id=label, task="vqa") for label in labels]


def fake(answers, tried):
    """`attempt` with the answers of each cell, in turn."""

    def call(cell, *_):
        tried.append(cell.label)
        return answers[cell.label].pop(0) if answers.get(cell.label) else None

    return call


def test_what_is_busy_comes_last_and_the_others_of_its_training_with_it(tmp_path, monkeypatch):
    tried, told = [], []
    monkeypatch.setattr(executor, "attempt", fake({"a": [Busy("b"), Busy("b")]}, tried))
    monkeypatch.setattr(executor, "POLL_SECONDS", 0)
    monkeypatch.setattr(Store, "folder", lambda self, cell: SimpleNamespace(path=tmp_path))
    a, b, c = cells("a", "b", "c")
    b.train_id = "a"
    display = Quiet(3)
    monkeypatch.setattr(Lines, "say", lambda self, line: told.append(line))
    outcome = executor.execute([a, b, c], Execution(Store(tmp_path), Settings("cpu"), 1), display)
    assert tried == ["a", "c", "a", "a", "b"] and not outcome.failed
    assert [cell.label for cell in outcome.done] == ["c", "a", "b"]
    assert "a: another process works on it" in told[0]  # with --quiet too


def test_a_failure_still_ends_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(executor, "attempt", fake({"a": [Busy("b")], "c": [MadbenchError("no")]}, []))
    outcome = executor.execute(cells("a", "c", "d"), Execution(Store(tmp_path), Settings("cpu"), 1), Lines(3))
    assert [str(error) for _, error in outcome.failed] == ["no"] and outcome.not_started == 2


class Job:
    def __init__(self, name, errors):
        self.name, self.result = name, lambda: errors

    def ended(self):
        return True


def test_a_job_that_found_a_cell_busy_is_submitted_again_unless_it_is_done(tmp_path, monkeypatch):
    a, b, c = cells("a", "b", "c")
    results = {"1": [None, Busy("taken")], "2": [Busy("taken")], "3": [None]}
    submitted, done = [], {"c"}

    def submit(chains, *_):
        submitted.append([[cell.label for cell in chain] for chain in chains])
        names = [str(sum(map(len, submitted[:-1])) + place) for place in range(1, len(chains) + 1)]
        return [Job(name, results[name]) for name in names]

    monkeypatch.setattr(cluster, "POLL_SECONDS", 0)
    monkeypatch.setattr(Store, "folder", lambda self, cell: SimpleNamespace(path=tmp_path))
    monkeypatch.setattr(Store, "finished", lambda self, cell: cell.label in done)
    how = Execution(Store(tmp_path), Settings("cpu"))
    outcome = cluster.run_elsewhere(submit, [(a, b), (c,)], how, {}, Lines(3))
    assert submitted == [[["a", "b"], ["c"]], [["b"]]] and not outcome.failed
    assert [cell.label for cell in outcome.done] == ["a", "c", "b"]


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_two_terminals_with_one_command_both_end_with_all_cells_done(bench, jobs):
    text = bench.plugin.read_text()
    bench.plugin.write_text(
        text.replace("self.context.progress(", "__import__('time').sleep(0.5); self.context.progress(")
    )
    command = [
        *(sys.executable, "-m", "madbench", "run", "--plugin", bench.plugin, "--model", "stepper", "--draws", "all"),
        *("--protocol", bench.protocol(), "--data", f"vqa={bench.data}", "--out", bench.out, "--device", "cpu"),
        *("--jobs", jobs, "--quiet"),
    ]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        _, error = process.communicate(timeout=240)
        assert process.returncode == 0, error
    assert {one["state"] for one in cell_states(bench.out)} == {"done"}
    assert sum(line.startswith("fit") for line in bench.log()) == 2  # each cell was trained once
