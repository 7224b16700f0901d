"""How errors look: one line each, whatever stands in them, and the exit code that says whose they are."""

from __future__ import annotations

import os

import pytest

from madbench.cli.errors import of_the_system, show_error, show_errors
from madbench.errors import ConfigError, MadbenchError, debugging
from madbench.protocols import load_protocol

PROTOCOL = "name: mine\nversion: 1\nextends: full\ndarws: [1]\nsedes: [1]\n"


def test_details_come_first_a_line_each_then_one_error_and_one_fix(capsys):
    error = ConfigError(
        "x.yaml: 2 problems:\n  x.yaml:3: a\x1b[31m\n  x.yaml:4: b\tc", fix="correct\nit", where="x.yaml"
    )
    assert show_error(error) == 2
    assert capsys.readouterr().err.splitlines() == [
        "  x.yaml:3: a\\x1b[31m",
        "  x.yaml:4: b\\tc",
        "error: x.yaml: 2 problems (x.yaml)",
        "fix: correct\\nit",
    ]


def test_line_breaks_of_values_and_of_other_peoples_code_are_spelled_out(capsys):
    show_error(MadbenchError("ValueError: a\nb\x1b[2J", fix="c"))
    assert capsys.readouterr().err.splitlines() == ["error: ValueError: a\\nb\\x1b[2J", "fix: c"]


def test_an_error_of_many_cells_is_told_once(capsys):
    show_errors([MadbenchError("a", fix="b"), MadbenchError("a", fix="b"), MadbenchError("c")])
    assert capsys.readouterr().err.splitlines() == ["error: a", "fix: b", "error: c"]


@pytest.mark.parametrize("command", [("validate",), ("plan", "--model", "random", "--protocol")])
def test_the_problems_of_a_file_are_lines_of_their_own(madbench, tmp_path, command):
    file = tmp_path / "mine.yaml"
    file.write_text(PROTOCOL)
    with pytest.raises(ConfigError, match="2 problems"):
        load_protocol(file)
    result = madbench(*command, file)
    first, second, error, fix = result.err.splitlines()
    assert result.code == 2 and "mine.yaml:4: darws" in first and "mine.yaml:5: sedes" in second
    assert error.startswith("error: ") and fix.startswith("fix: ") and "\\n" not in result.err


@pytest.mark.parametrize(
    ("words", "nearest"),
    [
        (("list", "model"), "did you mean 'models'?"),
        (("show", "protcol", "full"), "did you mean 'protocol'?"),
        (("plan", "--model", "student", "--protocol", "full", "--set", "student.name=vlit"), "did you mean 'vilt'?"),
    ],
)
def test_the_nearest_word_is_named(madbench, words, nearest):
    result = madbench(*words)
    assert result.code == 2 and nearest in result.err


def test_a_place_that_cannot_be_written_is_the_users_to_choose(madbench, tmp_path):
    (tmp_path / "file").write_text("")
    result = madbench("data", "mini", "--out", tmp_path / "file" / "below")
    assert result.code == 2 and result.err.splitlines() == [
        f"error: {tmp_path / 'file' / 'below' / 'vcr'}: Not a directory",
        "fix: choose another place, or make this one readable and writable",
    ]


def test_a_file_that_cannot_replace_a_folder_is_named_itself(tmp_path):
    from madbench.files import write_text

    with pytest.raises(IsADirectoryError) as caught:
        write_text(tmp_path, "x")
    assert str(of_the_system(caught.value)) == f"{tmp_path}: Is a directory"


def test_a_file_that_cannot_come_to_exist_is_named_without_our_temporary_name(tmp_path, monkeypatch):
    from madbench.files import write_text

    def refuse(prefix, dir):
        raise PermissionError(13, "Permission denied", os.path.join(dir, f"{prefix}x"))

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    with pytest.raises(PermissionError) as caught:
        write_text(tmp_path / "board.md", "x")
    assert str(of_the_system(caught.value)) == f"{tmp_path / 'board.md'}: Permission denied"


def test_what_is_no_matter_of_files_is_not_the_users():
    assert of_the_system(ConnectionRefusedError(111, "Connection refused")) is None
    assert of_the_system(OSError("can't load the tokenizer")) is None
    assert str(of_the_system(OSError(28, "No space left on device"))) == "No space left on device"


def test_code_that_ends_the_program_is_told(madbench, monkeypatch):
    def leave(*_, **__):
        raise SystemExit(3)

    monkeypatch.setattr("madbench.harness.run", leave)
    result = madbench("run", "--model", "random", "--protocol", "full")
    assert result.code == 1 and result.err.startswith("error: loaded code ended the program: 3\nfix: ")


@pytest.mark.parametrize(("value", "on"), [("1", True), ("yes", True), ("0", False), ("false", False), ("", False)])
def test_debugging_can_be_switched_off(monkeypatch, value, on):
    monkeypatch.setenv("MADBENCH_DEBUG", value)
    assert debugging() is on
