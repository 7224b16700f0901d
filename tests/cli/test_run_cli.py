"""`madbench run`, `plan` and `status` as typed: output, exit codes, and what is not imported."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from madbench.cli.app import run_app
from madbench.registry import ADAPTERS

PLUGIN = """
import numpy as np

import madbench


@madbench.register_model("coin")
class Coin(madbench.ModelAdapter):
    def predict(self, split):
        return np.random.default_rng(self.context.seed).random((len(split), split.n_choices))
"""
FIXTURES = Path(__file__).parent.parent / "harness" / "conftest.py"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a tiny vqa source, which is the working directory."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("tiny_vqa", FIXTURES)
    tiny = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tiny)
    monkeypatch.setenv("MADBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(ADAPTERS, "_added", {})  # plugins of one test are not those of the next
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))  # of processes started from that folder
    monkeypatch.chdir(tmp_path)
    tiny.write_vqa(tmp_path / "vqa", images=80)
    (tmp_path / "plug.py").write_text(PLUGIN)
    return tmp_path


def madbench(capsys, *arguments):
    code = run_app([*arguments])
    output = capsys.readouterr()
    return code, output.out, output.err


RUN = ("run", "--model", "majority", "--protocol", "lowshot-10pct", "--data", "vqa=vqa", "--jobs", "1")


def test_run_prints_the_board_and_names_the_folder_last(place, capsys):
    code, out, err = madbench(capsys, *RUN)
    assert code == 0
    assert "lowshot-10pct@1 on real data" in out and "majority" in out
    assert out.splitlines()[-1] == "results: runs"
    assert "left out: vcr: no data registered" in err and "1 of 5 declared draws" in err
    assert "[1/1] majority lowshot-10pct@1 vqa draw 0 seed 0: done" in err


def test_a_plugin_outside_the_repository_stands_in_the_board(place, capsys):
    code, out, _ = madbench(capsys, *RUN, "--plugin", "plug.py", "--model", "coin")
    assert code == 0 and "| coin " in out


def test_plan_and_dry_run_start_nothing_and_show_cells_and_labels(place, capsys):
    for arguments in (("plan", *RUN[1:]), (*RUN, "--dry-run")):
        code, out, _ = madbench(capsys, *arguments)
        assert code == 0 and not (place / "runs").exists()
        assert "majority  lowshot-10pct@1  vqa   real    0     0     21" in out and "train" in out
        assert "not the official data: train: 240 rows, officially 443,757" in out


def test_a_model_that_needs_images_is_refused_with_exit_3_and_the_reason(place, capsys):
    code, out, err = madbench(capsys, "plan", *RUN[1:], "--model", "student")
    assert code == 3
    assert "refused: student lowshot-10pct@1 vqa" in out and "has none for train, val" in err
    assert "majority" in out  # what can run is still planned
    code, _, err = madbench(capsys, *RUN, "--model", "student")
    assert code == 3 and "needs images" in err and not (place / "runs").exists()


def test_mini_weights_on_real_data_are_refused_with_exit_2(place, capsys):
    for split in ("train2014", "val2014"):
        (place / "vqa" / split).mkdir()
    code, _, err = madbench(capsys, "plan", *RUN[1:], "--model", "clip-probe")
    assert code == 2 and "mini:clip" in err and "only know the mini data" in err


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("--model", "mda", "--protocol", "lowshot-1pct"), 2, "did you mean 'mad'?"),
        (("--model", "majority", "--protocol", "lowshot-1pc"), 2, "did you mean 'lowshot-1pct'?"),
        (("--model", "majority", "--protocol", "full", "--data", "vcr=/nonexistent"), 3, "/nonexistent is not there"),
        (("--model", "majority", "--protocol", "full", "--data", "vqa=vqa", "--task", "vcr"), 3, "no data for vcr"),
        (("--model", "majority", "--protocol", "full", "--plugin", "none.py"), 2, "plugin none.py is not there"),
        (("--protocol", "full"), 2, "--model"),
    ],
)
def test_mistakes_have_their_exit_code_and_one_line(place, capsys, arguments, code, text):
    got, _, err = madbench(capsys, "run", *arguments)
    assert got == code and text in err and err.startswith("error: ") and "\nfix: " in err
    assert "Traceback" not in err


def test_a_wrong_option_value_names_the_nearest_option(place, capsys):
    code, _, err = madbench(capsys, "plan", *RUN[1:], "--model", "text-only", "--set", "training.learning_rat=1.0e-4")
    assert code == 2 and "options.training" in err


def test_status_lists_cells(place, capsys):
    madbench(capsys, *RUN, "--quiet")
    code, out, _ = madbench(capsys, "status")
    assert code == 0 and out.startswith("done ") and out.endswith("1 done\n")
    _, out, _ = madbench(capsys, "status", "--json")
    assert json.loads(out)[0]["state"] == "done"
    assert madbench(capsys, "status", "nowhere")[0] == 3


@pytest.mark.parametrize("command", ["plan", "run"])
def test_plan_and_a_finished_run_leave_torch_alone(place, capsys, command):
    madbench(capsys, *RUN, "--quiet")
    code = (
        "import sys; from madbench.cli.app import run_app; code = run_app(sys.argv[1:]);"
        "print('torch' in sys.modules, 'transformers' in sys.modules, code)"
    )
    arguments = [command, *RUN[1:], "--model", "majority"]
    if command == "plan":
        arguments += ["--model", "text-only"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert done.stdout.splitlines()[-1] == "False False 0"


def test_the_torch_test_can_fail(place):
    code = "import sys; import madbench.models.finetune; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
