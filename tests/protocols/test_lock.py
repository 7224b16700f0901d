"""protocols.lock: what a name and version stand for does not change without the version."""

import shutil
import subprocess
import sys

import pytest

from madbench.errors import NotComparable
from madbench.files import read_json
from madbench.protocols import lock
from madbench.tasks import golden
from madbench.tasks.vqa import score


def test_what_ships_is_what_is_locked():
    locked, now = lock.read(), lock.current()
    assert lock.changed(locked, now) == []
    assert lock.missing(locked, now) == []


def test_every_metric_of_every_task_has_a_golden_output(madbench):
    from madbench.registry import TASKS

    computed = set(golden.outputs())
    for task in TASKS.names():
        for metric, version in TASKS.load(task).metric_versions.items():
            assert f"{metric}@{version}" in computed


def test_golden_outputs_tell_right_from_wrong():
    """All ones or all zeros would guard nothing."""
    for name, cases in golden.outputs().items():
        assert any(0 < value < 1 for value, _ in cases.values()), name


@pytest.fixture
def shipped(tmp_path, monkeypatch, repository):
    """A copy of what ships, to be changed."""
    shutil.copytree(repository / "protocols", tmp_path / "protocols")
    monkeypatch.setattr(lock, "shipped", lambda folder: tmp_path / folder)
    return tmp_path / "protocols"


def test_a_protocol_that_changes_under_its_version_fails_with_what_to_do(shipped):
    file = shipped / "lowshot-10pct.yaml"
    file.write_text(file.read_text() + "\nimage_overlap: by-construction\n")
    (problem,) = lock.changed(lock.read(), lock.current())
    assert "protocol lowshot-10pct@1 does not score as it did" in problem
    assert (
        "raise `version` in protocols/lowshot-10pct.yaml, then run `python -m madbench.protocols.lock --write`"
        in problem
    )
    with pytest.raises(NotComparable, match="does not score as it did"):
        lock.write()


def test_words_may_change(shipped):
    file = shipped / "lowshot-10pct.yaml"
    lines = [line for line in file.read_text().splitlines() if not line.startswith("summary:")]
    file.write_text("\n".join([*lines, "summary: said better", "# and a comment"]) + "\n")
    assert lock.changed(lock.read(), lock.current()) == []


def test_a_new_version_is_added_and_the_old_entry_stays(shipped):
    file = shipped / "lowshot-10pct.yaml"
    text = file.read_text().replace("version: 1", "version: 2")
    file.write_text(text + "\nimage_overlap: by-construction\n")
    assert lock.missing(lock.read(), lock.current()) == [
        f"protocol lowshot-10pct@2 is not locked: run `{lock.COMMAND}`"
    ]
    before = lock.read()["protocols"]
    assert lock.write() == ["lowshot-10pct@2"]
    after = read_json(shipped / "protocols.lock")["protocols"]
    assert after.items() > before.items() and "lowshot-10pct@2" in after
    assert lock.write() == []


def test_a_scorer_that_changes_under_its_version_fails_with_what_to_do(monkeypatch):
    monkeypatch.setattr(score, "_accuracy_of_matches", lambda matches: min(1.0, sum(matches) / 3))
    problems = lock.changed(lock.read(), lock.current())
    assert [problem.partition(" does")[0] for problem in problems] == [
        "metric vqa_accuracy@2016",
        "metric vqa_accuracy@2021",
    ]
    assert "raise the version of vqa_accuracy where its task declares metric_versions" in problems[0]


def test_a_metric_that_nobody_computes_is_told():
    locked, now = lock.read(), lock.current()
    now["metrics"] = {name: sha for name, sha in now["metrics"].items() if name != "q2ar@1"}
    assert lock.missing(locked, now) == ["metric q2ar@1 is locked, and no golden case computes it"]


def test_the_command_checks_and_says_so():
    done = subprocess.run(
        [sys.executable, "-m", "madbench.protocols.lock"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "protocols.lock is up to date\n")
