"""Options from the environment, and those that may stand before a command."""

import pytest

from madbench.cli.app import COMMANDS, _as_command, main
from madbench.registry import resolve


def options(command):
    for below in getattr(command, "commands", {}).values():
        yield from options(below)
    yield from (one for one in command.params if one.param_type_name == "option" and "--help" not in one.opts)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_of_every_command_has_a_variable(name):
    for option in options(_as_command(name, resolve(COMMANDS[name]))):
        variables = [option.envvar] if isinstance(option.envvar, str) else option.envvar
        assert variables and all(one.startswith("MADBENCH_") for one in variables), option.opts


def test_a_variable_stands_for_an_option_and_the_command_line_wins(madbench, monkeypatch):
    monkeypatch.setenv("MADBENCH_JSON", "1")
    assert madbench("list", "tasks").out.startswith("[")
    monkeypatch.setenv("MADBENCH_LIST_JSON", "0")  # the command's own says more than that of all
    assert not madbench("list", "tasks").out.startswith("[")
    monkeypatch.setenv("MADBENCH_PROTOCOL", "no-such-protocol")
    assert "no-such-protocol" in madbench("plan", "--model", "random").err
    assert "no-such-protocol" not in madbench("plan", "--model", "random", "--protocol", "full", "--task", "x").err


def test_a_repeatable_option_takes_values_with_spaces_between(madbench, monkeypatch):
    monkeypatch.setenv("MADBENCH_MODEL", "random  no-such-model")
    assert "no model named 'no-such-model'" in madbench("plan", "--protocol", "full").err


def test_the_folder_of_results_is_no_file_to_write(madbench, monkeypatch, tmp_path):
    """MADBENCH_OUT=results must not make `report` write its table there."""
    monkeypatch.setenv("MADBENCH_OUT", str(tmp_path / "results"))
    commands = {
        name: {one.name: one for one in options(_as_command(name, resolve(COMMANDS[name])))} for name in COMMANDS
    }
    plain = [name for name, found in commands.items() if "out" in found and "MADBENCH_OUT" in found["out"].envvar]
    assert sorted(plain) == ["import", "list", "plan", "run"]
    assert "MADBENCH_REPORT_OUT" in commands["report"]["out"].envvar


def test_quiet_and_verbose_may_stand_before_a_command_that_has_them(madbench):
    assert "no model named 'nope'" in madbench("-q", "run", "--model", "nope", "--protocol", "full").err
    refused = madbench("--verbose", "list", "models")
    assert refused.code == 2 and "list has no --verbose" in refused.err


def test_before_or_behind_is_the_same(madbench, monkeypatch):
    seen = []

    def note(*_, quiet, verbose, **__):
        seen.append((quiet, verbose))
        raise KeyboardInterrupt

    monkeypatch.setattr("madbench.harness.run", note)
    words = ("run", "--model", "random", "--protocol", "full")
    for line in (words, ("-q", *words), (*words, "-q"), ("-v", *words), (*words, "-v")):
        assert madbench(*line).code == 130
    assert seen == [(False, False), (True, False), (True, False), (False, True), (False, True)]


@pytest.mark.parametrize("line", [["--no-color", "list", "tasks"], ["list", "tasks", "--no-color"]])
def test_no_color_is_taken_anywhere(line, monkeypatch, capsys):
    monkeypatch.setenv("NO_COLOR", "")
    with pytest.raises(SystemExit) as ended:
        main(line)
    import os

    assert ended.value.code == 0 and os.environ["NO_COLOR"] == "1"
