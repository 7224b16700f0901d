"""protocols.lock: what a name and version stand for does not change without the version."""

import shutil
import subprocess
import sys

import pytest

from madbench.errors import NotComparable
from madbench.files import read_json
from madbench.protocols import lock
from madbench.registry import TASKS
from madbench.tasks import golden, golden_shifts
from madbench.tasks.vqa import score


def test_what_ships_is_what_is_locked():
    locked, now = lock.read(), lock.current()
    assert lock.changed(locked, now) == []
    assert lock.missing(locked, now) == []


def test_every_metric_of_every_task_has_a_golden_output(madbench):
    computed = set(golden.outputs())
    for task in TASKS.names():
        for metric, version in TASKS.load(task).metric_versions.items():
            assert f"{metric}@{version}" in computed


def test_every_version_that_a_task_declares_has_a_golden_output():
    assert lock._known_metrics() <= set(golden.outputs())
    assert set(TASKS.load("vqa").known_versions["vqa_accuracy"]) == set(score.VERSIONS)


def test_every_shift_of_every_task_is_locked_and_does_something():
    locked, rows = lock.read()["shifts"], golden_shifts.outputs()
    for name in TASKS.names():
        for shift in TASKS.load(name).shifts().values():
            assert f"{name}/{shift.name}@{shift.version}" in locked
    for full, output in rows.items():
        changed = output if isinstance(output, list) else output["rows"]
        assert 0 < len(changed) <= 60, full
    assert (
        len({lock.sha256_of(output) for output in rows.values()}) == len(rows) - 1
    )  # corrected-labels is one shift of two splits


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


def test_a_scorer_version_that_vanishes_is_told(monkeypatch):
    """Another version of the same metric does not replace one that protocols may still ask for."""
    monkeypatch.setattr(golden, "VERSIONS", ("2021",))
    assert lock.missing(lock.read(), lock.current()) == [
        "metric vqa_accuracy@2016 is locked, and no golden case computes it"
    ]
    monkeypatch.setattr(type(TASKS.load("vqa")), "more_versions", {"vqa_accuracy": ("2021",)})
    assert lock.missing(lock.read(), lock.current()) == []  # given up on purpose


def test_a_version_that_no_golden_case_computes_is_told(monkeypatch):
    monkeypatch.setattr(type(TASKS.load("vqa")), "more_versions", {"vqa_accuracy": ("2021", "2016", "2030")})
    assert lock.missing(lock.read(), lock.current()) == [
        "metric vqa_accuracy@2030 is declared, and no golden case computes it"
    ]


def test_a_protocol_that_vanishes_is_told(shipped):
    (shipped / "corruptions.yaml").unlink()
    assert lock.missing(lock.read(), lock.current()) == [
        "protocol corruptions@1 is locked, and no file has it: restore protocols/corruptions.yaml"
    ]


def test_a_shift_that_changes_under_its_version_fails_with_what_to_do(monkeypatch):
    from madbench.tasks.vcr import shifts

    monkeypatch.setattr(shifts, "_MALE", frozenset())
    (problem,) = lock.changed(lock.read(), lock.current())
    assert problem.startswith("shift vcr/rule-singular@1 does not give the rows it gave")
    assert f"raise the `version` of its Shift (task/shift: vcr/rule-singular), then run `{lock.COMMAND}`" in problem


def test_a_corruption_that_changes_under_its_version_fails_too(monkeypatch):
    from madbench.tasks import corruptions

    monkeypatch.setattr(corruptions, "JPEG_QUALITY", (25, 18, 15, 10, 8))
    problems = lock.changed(lock.read(), lock.current())
    assert [one.partition(" does")[0] for one in problems] == [f"shift {task}/jpeg-5@1" for task in TASKS.names()]


def test_a_shift_that_vanishes_is_told(monkeypatch):
    name, task = "corrected-labels-dev", TASKS.load("snli_ve")  # no shipped protocol asks for it
    kept = {other: shift for other, shift in task.shifts().items() if other != name}
    monkeypatch.setattr(type(task), "shifts", lambda self: kept)
    assert lock.missing(lock.read(), lock.current()) == [
        f"shift snli_ve/{name}@1 is locked, and no task has it: restore the shift snli_ve/{name}"
    ]


def test_the_command_checks_and_says_so():
    done = subprocess.run(
        [sys.executable, "-m", "madbench.protocols.lock"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "protocols.lock is up to date\n")
