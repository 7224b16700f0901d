"""Several processes of one training: rank 0 decides, writes and prints; failures are one line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from madbench.cli.arguments import as_arguments
from madbench.errors import MadbenchError
from madbench.harness import processes
from madbench.harness.device import resolve_precision
from madbench.harness.following import merged, predict_together

BREAKS = """
import os
import numpy as np
import madbench
from madbench.errors import MadbenchError

@madbench.register_model("breaks")
class Breaks(madbench.ModelAdapter):
    data_parallel = True

    def fit(self, train, select):
        import torch
        if os.environ["BREAKS"] == str(self.context.rank):
            raise MadbenchError("broken here", fix="mend it")
        torch.distributed.all_reduce(torch.ones(1))

    def predict(self, split):
        return np.zeros((len(split), split.n_choices))
"""
SPEC = "schema: 1\nname: breaks\nversion: 1\nadapter: breaks\nsummary: breaks\nneeds: [text]\n"
FEW = ["--set", "training.min_examples=48", "--set", "training.max_examples=48", "--set", "student.dropout=0"]

# Saves after every update, tells which updates rank 0 does, and kills the process of rank KILL before the fourth.
KILLS = """
import os
import signal
from madbench.training import loop

loop.CHECKPOINT_SECONDS = 0
update = loop._Loop._update

def watched(self, step, pieces):
    if step == 3 and os.environ.get("KILL") == str(self.group.rank):
        os.kill(os.getpid(), signal.SIGKILL)
    if self.group.rank == 0:
        with open(os.environ["STEPS"], "a") as stream:
            stream.write(f"{step} ")
    update(self, step, pieces)

loop._Loop._update = watched
"""


def madbench(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "madbench", *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1", **environment},
    )


def run_mini(out, *more, **environment):
    given = ["--protocol", "lowshot-1pct", "--task", "snli_ve", "--data", "mini", "--limit", "24", "--device", "cpu"]
    return madbench("run", *given, "--out", str(out), *more, **environment)


def record_of(out):
    (file,) = Path(out).glob("**/record.json")
    return json.loads(file.read_text()), file.parent


@pytest.mark.slow
def test_two_processes_make_the_record_that_one_makes(tmp_path):
    import pyarrow.parquet

    for count in ("1", "2"):
        done = run_mini(tmp_path / count, "--model", "student", "--nproc", count, "--quiet", *FEW)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("results: ") == 1
    (one, alone), (two, both) = record_of(tmp_path / "1"), record_of(tmp_path / "2")
    assert (one["usage"]["processes"], two["usage"]["processes"]) == (1, 2)
    assert one["usage"]["examples_seen"] == two["usage"]["examples_seen"] == 48
    assert one["run_id"] == two["run_id"]
    files = sorted(path.relative_to(alone) for path in alone.glob("predictions/*"))
    assert files == sorted(path.relative_to(both) for path in both.glob("predictions/*"))
    for file in files:
        first, second = (pyarrow.parquet.read_table(folder / file).to_pydict() for folder in (alone, both))
        assert first["example_id"] == second["example_id"]
        assert np.allclose(first["main_scores"], second["main_scores"], atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("rank", "said"), [("0", "broken here"), ("1", "process 2 of 2: broken here")])
def test_a_process_that_fails_ends_all_with_one_error_line(tmp_path, rank, said):
    (tmp_path / "breaks.py").write_text(BREAKS)
    (tmp_path / "breaks.yaml").write_text(SPEC)
    model = ["--plugin", str(tmp_path / "breaks.py"), "--model", str(tmp_path / "breaks.yaml")]
    done = run_mini(tmp_path / "out", *model, "--nproc", "2", "--quiet", BREAKS=rank)
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if line.startswith("error:")] == [f"error: {said}"]
    assert "fix: mend it" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
def test_two_processes_of_which_one_is_killed_go_on_and_end_with_the_same_metrics(tmp_path):
    """Bit for bit, dropout and all: what is random in an update depends on the seed, the update and the process."""
    (tmp_path / "kills.py").write_text(KILLS)
    few = ["--set", "training.min_examples=48", "--set", "training.max_examples=48"]
    given = ["--plugin", str(tmp_path / "kills.py"), "--model", "student", "--nproc", "2", "--quiet", *few]
    given += ["--set", "training.batch_examples=8"]

    def run(out, steps, **environment):
        return run_mini(tmp_path / out, *given, STEPS=str(tmp_path / steps), **environment)

    assert run("whole", "all").returncode == 0
    killed = run("killed", "first", KILL="1")
    assert killed.returncode == 1 and "process 2 of 2 was ended by SIGKILL" in killed.stderr
    assert not list((tmp_path / "killed").glob("**/record.json"))
    again = run("killed", "second")
    assert again.returncode == 0, again.stderr
    assert [(tmp_path / steps).read_text().split() for steps in ("all", "second")] == [list("012345"), list("345")]
    (whole, straight), (ended, resumed) = record_of(tmp_path / "whole"), record_of(tmp_path / "killed")
    assert ended["run_id"] == whole["run_id"] and ended["usage"]["processes"] == 2
    assert ended["conditions"] == whole["conditions"]
    for file in straight.glob("predictions/*"):
        assert file.read_bytes() == (resumed / "predictions" / file.name).read_bytes()


class Group:
    """Both processes of a split in turn: the second one's share is kept until the first gathers."""

    def __init__(self, rank, kept):
        self.rank, self.world, self.kept = rank, 2, kept

    def gather(self, value):
        self.kept.append(value)
        return self.kept[::-1] if self.rank == 0 else []


class Lengths:
    def predict(self, split):
        return np.array([[len(example.id), 1.0] for example in split])


def test_every_example_is_predicted_once_and_comes_back_in_its_place():
    from types import SimpleNamespace

    from madbench.tasks.contract import Split

    examples = [SimpleNamespace(id="x" * length) for length in (1, 2, 3, 4, 5)]
    split, kept = Split(examples, leg="main", n_choices=2), []
    assert predict_together(Lengths(), split, Group(1, kept)) is None
    together = predict_together(Lengths(), split, Group(0, kept))
    assert [len(share) for share in kept] == [2, 3]
    assert together[:, 0].tolist() == [1, 2, 3, 4, 5]


def test_answers_in_words_are_put_together_too_and_a_wrong_count_is_told():
    assert merged([["a", "c"], ["b"]], 3) == ["a", "b", "c"]
    assert merged([["a"], []], 1) == ["a"]
    with pytest.raises(MadbenchError, match="process 2 of 2 predicted 2 examples"):
        merged([["a", "c"], ["b", "d"]], 3)


def test_only_a_launcher_makes_a_process_one_of_several(monkeypatch):
    for name in ("RANK", "LOCAL_RANK", "MASTER_ADDR", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORLD_SIZE", "4")  # some schedulers set it for everything
    assert (processes.world(), processes.rank(), processes.launched()) == (1, 0, False)
    for name, value in {"RANK": "3", "LOCAL_RANK": "1", "MASTER_ADDR": "here"}.items():
        monkeypatch.setenv(name, value)
    assert (processes.world(), processes.rank(), processes.launched()) == (4, 3, True)


def test_the_command_is_handed_on_as_it_was_typed():
    given = {"model": ["a", "b"], "out": Path("x"), "set_": ["k=v"], "quiet": True, "overwrite": False, "limit": None}
    typed = ["--model", "a", "--model", "b", "--out", "x", "--set", "k=v", "--quiet"]
    assert as_arguments(given) == typed


def test_precision_on_a_cpu():
    assert resolve_precision("auto", "cpu") == "fp32"
    assert resolve_precision("bf16", "cpu") == "bf16"
