"""The script of the mini board: what it names exists, and it is whole."""

import shlex
import shutil
import subprocess
from itertools import pairwise

import pytest

from madbench.home import shipped
from madbench.models.load import load_model
from madbench.protocols.loading import load_protocol

pytestmark = pytest.mark.skipif(shutil.which("sh") is None, reason="no POSIX shell")


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    """The commands that the script gives, as lists of words."""
    folder = tmp_path_factory.mktemp("board")
    script = shipped("leaderboards") / "mini.sh"
    ran = subprocess.run(
        ["sh", str(script), str(folder)],
        env={"MADBENCH": "echo", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    return [shlex.split(line) for line in ran.stdout.splitlines()]


def values(command, option):
    return [value for name, value in pairwise(command) if name == option]


def test_models_and_protocols_of_the_script_exist(commands):
    for command in commands:
        assert [load_protocol(name).name for name in values(command, "--protocol")] == values(command, "--protocol")
        for name in values(command, "--model"):
            assert load_model(name).name == name.rpartition("/")[2].removesuffix(".yaml")


def test_the_rows_that_are_compared_run_at_every_fraction(commands):
    of = {}
    for command in commands:
        if command[0] == "run":
            of.setdefault(values(command, "--protocol")[0], set()).update(values(command, "--model"))
    rows = {"student", "naive-kd", "clip-td", "mad", "mad-pool", "student-pool", "clip-probe", "text-only"}
    assert all(rows <= of[f"lowshot-{fraction}pct"] for fraction in (1, 5, 10))
    assert {"student", "mad", "text-only"} <= of["domainshift"]
    assert {"student-doubled", "c3-random-teacher"} <= of["lowshot-1pct"]


def test_tuned_rows_had_the_same_trials_and_updates(commands):
    (tune,) = [command for command in commands if command[0] == "tune"]
    assert values(tune, "--model") == ["student", "naive-kd"]
    student, distilled = (
        load_model(str(shipped("leaderboards") / "mini-tuned" / f"{name}-tuned.yaml"))
        for name in values(tune, "--model")
    )
    for task in ("vcr", "snli_ve", "vqa"):
        one, two = (spec.resolve(task, "mini").options["training"] for spec in (student, distilled))
        assert {**one, "learning_rate": 0} == {**two, "learning_rate": 0}
