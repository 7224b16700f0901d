"""Which cells stay together, how many run at once, and what is said without a terminal."""

import io
from types import SimpleNamespace

import pytest

from madbench.harness import device, executor
from madbench.harness.progress import Lines, Quiet


def cell(train_id, name):
    return SimpleNamespace(train_id=train_id, label=name)


def test_cells_of_one_training_form_a_chain_in_order():
    cells = [cell("a", "1"), cell("b", "2"), cell("a", "3")]
    assert [[one.label for one in chain] for chain in executor.chains_of(cells)] == [["1", "3"], ["2"]]


def test_one_job_a_gpu_and_at_most_two_on_cpus(monkeypatch):
    monkeypatch.setattr(executor.os, "cpu_count", lambda: 16)
    monkeypatch.setattr(executor, "may_have_gpu", lambda: True)
    for names, jobs in ([], 1), (["0"], 1), (["0", "1", "2"], 3), (list("01234567"), 5):
        monkeypatch.setattr(executor, "gpu_names", lambda names=names: names)
        assert executor.default_jobs(5, "auto") == executor.default_jobs(5, "cuda") == jobs
    assert executor.default_jobs(5, "cpu") == 2 and executor.default_jobs(1, "cpu") == 1


@pytest.mark.parametrize(
    ("listed", "names"),
    [("0,2", ["0", "2"]), ("GPU-1a, GPU-2b", ["GPU-1a", "GPU-2b"]), ("1,-1,2", ["1"]), ("", []), ("-1", [])],
)
def test_gpus_as_they_are_listed(monkeypatch, listed, names):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", listed)
    assert device.gpu_names() == names


def test_cpu_asks_no_torch(monkeypatch):
    monkeypatch.setattr(device, "may_have_gpu", lambda: False)
    monkeypatch.setitem(__import__("sys").modules, "torch", None)  # importing it would raise
    assert device.resolve_device("cpu") == device.resolve_device("auto") == "cpu"


def test_plain_lines_one_per_event_and_one_each_ten_seconds(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("madbench.harness.progress.time.monotonic", lambda: now[0])
    stream = io.StringIO()
    lines = Lines(2, stream)
    lines.started("x")
    for second in range(25):
        now[0] = float(second)
        lines.progress("x", second, 50, "updates")
    lines.finished("x")
    lines.failed("y", "no")
    assert stream.getvalue().splitlines() == [
        "      x: started",
        "      x: 10/50 (20 %) updates, 10 s",
        "      x: 20/50 (40 %) updates, 20 s",
        "[1/2] x: done, 24 s",
        "[2/2] y: FAILED: no",
    ]


def test_quiet_tells_failures_only():
    stream = io.StringIO()
    lines = Quiet(1, stream)
    lines.started("x")
    lines.failed("x", "no")
    assert stream.getvalue() == "[1/1] x: FAILED: no\n"


def test_what_an_adapter_says_is_one_plain_line():
    stream = io.StringIO()
    Lines(1, stream).failed("x", "ValueError: a\x1b[2Jb\rc\n  second line")
    assert stream.getvalue() == "[1/1] x: FAILED: ValueError: a\\x1b[2Jb\\rc ...\n"
