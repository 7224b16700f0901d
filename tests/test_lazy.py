"""The light commands leave the heavy packages alone; and the proof that this test could fail."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parent / "data"
HEAVY = ("torch", "transformers", "open_clip", "accelerate", "ray")
WATCH = """
import sys
from madbench.cli.app import run_app
code = run_app(sys.argv[2:])
print("\\nLOADED", code, *sorted(name for name in sys.argv[1].split(",") if name in sys.modules), file=sys.stderr)
"""


def loaded_after(*arguments: object, cwd: Path | None = None, also: tuple[str, ...] = ()) -> tuple[int, set[str]]:
    """(exit code, the heavy packages in sys.modules) after one command in a process of its own."""
    watched = ",".join((*HEAVY, *also))
    done = subprocess.run(
        [sys.executable, "-c", WATCH, watched, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        cwd=cwd,
    )
    _, code, *names = done.stderr.strip().splitlines()[-1].split()
    return int(code), set(names)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("run", "--help"),
        ("list", "models"),
        ("list", "protocols"),
        ("list", "tasks"),
        ("list", "shifts"),
        ("list", "published"),
        ("show", "protocol", "lowshot-1pct"),
        ("show", "model", "mad"),
        ("validate", DATA.parent.parent / "protocols" / "full.yaml", DATA.parent.parent / "baselines" / "mad.yaml"),
        ("data", "check", "vqa", "--root", DATA / "vqa"),
        ("data", "subset", "vqa", "--fraction", "1.0", "--data", f"vqa={DATA / 'vqa'}"),
        ("import", "--help"),
        ("predict", "--help"),
        ("submit", "--help"),
        ("cite",),
        ("report", DATA.parent.parent / "leaderboards" / "mini.records.jsonl.gz"),
        ("verify", DATA),
        ("plan", "--model", "mad", "--protocol", "full", "--task", "vqa", "--data", f"vqa={DATA / 'vqa'}"),
    ],
    ids=lambda arguments: " ".join(map(str, arguments[:2])),
)
def test_light_commands_load_nothing_heavy(arguments, tmp_path):
    _, loaded = loaded_after(*arguments, cwd=tmp_path)
    assert loaded == set()


def test_score_loads_nothing_heavy(tmp_path):
    annotations = DATA / "vqa" / "v2_mscoco_val2014_annotations.json"
    ids = [one["question_id"] for one in json.loads(annotations.read_text())["annotations"]]
    file = tmp_path / "results.json"
    file.write_text(json.dumps([{"question_id": number, "answer": "yes"} for number in ids]))
    assert loaded_after("score", "vqa", "--predictions", file, "--annotations", annotations) == (0, set())


def test_report_loads_nothing_heavy(tmp_path):
    """On a record, as `madbench run` leaves it, so that the table is really made."""
    from madbench.files import write_json

    digest = "0" * 64
    record = {
        "schema_version": 1,
        "run_id": digest,
        "comparable": True,
        "model": {"name": "student", "spec_hash": digest},
        "protocol": {"name": "full", "version": 1, "task_hash": digest},
        "task": "vqa",
        "draw": 0,
        "seed": 0,
        "primary": "vqa_accuracy",
        "selection_rule": "last",
        "data": {"source": "mini", "fingerprint": digest},
        "conditions": [{"name": "val", "kind": "split", "role": "id", "n": 4, "metrics": {"vqa_accuracy": 0.5}}],
        "selection": [{"rule": "last", "step": 1, "headline": None}],
    }
    write_json(tmp_path / "runs" / "cell" / "record.json", record)
    assert loaded_after("report", tmp_path / "runs") == (0, set())


def test_help_does_without_the_middle_weights_too():
    _, loaded = loaded_after("--help", also=("numpy", "pandas", "scipy", "pyarrow", "pydantic", "matplotlib", "PIL"))
    assert loaded == set()


def test_this_check_can_fail():
    """`doctor` looks for devices, so it does load torch; were the watch blind, this test would say so."""
    _, loaded = loaded_after("doctor")
    assert "torch" in loaded


@pytest.mark.slow
def test_help_takes_less_than_a_third_of_importing_torch():
    def seconds(*command: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, *command], capture_output=True, check=True)
        return time.perf_counter() - start

    helping, importing = (
        min(seconds(*command) for _ in range(3)) for command in (("-m", "madbench", "--help"), ("-c", "import torch"))
    )
    assert helping < importing / 3
