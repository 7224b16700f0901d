"""Metrics again from predictions: the same scorers change nothing, others do, and the old numbers stay."""

import shutil
from functools import partial

import pyarrow
import pyarrow.parquet
import pytest

from madbench.cli.app import run_app
from madbench.files import read_json, write_json
from madbench.harness.digests import sealed
from madbench.harness.locks import locked
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
    file = sorted((copy / "predictions").glob("val@*.parquet"))[0]
    table = pyarrow.parquet.read_table(file)
    turned = table.take(list(range(table.num_rows))[::-1])
    pyarrow.parquet.write_table(turned, file)
    write_json(copy / "record.json", sealed(copy, read_json(copy / "record.json")))
    assert command("rescore")[0] == 0
    again = pyarrow.parquet.read_table(file)
    assert again["example_id"].to_pylist() == turned["example_id"].to_pylist()
    assert command("verify")[0] == 0


def halve_items(copy):
    """Item scores that are not those of the predictions, in a cell that agrees with its digests."""
    file = sorted((copy / "predictions").glob("val@*.parquet"))[0]
    table = pyarrow.parquet.read_table(file)
    halved = pyarrow.array([one / 2 for one in table["main_correct"].to_pylist()])
    pyarrow.parquet.write_table(
        table.set_column(table.column_names.index("main_correct"), "main_correct", halved), file
    )
    write_json(copy / "record.json", sealed(copy, read_json(copy / "record.json")))
    return file


def test_item_scores_that_are_not_those_of_the_predictions_are_noticed_and_repaired(copy, command):
    halve_items(copy)
    assert command("verify")[0] == 4
    code, out = command("rescore")
    assert code == 0 and "the stored item scores of main are not those of its predictions" in out and "1 changed" in out
    assert command("verify")[0] == 0


def test_a_kill_with_nothing_left_but_digests_is_completed_too(copy, command, monkeypatch):
    halve_items(copy)
    with monkeypatch.context() as patch:
        patch.setattr(CellFolder, "write_record", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        assert command("rescore")[0] == 130
    assert command("rescore")[0] == 0 and command("verify")[0] == 0


def edit_prediction(copy):
    file = sorted((copy / "predictions").glob("val@*.parquet"))[0]
    table = pyarrow.parquet.read_table(file)
    answers = ["red", *table["main_prediction"].to_pylist()[1:]]
    place = table.column_names.index("main_prediction")
    pyarrow.parquet.write_table(table.set_column(place, "main_prediction", pyarrow.array(answers)), file)


def edit_record(copy):
    write_json(copy / "record.json", read_json(copy / "record.json") | {"precision": "bf16"})


def edit_manifest(copy):
    write_json(copy / "manifest.json", read_json(copy / "manifest.json") | {"limit": 3})


def edit_history(copy):
    points = CellFolder(copy).history()
    points[0]["select"]["vqa_accuracy"] = 1.0
    CellFolder(copy).write_history(points)


@pytest.mark.parametrize("edit", [edit_prediction, edit_record, edit_manifest, edit_history])
def test_a_mark_that_was_left_behind_lets_no_edit_pass(copy, command, other_scorer, monkeypatch, edit):
    with monkeypatch.context() as patch:
        patch.setattr(CellFolder, "write_history", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        assert command("rescore")[0] == 130
    edit(copy)
    code, out = command("rescore")
    assert code == 3 and "it was changed after the run" in out


def test_a_mark_of_names_alone_waives_nothing(copy, command):
    edit_prediction(copy)
    names = [file.relative_to(copy).as_posix() for file in (copy / "predictions").glob("*.parquet")]
    write_json(copy / ".rescoring", {"files": names})
    code, out = command("rescore")
    assert code == 3 and "it was changed after the run" in out


def test_a_record_that_cannot_be_read_is_left_and_the_others_are_scored(copy, command, other_scorer):
    broken = copy.parents[3] / "another" / "cell"
    broken.mkdir(parents=True)
    (broken / "record.json").write_text("{")
    code, out = command("rescore")
    assert code == 3 and "not a record" in out and out.splitlines()[-1] == "2 records: 0 same, 1 changed, 1 left"


def test_a_cell_that_another_process_works_on_is_left(copy, command, other_scorer, monkeypatch):
    monkeypatch.setattr("madbench.harness.rescore.locked", partial(locked, patience=0.0))
    with locked(copy, "it"):
        code, out = command("rescore")
    assert code == 3 and "another process is working on" in out
    assert command("rescore")[0] == 0
