"""`madbench list`: name, version, origin of everything there is."""

from __future__ import annotations

import json

import pytest

KINDS = ("models", "protocols", "tasks", "shifts", "published")


@pytest.mark.parametrize("kind", KINDS)
def test_json_gives_name_version_and_origin(madbench, kind):
    result = madbench("list", kind, "--json")
    assert result.code == 0, result.err
    rows = json.loads(result.out)
    assert rows and all({"name", "version", "origin"} <= row.keys() for row in rows)


@pytest.mark.parametrize("kind", KINDS)
def test_the_table_has_a_line_for_each(madbench, kind):
    rows = json.loads(madbench("list", kind, "--json").out)
    lines = madbench("list", kind).out.splitlines()
    assert len(lines) == 1 + len(rows)
    assert lines[0].split()[:3] == ["name", "version", "origin"]


def names(madbench, kind):
    return {row["name"] for row in json.loads(madbench("list", kind, "--json").out)}


def test_what_ships_is_listed(madbench):
    assert names(madbench, "tasks") == {"vcr", "snli_ve", "vqa"}
    assert {"rule-singular", "rule-plural", "ve-hard", "changed-prior"} <= names(madbench, "shifts")
    assert {"full", "lowshot-1pct", "domainshift"} <= names(madbench, "protocols")
    assert {
        "random",
        "majority",
        "overlap",
        "text-only",
        "image-only",
        "clip-probe",
        "student",
        "naive-kd",
        "clip-td",
        "mad",
        "mad-pool",
        "student-pool",
    } <= names(madbench, "models")


def test_published_results_come_with_their_conditions(madbench):
    rows = json.loads(madbench("list", "published", "--json").out)
    (gain,) = [row for row in rows if row["result"] == "max_gain 51.9"]
    assert gain["status"] == "fact" and gain["conditions"] == "largest gain stated, not an accuracy"


def test_a_broken_file_is_shown_as_broken_and_exits_2(madbench, tmp_path, monkeypatch):
    (tmp_path / "protocols").mkdir()
    (tmp_path / "protocols" / "mine.yaml").write_text("name: mine\nversion: 1\nextends: full\nsedes: [1]\n")
    monkeypatch.chdir(tmp_path)
    result = madbench("list", "protocols")
    assert result.code == 2
    line = next(line for line in result.out.splitlines() if line.startswith("mine"))
    assert "BROKEN" in line and "mine.yaml:4" in line
    assert "full" in result.out
    row = next(row for row in json.loads(madbench("list", "protocols", "--json").out) if row["name"] == "mine")
    assert "sedes" in row["problem"]


def test_an_adapter_of_a_plugin_is_a_model_with_its_origin(madbench, tmp_path, monkeypatch):
    from madbench.registry import ADAPTERS

    monkeypatch.setattr(ADAPTERS, "_added", dict(ADAPTERS._added))
    plugin = tmp_path / "listed_plugin.py"
    plugin.write_text(
        "import madbench\n\n\n@madbench.register_model('listed-coin')\nclass Coin(madbench.ModelAdapter):\n    pass\n"
    )
    rows = json.loads(madbench("list", "models", "--json", "--plugin", plugin).out)
    row = next(row for row in rows if row["name"] == "listed-coin")
    assert row["origin"] == str(plugin) and row["version"] == 1


def test_no_runs_is_no_error(madbench, tmp_path):
    result = madbench("list", "runs", "--out", tmp_path / "none")
    assert (result.code, result.out) == (0, "no runs\n")
