"""Killed anywhere, a run goes on and ends as if nothing had happened."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

CODE = """
import sys
from madbench.cli import main
main(sys.argv[1:])
"""


def command(bench, *more):
    return [
        *(sys.executable, "-c", CODE, "run", "--plugin", bench.plugin, "--model", "stepper"),
        *("--protocol", bench.protocol(), "--data", f"vqa={bench.data}", "--out", bench.out, "--device", "cpu"),
        *("--jobs", "1", *more),
    ]


def results(out):
    (file,) = out.glob("**/record.json")
    record = json.loads(file.read_text())
    history = (file.parent / "history.jsonl").read_text()
    predictions = {one.name: one.read_bytes() for one in (file.parent / "predictions").glob("*")}
    return record["run_id"], record["conditions"], record["selection"], history, predictions


@pytest.mark.parametrize("step", ["1", "2", "3", "5", "6"])
def test_killed_at_a_step_and_run_again_gives_the_same_bits(bench, tmp_path, step):
    bench.run()
    whole, bench.out = results(bench.out), tmp_path / "killed"
    bench.forget_log()
    killed = subprocess.run(command(bench), env={**os.environ, "KILL_AT": step}, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL and not list(bench.out.glob("**/record.json"))
    bench.run()
    assert results(bench.out) == whole
    resumed = [line for line in bench.log() if line.startswith("resume")]
    last_saved = int(step) // 2 * 2
    assert resumed == ([f"resume {last_saved}"] if last_saved else [])


def test_a_killed_record_leaves_an_unfinished_cell(bench, monkeypatch):
    """The record is the last file: without it the cell is run again, to the same result."""
    bench.run()
    before = results(bench.out)
    (file,) = bench.out.glob("**/record.json")
    file.unlink()
    bench.run()
    assert results(bench.out) == before


def test_ctrl_c_exits_130_and_says_how_to_go_on(bench):
    bench.plugin.write_text(
        bench.plugin.read_text().replace(
            "self.context.progress(", "__import__('time').sleep(1); self.context.progress("
        )
    )
    running = subprocess.Popen(
        command(bench),
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background makes them ignore SIGINT, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not any(line.startswith("fit") for line in bench.log()) and time.monotonic() < deadline:
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    _, error = running.communicate(timeout=240)
    assert running.returncode == 130 and "the same command again goes on" in error


def test_status_tells_done_failed_and_unfinished(bench):
    from madbench.harness.status import cell_states

    bench.run()
    bench.run("broken")
    subprocess.run(command(bench, "--seeds", "1"), env={**os.environ, "KILL_AT": "5"}, capture_output=True, check=False)
    states = {one["cell"].split("/")[0]: one["state"] for one in cell_states(bench.out) if "-s0-" in one["cell"]}
    assert states == {"broken": "failed", "stepper": "done"}
    (unfinished,) = [one for one in cell_states(bench.out) if "-s1-" in one["cell"]]
    assert unfinished["state"] == "unfinished" and unfinished["detail"] == "2 evaluation points"
