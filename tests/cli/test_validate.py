"""`madbench validate`: protocol and model files, with file and line."""

from __future__ import annotations

import pytest

from madbench.home import shipped

MODEL = """\
schema: 1
name: mine
version: 1
adapter: overlap
summary: counts words
"""


@pytest.fixture
def write(tmp_path):
    def put(text: str, name: str = "mine.yaml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return put


def test_everything_that_ships_is_valid(madbench):
    files = [*shipped("protocols").glob("*.yaml"), *shipped("baselines").rglob("*.yaml")]
    result = madbench("validate", *files)
    assert result.code == 0, result.err
    assert result.out.count("ok: ") == len(files) >= 17


def test_select_equal_to_report_exits_2_with_its_line(madbench, write):
    path = write("name: mine\nversion: 1\nextends: full\nselect:\n  snli_ve: {split: test}\n")
    result = madbench("validate", path)
    assert result.code == 2
    assert "select = report is refused" in result.err and "mine.yaml:5" in result.err


def test_draws_of_tuning_are_refused_with_their_line_by_validate_and_by_run(madbench, write):
    path = write("name: mine\nversion: 1\nextends: lowshot-1pct\ndraws:\n  - 89\n  - 90\n")
    for words in (("validate", path), ("run", "--model", "random", "--protocol", path)):
        result = madbench(*words)
        assert result.code == 2
        assert "draws from 90 on are for tuning" in result.err and "mine.yaml:6" in result.err


def test_an_unknown_key_of_a_protocol_exits_2_with_its_line(madbench, write):
    result = madbench("validate", write("name: mine\nversion: 1\nextends: full\ndarws: [1]\n"))
    assert result.code == 2
    assert "did you mean 'draws'?" in result.err and "mine.yaml:4" in result.err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text + "sumary: x\n", "did you mean 'summary'?"),
        (
            lambda text: text.replace("overlap", "overlp"),
            "no adapter named 'overlp'; did you mean 'overlap'?",
        ),
        (lambda text: text + "options: {no_such_option: 1}\n", "no_such_option: unknown key"),
        (lambda text: text + "tasks:\n  vqa: {no_such_option: 1}\n", "mine.yaml:7"),
        (lambda text: text + "profiles:\n  real:\n    options: {no_such_option: 1}\n", "mine.yaml:8"),
        (lambda text: text + "profiles: {tiny: {}}\n", "expected 'mini' or 'real', got 'tiny'"),
        (lambda text: text.replace("version: 1\n", ""), "version: missing"),
    ],
)
def test_what_is_wrong_with_a_model_file_is_told(madbench, write, change, said):
    assert madbench("validate", write(MODEL)).code == 0
    result = madbench("validate", write(change(MODEL)))
    assert result.code == 2
    assert said in result.err and "mine.yaml:" in result.err


SEARCH = """\
name: mine
version: 1
extends: student
summary: searched
search:
  training.learning_rate: {log: [1.0e-4, 1.0e-2]}
  training.passes: {scale: [0.5, 1], also: [training.min_examples]}
  objective.teachers.*.weight: {scale: [1, 3]}
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("learning_rate", "learning_rat", ["did you mean 'training.learning_rate'?", "mine.yaml:6"]),
        ("also: [training.min_examples]", "also: [training.min_example]", ["training.min_examples'?", "mine.yaml:7"]),
        ("*.weight", "*.wieght", ["did you mean 'objective.teachers.*.weight'?", "mine.yaml:8"]),
        ("training.passes", "trainin", ["did you mean 'training'?", "mine.yaml:7"]),
    ],
)
def test_what_is_searched_must_be_an_option(madbench, write, old, new, said):
    assert madbench("validate", write(SEARCH)).code == 0
    result = madbench("validate", write(SEARCH.replace(old, new)))
    assert result.code == 2 and all(one in result.err for one in said), result.err


def test_a_model_that_extends_another_is_known_as_one(madbench, write):
    path = write("name: mine\nversion: 1\nextends: mad\nsummary: mine\noptions: {no_such_option: 1}\n")
    result = madbench("validate", path)
    assert result.code == 2 and "no_such_option" in result.err and "mine.yaml:5" in result.err


def test_a_part_to_be_extended_may_leave_things_out_but_not_misspell(madbench, write):
    assert madbench("validate", write("name: base\nversion: 1\ndraws: [0]\n", "_base.yaml")).code == 0
    result = madbench("validate", write("name: base\nversion: 1\ndarws: [0]\n", "_base.yaml"))
    assert result.code == 2 and "darws" in result.err


def test_good_files_are_told_beside_bad_ones(madbench, write):
    good, bad = write(MODEL), write("name: [\n", "bad.yaml")
    result = madbench("validate", bad, good, "nowhere.yaml")
    assert result.code == 3  # the worst of the two: a file that is not there
    assert f"ok: {good}: model mine@1" in result.out
    assert result.err.count("error: ") == 2
