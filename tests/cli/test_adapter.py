"""`madbench adapter new` and `adapter check`: what is written runs as printed, and what is wrong is told."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys

import pytest

from madbench.harness.scaffold import class_name
from madbench.registry import ADAPTERS

BROKEN = """
import numpy as np
import madbench


@madbench.register_model("lopsided")
class Lopsided(madbench.ModelAdapter):
    tasks = ("vqa",)

    def predict(self, split):
        print("predicting")
        return np.zeros((len(split), 1))
"""


@pytest.fixture(autouse=True)
def fresh(tmp_path, monkeypatch):
    """A fresh folder to stand in; what a test registers is gone after it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ADAPTERS, "_added", {})
    return tmp_path


def commands(result):
    """The commands that `adapter new` printed."""
    assert result.code == 0, result.err
    return [shlex.split(line) for line in result.out.split("next:\n")[1].splitlines()]


def test_new_writes_three_files_under_the_name(madbench, fresh):
    result = madbench("adapter", "new", "bag-of-words")
    folder = fresh / "bag-of-words"
    written = {path.name: path.read_text() for path in folder.iterdir()}
    assert sorted(written) == ["bag-of-words-long.yaml", "bag_of_words.py", "test_bag_of_words.py"]
    assert all("my-model" not in text and "my_model" not in text for text in written.values())
    assert '@madbench.register_model("bag-of-words")\nclass BagOfWords(' in written["bag_of_words.py"]
    assert [words[:3] for words in commands(result)] == [
        ["madbench", "adapter", "check"],
        ["pytest", "bag-of-words"],
        ["madbench", "run", "--model"],
        ["madbench", "run", "--model"],
    ]


def test_check_as_printed_passes_and_validate_knows_the_model_file(madbench):
    check, *_ = commands(madbench("adapter", "new", "words", "--out", "some where/deep"))
    result = madbench(*check[1:])
    assert result.code == 0, result.out
    assert result.out.splitlines()[-1].endswith("on cpu: 58 passed")
    plugin = check[check.index("--plugin") + 1]
    assert plugin == "some where/deep/words.py"
    assert madbench("validate", "some where/deep/words-long.yaml", "--plugin", plugin).code == 0
    assert not [path for path in os.listdir() if path != "some where"], "nothing else is written"


@pytest.mark.slow
def test_everything_printed_runs_as_printed_from_a_fresh_folder(madbench):
    _, *others = commands(madbench("adapter", "new", "words"))
    for words in others:
        module = words[:1] if words[0] == "pytest" else ["madbench"]
        done = subprocess.run(
            [sys.executable, "-m", *module, *words[1:]], capture_output=True, text=True, check=False
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    assert "words-long" in done.stdout and "VQA" in done.stdout


@pytest.mark.parametrize(
    ("name", "said", "fix"),
    [
        ("MyModel", "names are lower-case words with hyphens between", "use my-model"),
        ("my_model", "names are lower-case words", "use my-model"),
        ("--", "cannot name a model", "use a name like my-model"),
        ("../up", "cannot name a model", "use up"),
        ("mad", "the model name 'mad' is taken", "my-mad"),
        ("finetune", "the adapter name 'finetune' is taken", "my-finetune"),
        ("json", "would hide the Python module json", "json-model"),
        ("numpy", "would hide the Python module numpy", "numpy-model"),
        ("madbench", "would hide the Python module madbench", "madbench-model"),
    ],
)
def test_a_name_that_cannot_be_used_exits_2_and_writes_nothing(madbench, fresh, name, said, fix):
    result = madbench("adapter", "new", "--out", "made", "--", name)
    assert result.code == 2
    assert said in result.err and fix in result.err
    assert not list(fresh.iterdir())


def test_nothing_is_overwritten_and_nothing_half_written(madbench, fresh):
    (fresh / "words").mkdir()
    mine = fresh / "words" / "words.py"
    mine.write_text("mine")
    result = madbench("adapter", "new", "words")
    assert result.code == 2 and "words/words.py is there already; nothing was written" in result.err
    assert mine.read_text() == "mine" and [path.name for path in mine.parent.iterdir()] == ["words.py"]
    (fresh / "file").write_text("")
    result = madbench("adapter", "new", "words", "--out", "file")
    assert result.code == 2 and "file is a file" in result.err


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("my-model", "MyModel"),
        ("a-b2-c", "AB2C"),
        ("3d-net", "Model3dNet"),
        ("field", "ModelField"),
        ("none", "ModelNone"),
    ],
)
def test_names_as_classes(name, expected):
    assert class_name(name) == expected and expected.isidentifier()


def test_a_failed_check_exits_4_and_says_what_was_seen(madbench, fresh):
    (fresh / "plug.py").write_text(BROKEN)
    result = madbench("adapter", "check", "lopsided", "--plugin", "plug.py")
    assert result.code == 4
    lines = result.out.splitlines()
    place = lines.index(
        "FAIL  predicts            every condition and leg needs a finite score for each choice, or (vqa) a string"
    )
    assert lines[place + 1].lstrip().startswith("on val, leg main: predict returned shape [")
    assert lines[-1].endswith("(vqa: predicts)") and "1 failed, " in lines[-1]
    assert "left out: vcr: it does vqa only" in lines


def test_json_holds_every_check_and_what_an_adapter_prints_is_elsewhere(madbench, fresh):
    (fresh / "plug.py").write_text(BROKEN)
    result = madbench("adapter", "check", "lopsided", "--plugin", "plug.py", "--task", "vqa", "--json")
    assert result.code == 4
    found = json.loads(result.out)
    assert found["passed"] is False and found["model"] == "lopsided" and found["origin"].endswith("plug.py")
    (failed,) = [one for one in found["results"] if one["state"] == "fail"]
    assert failed["check"] == "predicts" and failed["task"] == "vqa" and failed["why"] and failed["reason"]
    assert {"task", "name", "seconds", "memory_mb", "cuda_mb"} == set(found["steps"][0])
    assert "predicting" in result.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nobody",), 2, "no model named 'nobody'"),
        (("majority", "--task", "vqaa"), 2, "no task named 'vqaa'"),
        (("majority", "--device", "gpu"), 2, "--device gpu: expected"),
        (("majority", "--plugin", "nowhere.py"), 2, "the plugin nowhere.py is not there"),
        (("student", "--set", "training.passses=1"), 2, "did you mean 'passes'"),
        (("uniter-base",), 2, "official weights"),
    ],
)
def test_what_cannot_be_checked_is_no_failed_check(madbench, words, code, said):
    result = madbench("adapter", "check", *words)
    assert result.code == code and said in result.err, result.err


def test_new_does_without_the_heavy_packages(tmp_path):
    code = "import sys; from madbench.cli.app import run_app; run_app(['adapter', 'new', 'words']); print({'torch', 'transformers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.endswith("set()\n")
