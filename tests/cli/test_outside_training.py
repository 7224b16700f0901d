"""Other people's training code: the commands, and the worked example of docs/own-training-code.md as it stands there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
SCRIPT = DOCS / "examples" / "outside_training.py"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    from madbench.mini.build import write_world

    sizes = {"train": 80, "dev": 6, "test": 12}
    return write_world("snli_ve", tmp_path_factory.mktemp("world") / "snli_ve", sizes=sizes)


def ok(result):
    assert result.code == 0, result.err
    return result


def test_the_page_shows_the_script_as_it_is():
    assert f"```python\n{SCRIPT.read_text()}```" in (DOCS / "own-training-code.md").read_text()
    assert "madbench" not in SCRIPT.read_text().split('"""')[2]  # it stands alone


@pytest.mark.slow
def test_subset_out_training_elsewhere_predictions_in_table(madbench, world, tmp_path):
    data = ("--data", f"snli_ve={world}")
    protocol = ("--protocol", "lowshot-10pct", "--task", "snli_ve", "--out", tmp_path / "runs")
    for draw in (0, 1):
        part, file = tmp_path / f"part{draw}", tmp_path / f"test{draw}.csv"
        ok(madbench("data", "subset", "snli_ve", "--fraction", 0.1, "--draw", draw, *data, "--write", part))
        subprocess.run([sys.executable, SCRIPT, part, world / "snli_ve_test.jsonl", file], check=True)
        imported = ok(
            madbench("import", "--predictions", file, *protocol, *data, "--draw", draw, "--model", "words-outside")
        )
        assert "test: accuracy" in imported.out and "ve-hard: accuracy" in imported.out
    ok(madbench("run", "--model", "overlap", *protocol, *data, "--draws", "0-1", "--quiet"))
    board = ok(madbench("report", tmp_path / "runs", "--baseline", "overlap")).out
    row = next(line for line in board.splitlines() if line.startswith("| words-outside"))
    assert "external" in row and "n=2" in row
    assert ok(madbench("status", tmp_path / "runs")).out.splitlines()[-1] == "4 done"
    runs = json.loads(ok(madbench("list", "runs", "--out", tmp_path / "runs", "--json")).out)
    assert sorted(one["model"] for one in runs) == ["overlap"] * 2 + ["words-outside"] * 2


def test_the_manifest_is_printed_without_write(madbench, world):
    result = ok(madbench("data", "subset", "snli_ve", "--fraction", 0.1, "--data", f"snli_ve={world}"))
    manifest = json.loads(result.out)
    assert manifest["train"]["n"] == len(manifest["train"]["ids"]) and manifest["pool"]["label_shares"]


def test_submit_exports_what_import_takes(madbench, world, tmp_path):
    data = ("--data", f"snli_ve={world}")
    ok(madbench("run", "--model", "majority", "--protocol", "lowshot-10pct", "--task", "snli_ve", *data,
                "--out", tmp_path / "runs", "--quiet"))  # fmt: skip
    both = madbench("submit", tmp_path / "runs", "--out", "x.csv", "--split", "test", "--condition", "test", *data)
    assert both.code == 2 and "give one of the two" in both.err
    none = madbench("submit", tmp_path / "runs", "--out", "x.csv", *data)
    assert none.code == 2 and "no unlabelled split" in none.err
    file = tmp_path / "test.csv"
    ok(madbench("submit", tmp_path / "runs", "--out", file, "--condition", "test", *data))
    ok(madbench("import", "--predictions", f"test={file}", "--protocol", "lowshot-10pct", "--task", "snli_ve",
                "--draw", 0, "--model", "as-majority", *data, "--out", tmp_path / "runs"))  # fmt: skip
    records = [json.loads(path.read_text()) for path in (tmp_path / "runs").glob("**/record.json")]
    one, other = ({each["name"]: each["metrics"] for each in record["conditions"]} for record in records)
    assert one == other
    predicted = tmp_path / "dev.parquet"
    ok(madbench("predict", tmp_path / "runs" / "majority", "--split", "dev", "--out", predicted, *data))
    assert predicted.is_file()
    imported = madbench("predict", tmp_path / "runs" / "as-majority", "--split", "dev", *data)
    assert imported.code == 2 and "was imported" in imported.err
