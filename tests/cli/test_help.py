"""The top of the command line: help, version, unknown words, how errors look, exit codes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from madbench import __version__
from madbench.cli import app as app_module
from madbench.cli.app import COMMANDS, run_app
from madbench.errors import ConfigError, DataMissing, Interrupted, MadbenchError, NotComparable, UsageError


def test_help_names_every_command(madbench):
    result = madbench("--help")
    assert result.code == 0
    for command in COMMANDS:
        assert f"\n  {command} " in result.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(madbench, command):
    result = madbench(command, "--help")
    assert result.code == 0
    assert result.out.startswith(f"Usage: madbench {command}")


def test_version(madbench):
    assert madbench("--version").out == f"madbench {__version__}\n"


def test_an_unknown_command_gets_a_did_you_mean(madbench):
    result = madbench("reprot")
    assert result.code == 2
    assert result.err.splitlines() == [
        "error: no command 'reprot'; did you mean 'report'?",
        "fix: see `madbench --help`",
    ]


@pytest.mark.parametrize("words", [(), ("data",)])
def test_a_group_alone_shows_its_help(madbench, words):
    result = madbench(*words)
    assert result.code == 2
    assert result.err.startswith("Usage: madbench")


def test_an_unknown_option_exits_2_in_two_lines(madbench):
    result = madbench("list", "models", "--jsn")
    assert result.code == 2
    lines = result.err.splitlines()
    assert lines[0].startswith("error: no such option: --jsn") and lines[1] == "fix: see `madbench list --help`"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MadbenchError("a cell failed"), 1),
        (UsageError("wrong"), 2),
        (ConfigError("wrong"), 2),
        (DataMissing("gone"), 3),
        (NotComparable("apart"), 4),
        (Interrupted("stopped"), 130),
        (KeyboardInterrupt(), 130),
        (ZeroDivisionError("by zero"), 1),
    ],
)
def test_each_error_has_its_exit_code_and_no_traceback(monkeypatch, capsys, error, code):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(app_module, "app", fail)
    assert run_app([]) == code
    shown = capsys.readouterr().err
    assert shown.startswith("error: ") and "Traceback" not in shown


def test_an_error_shows_its_place_and_its_fix(monkeypatch, capsys):
    def fail(*_, **__):
        raise ConfigError("lr: expected a number", fix="write 1.0e-5", where="mine.yaml:7")

    monkeypatch.setattr(app_module, "app", fail)
    run_app([])
    assert capsys.readouterr().err == "error: lr: expected a number (mine.yaml:7)\nfix: write 1.0e-5\n"


@pytest.mark.parametrize("line", [["--debug", "show", "model", "mda"], ["show", "model", "mda", "--debug"]])
def test_debug_shows_the_traceback_wherever_it_stands(line):
    done = subprocess.run([sys.executable, "-m", "madbench", *line], capture_output=True, text=True, check=False)
    assert "Traceback" in done.stderr and "UsageError" in done.stderr


def test_a_closed_pipe_is_no_error():
    command = f"{sys.executable} -m madbench list published | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0"
    assert done.stderr == ""
