"""Metrics again from predictions: the same scorers change nothing, others do, and the old numbers stay."""

import shutil

import pytest

from madbench.cli.app import run_app
from madbench.files import read_json, write_json
from madbench.harness.digests import sealed
from madbench.harness.store import CellFolder
from madbench.tasks.vqa import score
from madbench.tasks.vqa.task import Vqa


@pytest.fixture
def copy(sealed_cell, tmp_path, monkeypatch):
    """A finished cell, its folder and what a command needs to find its data."""
    out, cell, _ = sealed_cell
    monkeypatch.chdir(out.parent)
    shutil.copytree(out, tmp_path / "runs")
    return tmp_path / "runs" / cell.relative_to(out)


@pytest.fixture
def command(copy, sealed_cell, capsys):
    def call(name, *options):
        code = run_app([name, str(copy.parents[3]), "--data", sealed_cell[2], *options])
        return code, capsys.readouterr().out

    return call


@pytest.fixture
def other_scorer(monkeypatch):
    """A version 2 of the simple accuracy, and an accuracy that is half of what it was."""
    monkeypatch.setattr(Vqa, "metric_versions", {"vqa_accuracy": "2021", "vqa_accuracy_simple": "2"})
    monkeypatch.setattr(score, "_sum", lambda values: float(values.sum()) / 2)


def test_the_same_scorers_change_nothing(copy, command):
    before = {file: file.read_bytes() for file in copy.rglob("*") if file.is_file()}
    code, out = command("rescore")
    assert code == 0 and out.splitlines()[-1] == "1 records: 1 same, 0 changed, 0 left"
    assert {file: file.read_bytes() for file in copy.rglob("*") if file.is_file()} == before


def test_other_scorers_change_the_record_and_the_old_numbers_stay(copy, command, other_scorer):
    old = read_json(copy / "record.json")
    code, out = command("rescore")
    new = read_json(copy / "record.json")
    was, now = (record["conditions"][0] for record in (old, new))
    assert code == 0 and "changed " in out
    assert now["metrics"]["vqa_accuracy"] == was["metrics"]["vqa_accuracy"] / 2
    assert f"val vqa_accuracy: {was['metrics']['vqa_accuracy']} -> {now['metrics']['vqa_accuracy']}" in out
    assert "(version 1 -> 2)" in out
    (earlier,) = new["history"]
    assert earlier["conditions"][0]["metrics"] == was["metrics"]
    assert earlier["conditions"][0]["metric_versions"]["vqa_accuracy_simple"] == "1"
    assert {name for name in new if new[name] != old.get(name)} == {
        "conditions", "selection", "history", "digests_sha256"
    }  # fmt: skip
    # The whole agrees with itself again, and a second time there is nothing to do.
    assert command("verify")[0] == 0
    assert command("rescore")[1].splitlines()[-1] == "1 records: 1 same, 0 changed, 0 left"


@pytest.mark.parametrize("stage", ["write_history", "write_record"])
def test_a_kill_in_between_is_seen_and_the_same_command_completes_it(copy, command, other_scorer, monkeypatch, stage):
    with monkeypatch.context() as patch:
        patch.setattr(CellFolder, stage, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        assert command("rescore")[0] == 130
    code, out = command("verify")
    assert code == 4 and "a rescore was interrupted here" in out
    code, out = command("rescore")
    assert code == 0 and "1 changed" in out
    assert len(read_json(copy / "record.json")["history"]) == 1
    assert command("verify")[0] == 0


def test_an_edited_cell_is_left_alone(copy, command, other_scorer):
    record = read_json(copy / "record.json")
    record["draw"] = 1
    write_json(copy / "record.json", record)
    code, out = command("rescore")
    assert code == 3 and "it was changed after the run: record.json: draw was changed" in out
    assert read_json(copy / "record.json") == record


def test_cells_without_predictions_or_data_are_named(copy, command, capsys):
    assert run_app(["rescore", str(copy)]) == 3
    assert "no real source of vqa is at hand" in capsys.readouterr().out
    shutil.rmtree(copy / "predictions")
    write_json(copy / "record.json", sealed(copy, read_json(copy / "record.json")))
    code, out = command("rescore")
    assert code == 3 and "the predictions of val, changed-prior, changed-prior:complement are not there" in out


def test_a_file_in_another_order_keeps_its_order(copy, command, other_scorer):
    import pyarrow.parquet

    file = sorted((copy / "predictions").glob("val@*.parquet"))[0]
    table = pyarrow.parquet.read_table(file)
    turned = table.take(list(range(table.num_rows))[::-1])
    pyarrow.parquet.write_table(turned, file)
    write_json(copy / "record.json", sealed(copy, read_json(copy / "record.json")))
    assert command("rescore")[0] == 0
    again = pyarrow.parquet.read_table(file)
    assert again["example_id"].to_pylist() == turned["example_id"].to_pylist()
    assert command("verify")[0] == 0
