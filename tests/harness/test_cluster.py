"""Cells as jobs of a cluster: the same results, and what happens to jobs when one fails."""

import json
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from madbench.errors import MadbenchError, UsageError
from madbench.harness import cluster
from madbench.harness.execution import Execution
from madbench.harness.progress import Lines

HERE = ("cluster=local", "timeout_min=5")  # submitit's processes on this machine


def metrics(result):
    return {
        folder.name: [one["metrics"] for one in json.loads((folder / "record.json").read_text())["conditions"]]
        for folder in result.folders
    }


# --------------------------------------------------------------------------- waiting for jobs


class FakeJob:
    """Ends when it is looked at for the `after`-th time, with `errors` or by raising."""

    def __init__(self, name, errors, after=1):
        self.name, self.errors, self.left, self.cancelled = name, errors, after, False

    def ended(self):
        self.left -= 1
        return self.left <= 0

    def result(self):
        if isinstance(self.errors, Exception):
            raise self.errors
        return self.errors

    def cancel(self):
        self.cancelled = True


def chain(*labels):
    return tuple(SimpleNamespace(label=label) for label in labels)


def waited(jobs, chains, monkeypatch, keep_going=False):
    monkeypatch.setattr(cluster, "POLL_SECONDS", 0)
    told = []
    display = Lines(sum(map(len, chains)))
    display.say = told.append
    how = Execution(None, None, keep_going=keep_going)
    return cluster.run_elsewhere(lambda *_: jobs, chains, how, {}, display), told


def test_jobs_are_taken_as_they_end(monkeypatch):
    jobs = [FakeJob("1", [None, None], after=3), FakeJob("2", [None])]
    outcome, told = waited(jobs, [chain("a", "b"), chain("c")], monkeypatch)
    assert [cell.label for cell in outcome.done] == ["c", "a", "b"] and outcome.not_started == 0
    assert told == ["submitted 2 jobs: 1 ...", "[1/3] c: done", "[2/3] a: done", "[3/3] b: done"]
    assert not any(job.cancelled for job in jobs)


def test_a_failed_cell_cancels_the_other_jobs_and_the_rest_of_its_own(monkeypatch):
    jobs = [FakeJob("1", [MadbenchError("no")]), FakeJob("2", [None], after=9)]
    outcome, _ = waited(jobs, [chain("a", "b"), chain("c", "d")], monkeypatch)
    assert [str(error) for _, error in outcome.failed] == ["no"] and outcome.not_started == 3
    assert not jobs[0].cancelled and jobs[1].cancelled


def test_or_the_others_go_on(monkeypatch):
    jobs = [FakeJob("1", [MadbenchError("no")]), FakeJob("2", [None], after=9)]
    outcome, _ = waited(jobs, [chain("a", "b"), chain("c")], monkeypatch, keep_going=True)
    assert [cell.label for cell in outcome.done] == ["c"] and outcome.not_started == 1
    assert not any(job.cancelled for job in jobs)


def test_a_job_without_a_result_is_a_failed_cell(monkeypatch):
    jobs = [FakeJob("job 7", RuntimeError("many words\nslurmstepd: out of memory\n\n"))]
    outcome, _ = waited(jobs, [chain("a", "b")], monkeypatch)
    ((cell, error),) = outcome.failed
    assert cell.label == "a" and outcome.not_started == 1
    assert "job 7 ended without a result: slurmstepd: out of memory" in str(error) and "goes on" in error.fix


def test_an_interruption_cancels_all_jobs(monkeypatch):
    jobs = [FakeJob("1", [None], after=9), FakeJob("2", KeyboardInterrupt())]
    jobs[1].result = lambda: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        waited(jobs, [chain("a"), chain("b")], monkeypatch)
    assert jobs[0].cancelled


# --------------------------------------------------------------------------- commands


def test_printed_commands_are_one_a_training_and_run_as_they_stand(bench, madbench):
    one, two = bench.protocol(), bench.protocol("wide", conditions=("{name: val, kind: split}",))
    asked = ["run", "--model", "coin", "--protocol", one, "--protocol", two, "--draws", "all", "--data"]
    asked += [f"vqa={bench.data}", "--plugin", bench.plugin, "--out", bench.folder / "its runs", "--device", "cpu"]
    asked += ["--set", "seen=3", "--nproc", "2", "--jobs", "4", "--quiet"]
    printed = madbench(*asked, "--executor", "print")
    commands = [shlex.split(line) for line in printed.out.splitlines()]
    assert printed.code == 0 and bench.log() == [] and len(commands) == 2  # a draw each, both protocols in one training
    for draw, words in enumerate(commands):
        assert words[:2] == ["madbench", "run"] and words[words.index("--draws") + 1] == str(draw)
        assert {one, two} <= set(words) and {"--nproc", "2", "seen=3", "--quiet"} <= set(words)
        assert not {"--jobs", "--executor", "--precision"} & set(words)
    alone = [word for word in commands[1][1:] if word not in ("--nproc", "2")]
    assert madbench(*alone).code == 0
    left = madbench(*asked, "--executor", "print").out.splitlines()
    assert left == printed.out.splitlines()[:1]


def test_two_files_of_one_model_name_are_two_commands(bench, madbench):
    files = []
    for place, seen in ("one", 3), ("two", 4):
        (bench.folder / place).mkdir()
        files.append(bench.folder / place / "coin.yaml")
        files[-1].write_text(
            f"schema: 1\nname: coin\nversion: 1\nadapter: coin\nsummary: a coin\noptions: {{seen: {seen}}}\n"
        )
    asked = ["run", "--protocol", bench.protocol(), "--data", f"vqa={bench.data}", "--plugin", bench.plugin]
    asked += [word for file in (*files, files[0]) for word in ("--model", file)]
    lines = madbench(*asked, "--executor", "print").out.splitlines()
    assert [word for line in lines for word in shlex.split(line) if word.endswith("coin.yaml")] == list(map(str, files))


def test_a_printed_command_names_what_was_named(madbench):
    model = "leaderboards/mini-tuned/student-tuned.yaml"
    asked = ("run", "--model", model, "--protocol", "lowshot-1pct", "--task", "vqa", "--data", "mini")
    assert madbench(*asked, "--executor", "print", "--dry-run").out.endswith("in training\n")  # the plan
    refused = madbench(*asked, "--executor", "ray", "--jobs", "2")
    assert refused.code == 2 and "--jobs is for cells on this machine" in refused.err
    refused = madbench(*asked, "--executor", "slurm", "--nproc", "2")
    assert refused.code == 2 and "jobs of one process" in refused.err and "--executor print" in refused.err


# --------------------------------------------------------------------------- Slurm


def test_a_job_gives_what_this_process_gives(bench, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("elsewhere").mkdir()
    alone = bench.run("coin", out=tmp_path / "one")
    jobs = bench.run("coin", out=Path("two"), executor="slurm", cluster=HERE)
    assert jobs.exit_code == 0 and metrics(jobs) == metrics(alone)
    assert {one.suffix for one in (tmp_path / "two" / cluster.LOGS).iterdir()} >= {".err", ".out"}


@pytest.mark.slow
def test_cells_fail_in_jobs_as_they_fail_here(bench, monkeypatch):
    wrong = bench.run(["broken", "coin"], executor="slurm", cluster=HERE, on_error="continue")
    assert wrong.exit_code == 1 and len(wrong.folders) == 1
    assert str(wrong.errors[0]) == str(bench.run("broken", out=bench.folder / "here").errors[0])
    monkeypatch.setenv("KILL_AT", "3")
    killed = bench.run("stepper", executor="slurm", cluster=HERE)
    assert killed.exit_code == 1 and "ended without a result" in str(killed.errors[0])
    monkeypatch.delenv("KILL_AT")
    bench.forget_log()
    assert bench.run("stepper", executor="slurm", cluster=HERE).exit_code == 0
    assert any(line.startswith("resume") for line in bench.log())


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"cluster": ("cluster=local", "timeout=5")}, "timeout"),
        ({"cluster": ("cluster=cloud",)}, "cloud"),
        ({"cluster": ("timeout_min",)}, "expected KEY=VALUE"),
        ({"cluster": ("timeout_min=[",)}, "no YAML"),
        ({"cluster": HERE, "executor": "local"}, "is for --executor slurm and ray"),
        ({"executor": "print"}, "of the command line"),
    ],
)
def test_wrong_parameters_are_told_before_anything_starts(bench, options, text):
    error = bench.refused(UsageError, model="coin", **{"executor": "slurm", **options})
    assert text in str(error) and error.fix and bench.log() == []


@pytest.mark.parametrize(("executor", "library"), [("slurm", "submitit"), ("ray", "ray")])
def test_a_missing_library_is_told_with_its_extra(bench, monkeypatch, executor, library):
    monkeypatch.setitem(sys.modules, library, None)
    error = bench.refused(UsageError, model="coin", executor=executor)
    assert f"needs {library}" in str(error) and f"madbench[{executor}]" in error.fix


# --------------------------------------------------------------------------- Ray


@pytest.mark.slow
def test_a_task_of_ray_gives_what_this_process_gives(bench, tmp_path):
    ray = pytest.importorskip("ray")
    try:
        tasks = bench.run("coin", out=tmp_path / "two", executor="ray", draws="all")
        wrong = bench.run("broken", out=tmp_path / "two", executor="ray")
        refused = bench.refused(UsageError, model="coin", seeds="1", executor="ray", cluster=["gpus=1"])
    finally:
        ray.shutdown()
    assert tasks.exit_code == 0 and metrics(tasks) == metrics(bench.run("coin", draws="all"))
    assert wrong.exit_code == 1 and "--executor ray" in str(refused)
