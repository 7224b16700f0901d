import json
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from madbench.cli.report import report_command
from madbench.errors import DataMissing, UsageError
from madbench.files import write_json

HEAVY = ("torch", "transformers", "open_clip", "pandas", "scipy", "pyarrow", "numpy")


@pytest.fixture
def runs(tmp_path):
    """One finished cell without predictions."""
    digest = "0" * 64
    write_json(
        tmp_path / "runs" / "cell" / "record.json",
        {
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
            "conditions": [{"name": "val", "kind": "split", "role": "id", "n": 4, "metrics": {"vqa_accuracy": 0.3229}}],
            "selection": [{"rule": "last", "step": 1, "headline": None}],
        },
    )
    return tmp_path / "runs"


@pytest.fixture
def invoke():
    app = typer.Typer()
    app.command("report")(report_command)
    return lambda *arguments: CliRunner().invoke(app, [str(one) for one in arguments])


def test_a_minimal_record_makes_a_table(invoke, runs):
    result = invoke(runs)
    assert result.exit_code == 0, result.output
    assert "32.29 (n=1×1)" in result.output


def test_the_default_folder_is_runs(invoke, runs, monkeypatch):
    monkeypatch.chdir(runs.parent)
    assert "## full@1 on mini data" in invoke().output


def test_out_writes_the_file_and_check_accepts_it(invoke, runs, tmp_path):
    path = tmp_path / "board.json"
    assert invoke(runs, "--format", "json", "--out", path).exit_code == 0
    assert json.loads(path.read_text())["tables"][0]["protocol"] == "full@1"
    result = invoke(runs, "--format", "json", "--check", path)
    assert result.exit_code == 0 and "up to date" in result.output


def test_errors_are_left_to_the_program_around_it(invoke, runs, tmp_path):
    assert isinstance(invoke(tmp_path / "absent").exception, DataMissing)
    assert isinstance(invoke(runs, "--format", "pdf").exception, UsageError)


@pytest.mark.parametrize(
    "code, allowed",
    [
        ("import madbench.report, madbench.cli.report", ()),
        ("import madbench.report; madbench.report.report([RUNS])", ("numpy", "pandas", "scipy", "pyarrow")),
    ],
)
def test_reporting_leaves_torch_alone(runs, code, allowed):
    loaded = _loaded(code.replace("RUNS", repr(str(runs))))
    assert not loaded - set(allowed)


def test_the_test_above_can_fail():
    assert "numpy" in _loaded("import numpy")


def _loaded(code: str) -> set[str]:
    script = f"import sys; {code}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(eval(done.stdout.splitlines()[-1]))


def test_mixed_is_an_option_and_strict_still_ends_with_4(madbench, runs):
    content = json.loads((runs / "cell" / "record.json").read_text())
    for place in ("b", "c"):
        other = content | {"run_id": place * 64, "model": {"name": f"model-{place}", "spec_hash": place * 64}}
        other["data"] = content["data"] | {"fingerprint": "f" * 64}
        write_json(runs / place / "record.json", other)
    result = madbench("report", str(runs), "--mixed")
    assert result.code == 0 and result.out.count("## full@1") == 1
    assert "| student [B]" in result.out and "f" * 64 in result.out
    refused = madbench("report", str(runs), "--mixed", "--strict")
    assert refused.code == 4
    # What it is is one line a thing, the error itself one line.
    *listed, error, fix = refused.err.splitlines()
    assert any(line.startswith("  full@1 on mini: mixed: VQA: another data fingerprint") for line in listed)
    assert error.startswith("error: ") and "complete and comparable" in error and "\\n" not in refused.err
    assert fix.startswith("fix: ")
    assert madbench("report", str(runs)).out.count("## full@1") == 2
