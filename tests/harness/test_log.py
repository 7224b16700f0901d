"""A run's diary: one line an event, with time and cell, and what adapters log; on stderr when it is asked for."""

import logging
import re

import pytest

from madbench.cli.app import run_app
from madbench.harness.log import about, logged
from madbench.harness.status import cell_states
from madbench.report.records import cell_folders

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (INFO|WARNING|ERROR) \[.+?\] .+")
TALKS = "        self.context.logger.info('gate %s', 0.25)\n        self.context.logger.warning('odd\\nrows')\n"


@pytest.fixture
def talking(bench):
    """The bench's stepper, which logs two lines."""
    text = bench.plugin.read_text()
    bench.plugin.write_text(text.replace("        self.bias = np.zeros(", TALKS + "        self.bias = np.zeros(", 1))
    return bench


def lines(bench):
    return (bench.out / "log.txt").read_text().splitlines()


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_every_event_is_a_line_with_time_and_cell(talking, jobs):
    talking.run(["stepper", "broken"], draws="all", on_error="continue", jobs=jobs)
    found = lines(talking)
    assert all(map(LINE.fullmatch, found))
    cell = "[stepper small@1 vqa draw 1 seed 0]"
    own = [line.partition("] ")[2] for line in found if cell in line]
    assert own[0].startswith("started in ") and own[1:3] == ["gate 0.25", "odd\\nrows"] and own[-1].startswith("done, ")
    assert sum("ERROR [broken" in line and "failed: broken on select" in line for line in found) == 2
    before = len(found)
    talking.run(draws="all")
    assert len(lines(talking)) > before and lines(talking)[:before] == found


def test_nothing_takes_it_for_a_result(talking, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(talking.folder)
    talking.run()
    assert [path.name for path, _ in cell_folders([talking.out])] == [
        one.parent.name for one in talking.out.glob("*/*/*/*/record.json")
    ]
    assert [one["state"] for one in cell_states(talking.out)] == ["done"]
    assert run_app(["verify", str(talking.out), "--data", f"vqa={talking.data}"]) == 0
    assert run_app(["pack", str(talking.out), "--out", str(tmp_path / "r.tar.zst")]) == 0
    assert "log.txt" not in capsys.readouterr().out


def test_a_plan_writes_none(talking):
    talking.run(dry_run=True)
    assert not talking.out.exists()


def test_what_models_log_is_on_stderr_with_verbose_and_warnings_always(talking, capsys, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    talking.run(options=["a=1"])
    assert (err := capsys.readouterr().err).count("warning: odd\\nrows") == 1 and "gate" not in err
    talking.run(options=["a=2"], verbose=True)
    err = capsys.readouterr().err
    assert "      stepper small@1 vqa draw 0 seed 0: gate 0.25\n" in err and "started in" not in err


def test_a_program_with_logging_of_its_own_gets_what_it_asks_for(talking, caplog, capsys):
    with caplog.at_level(logging.INFO):
        talking.run(options=["a=1"])
    assert "gate 0.25" in caplog.text and "gate" not in capsys.readouterr().err
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        talking.run(options=["a=2"])
    assert "gate" not in caplog.text and "odd" in caplog.text


def test_a_log_that_cannot_be_written_stops_nothing_and_nothing_stays_attached(tmp_path):
    tree = logging.getLogger("madbench")
    before = (tree.level, tree.propagate, list(tree.handlers))
    with logged(tmp_path / "none" / "log.txt"), logged(tmp_path / "log.txt"), about("x"):
        tree.info("said")
        tree.info("%d", "no number")
    assert (tree.level, tree.propagate, list(tree.handlers)) == before and not list(tmp_path.iterdir())
