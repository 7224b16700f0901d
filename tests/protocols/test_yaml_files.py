"""Every problem of a YAML file, with its file, its line, and a way out."""

from __future__ import annotations

import pytest

from madbench.errors import ConfigError, DataMissing
from madbench.protocols import load_protocol
from madbench.protocols.yaml_files import read_document

WHOLE = """\
schema: 1
name: mine
version: 1
tasks: [vqa]
subset: {fraction: 0.05, unit: image}
select: {every: 5}
selection: id-val
draws: [0, 1]
seeds: [0]
budget: {vqa: {examples_seen: 100}}
eval_points: 5
conditions:
  vqa:
    - {name: val, kind: split}
"""


@pytest.fixture
def problem_of(tmp_path):
    """The text of the ConfigError that WHOLE with one replacement gives."""

    def get(old: str, new: str) -> str:
        assert old in WHOLE
        path = tmp_path / "mine.yaml"
        path.write_text(WHOLE.replace(old, new), encoding="utf-8")
        with pytest.raises(ConfigError) as caught:
            load_protocol(path)
        assert caught.value.exit_code == 2
        return str(caught.value)

    return get


def test_the_example_itself_is_valid(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(WHOLE, encoding="utf-8")
    assert load_protocol(path).select["vqa"].every == 5


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("schema: 1", "schema: 2", 1, "expected 1, got 2"),
        ("name: mine", "name: My_Protocol", 2, "kebab-case"),
        ("version: 1", "version: 0", 3, "greater than or equal to 1"),
        ("version: 1", "version: '1'", 3, "valid integer, got '1'"),
        ("tasks: [vqa]", "tasks: [vqaa]", 4, "did you mean 'vqa'?"),
        ("tasks: [vqa]", "tasks: []", 4, "at least 1 item"),
        ("tasks: [vqa]", "tasks: [vqa, vqa]", 4, "repeats a value"),
        ("tasks: [vqa]", "tasks: [vqa, vcr]", 10, "budget has no entry for task 'vcr'"),
        ("fraction: 0.05", "fraction: 1.5", 5, "less than or equal to 1"),
        ("fraction: 0.05", "fraction: 0", 5, "greater than 0"),
        ("fraction: 0.05", "fraction: 0.05, shots: 3", 5, "either fraction or shots"),
        ("fraction: 0.05, unit: image", "shots: 3", 5, "needs `unit: example`"),
        ("fraction: 0.05", "fraction: 1.0", 8, "fraction 1.0 has one draw"),
        ("fraction", "fration", 5, "unknown key; did you mean 'fraction'? known keys: fraction, shots, unit"),
        ("every: 5", "every: 1", 6, "greater than or equal to 2"),
        ("{every: 5}", "{every: 5, images: 0.1}", 6, "exactly one of every, split, movies, images"),
        ("{every: 5}", "{split: val}", 6, "select = report is refused"),
        ("{every: 5}", "{split: train}", 6, "choosing on the training split itself is refused"),
        ("{every: 5}", "{movies: 0.1}", 6, "only vcr has movies"),
        ("{every: 5}", "none", 6, "needs a rule"),
        ("id-val", "oracle", 7, "expected 'last' or 'id-val', got 'oracle'"),
        ("id-val", "last", 11, "so it must be 1"),
        ("draws: [0, 1]", "draws: [0, -1]", 8, "greater than or equal to 0"),
        ("seeds: [0]", "seeds: [0, 0]", 9, "repeats a value"),
        ("examples_seen: 100", "examples_seen: 0", 10, "greater than or equal to 1"),
        ("eval_points: 5", "eval_pionts: 5", 11, "did you mean 'eval_points'?"),
        ("kind: split", "kind: splt", 14, "did you mean 'split'?"),
        ("kind: split", "kind: transform", 14, "needs `of`"),
        ("name: val, kind: split", "name: x, kind: rows, of: val", 13, "of kind split"),
        ("name: val, kind: split", "name: train, kind: split", 13, "training split cannot be reported"),
        ("{name: val, kind: split}", "{name: val, kind: split, wieght: 2}", 14, "unknown key"),
    ],
)
def test_each_broken_field_is_refused_at_its_line(problem_of, old, new, line, said):
    text = problem_of(old, new)
    assert said in text
    assert f"mine.yaml:{line}" in text


def test_a_missing_field_is_named(problem_of):
    assert "selection: missing and has no default" in problem_of("selection: id-val\n", "")


def test_all_problems_are_told_at_once_in_the_order_of_the_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(WHOLE.replace("version: 1", "version: x").replace("unit: image", "unit: imag"), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_protocol(path)
    lines = str(caught.value).splitlines()
    assert lines[0].endswith("mine.yaml: 2 problems")
    assert "mine.yaml:3: version:" in lines[1] and "mine.yaml:5: subset.unit:" in lines[2]


def test_a_problem_inherited_from_a_parent_is_told_at_the_parents_line(tmp_path):
    (tmp_path / "parent.yaml").write_text(WHOLE.replace("eval_points: 5", "eval_points: 500"), encoding="utf-8")
    child = tmp_path / "child.yaml"
    child.write_text("name: child\nversion: 1\nextends: parent.yaml\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"parent\.yaml:11"):
        load_protocol(child)


def test_an_exponent_without_a_point_is_text_to_yaml(problem_of):
    assert "YAML reads this as text, write 1.0e-2" in problem_of("fraction: 0.05", "fraction: 1e-2")


def test_a_count_with_an_exponent_is_to_be_written_out(problem_of):
    assert "YAML reads this as text, write 1000" in problem_of("examples_seen: 100", "examples_seen: 1e3")
    assert "write 1.0e-3" in problem_of("examples_seen: 100", "examples_seen: 1e-3")


def test_a_bare_no_is_a_truth_value_to_yaml(problem_of):
    text = problem_of("name: val", "name: no")
    assert "YAML reads a bare no as false, write 'no' in quotes" in text


def test_no_select_rule_is_the_word_none(problem_of):
    for rule in ("no", "{vqa: no}"):
        text = problem_of("{every: 5}", rule)
        assert "YAML reads a bare no as false, write none" in text and "mine.yaml:6" in text


def test_a_truth_value_as_a_key_is_refused(problem_of):
    assert "a key is not a text" in problem_of("name: mine", "no: mine")


def test_a_repeated_key_is_refused(problem_of):
    text = problem_of("seeds: [0]", "seeds: [0]\nseeds: [1]")
    assert "'seeds' stands twice (first on line 9)" in text and "mine.yaml:10" in text


def test_what_is_no_yaml_is_told_with_its_line(problem_of):
    text = problem_of("subset: {fraction: 0.05, unit: image}", "subset: {fraction: 0.05, unit: image")
    assert "not readable as YAML" in text and "mine.yaml:6" in text  # where the parser noticed


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "only words\n"])
def test_a_file_must_be_a_mapping(tmp_path, text):
    path = tmp_path / "x.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="mapping"):
        read_document(path)


def test_objects_are_never_built(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("a: !!python/object/apply:os.system ['true']\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"x\.yaml:1"):
        read_document(path)


def test_a_bomb_of_aliases_is_refused(tmp_path):
    levels = ["a: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"b{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 9)]
    path = tmp_path / "x.yaml"
    path.write_text("\n".join(levels), encoding="utf-8")
    with pytest.raises(ConfigError, match="aliases repeat too much"):
        read_document(path)


def test_a_file_that_is_not_there_is_missing_data(tmp_path):
    with pytest.raises(DataMissing, match="no file"):
        read_document(tmp_path / "nope.yaml")
