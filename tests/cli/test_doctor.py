"""`madbench doctor`: what a run depends on, for the top of a bug report."""

from __future__ import annotations

import json

from madbench.cli import doctor


def test_it_names_versions_devices_and_folders(madbench, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = madbench("doctor", "--json")
    assert result.code == 0, result.out
    found = json.loads(result.out)
    assert found["packages"]["torch"] and "cpu" in found["devices"]
    assert found["folders"]["runs"] == str(tmp_path / "runs")
    assert madbench("doctor").out.endswith("ready\n")


def test_a_registered_root_that_is_gone_is_a_problem(madbench, tmp_path, monkeypatch):
    from madbench.files import write_json

    monkeypatch.setenv("MADBENCH_HOME", str(tmp_path))
    write_json(tmp_path / "sources.json", {"vqa": {"root": str(tmp_path / "gone")}})
    result = madbench("doctor")
    assert result.code == 1 and "problem: data: vqa is registered at" in result.out


def test_a_folder_below_a_file_is_not_writable(tmp_path):
    (tmp_path / "file").write_text("")
    assert doctor.writable(tmp_path / "new" / "deep")
    assert not doctor.writable(tmp_path / "file" / "below")
