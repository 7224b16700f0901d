"""What a protocol asks of a task and the task does not have is refused with its line, before anything runs."""

import pytest

from madbench.errors import ConfigError
from madbench.protocols import load_protocol

PROTOCOL = """\
schema: 1
name: mine
version: 1
tasks: [vqa, snli_ve]
subset: {fraction: 0.05, unit: image}
selection: last
draws: [0]
seeds: [0]
budget: {vqa: {examples_seen: 1000}, snli_ve: {examples_seen: 1000}}
eval_points: 1
conditions:
  snli_ve: [{name: test, kind: split}]
  vqa:
    - {name: val, kind: split}
"""


@pytest.fixture
def load(tmp_path):
    def call(more=""):
        path = tmp_path / "mine.yaml"
        path.write_text(PROTOCOL + more)
        return load_protocol(path)

    return call


def test_what_the_tasks_have_is_taken(load):
    more = "    - {name: changed-prior, kind: rows, of: val}\n    - {name: cp-test, kind: split}\n"
    protocol = load(f'{more}metrics: {{vqa_accuracy: "2016", accuracy: "1"}}\n')
    assert protocol.metrics == {"vqa_accuracy": "2016", "accuracy": "1"}


@pytest.mark.parametrize(
    ("more", "line", "said"),
    [
        ('metrics: {vqa_acuracy: "2016"}', 15, "metrics.vqa_acuracy: no task has this metric; did you mean 'vqa_accuracy'?"),
        ('metrics: {accuracy: "99"}', 15, "metrics.accuracy: there is no version '99'; expected 1"),
        ("metrics: {vqa_accuracy: 2020}", 15, "there is no version '2020'; expected 2021 or 2016"),
        ("training: {vqa: trian}", 15, "training.vqa: vqa has no split 'trian'; did you mean 'train'?"),
        ("select: {snli_ve: {split: dve}}", 15, "select.snli_ve.split: snli_ve has no split 'dve'; did you mean 'dev'?"),
        ("    - {name: vall, kind: split}", 15, "conditions.vqa.1.name: vqa has no split 'vall'; did you mean 'val'?"),
        ("    - {name: changed-prio, kind: rows, of: val}", 15, "vqa has no shift 'changed-prio'; did you mean"),
        ("    - {name: x, kind: rows, of: val, shift: ve-hard}", 15, "conditions.vqa.1.shift: vqa has no shift 've-hard'"),
        ("    - {name: changed-prior, kind: transform, of: val}", 15, "'changed-prior' is of kind rows; write `kind: rows`"),
        ("vocabulary: closed-3129", 15, "vocabulary: snli_ve has fixed labels"),
    ],
)  # fmt: skip
def test_what_no_task_has_is_refused_with_its_line(load, more, line, said):
    with pytest.raises(ConfigError) as caught:
        load(f"{more}\n")
    assert said in str(caught.value) and f"mine.yaml:{line}" in str(caught.value)
    assert caught.value.exit_code == 2


def test_every_problem_is_told_at_once(load):
    with pytest.raises(ConfigError, match="2 problems") as caught:
        load('metrics: {accuracy: "2"}\ntraining: {vqa: trian}\n')
    assert "mine.yaml:15" in str(caught.value) and "mine.yaml:16" in str(caught.value)


def test_a_child_with_fewer_tasks_keeps_the_versions_it_inherits(load, tmp_path):
    load('metrics: {vqa_accuracy: "2016"}\n')
    child = tmp_path / "child.yaml"
    child.write_text("name: child\nversion: 1\nextends: mine\ntasks: [snli_ve]\n")
    assert load_protocol(child).tasks == ["snli_ve"]


@pytest.mark.parametrize("command", ["validate", "plan"])
def test_validate_and_plan_refuse_alike(load, madbench, tmp_path, command):
    with pytest.raises(ConfigError):
        load('metrics: {vqa_acuracy: "2016"}\n')
    file = tmp_path / "mine.yaml"
    words = ("validate", file) if command == "validate" else ("plan", "--model", "random", "--protocol", file)
    result = madbench(*words)
    assert result.code == 2 and "did you mean 'vqa_accuracy'?" in result.err and "mine.yaml:15" in result.err
