"""Files of a cell that cannot be read: told with their name and what to do, and --overwrite is what cures them."""

import json

import pytest

from madbench.errors import DataMalformed
from madbench.harness.predicting import FinishedCell, find_cell
from madbench.harness.status import cell_states
from madbench.harness.store import CellFolder, Store

BROKEN = {
    "cut off": lambda text: text[:300],
    "empty": lambda text: "",
    "a list": lambda text: "[]",
    "without an id": lambda text: json.dumps({name: one for name, one in json.loads(text).items() if name != "run_id"}),
    "without its end": lambda text: json.dumps({n: one for n, one in json.loads(text).items() if n != "finished_at"}),
}


@pytest.fixture(params=BROKEN)
def spoiled(bench, request):
    """A cell whose record.json is broken in one way."""
    result = bench.run()
    file = result.folders[0] / "record.json"
    file.write_text(BROKEN[request.param](file.read_text()))
    return file


def test_a_broken_record_stops_its_cell_with_a_way_out_and_overwrite_takes_it(bench, spoiled):
    error = bench.refused(DataMalformed)
    assert str(spoiled) in str(error) and error.fix == "run it again with --overwrite"
    again = bench.run(overwrite=True)
    assert again.exit_code == 0 and bench.record(again)["status"] == "done"
    (state,) = cell_states(bench.out)
    assert state["state"] == "done"


def test_it_is_shown_as_broken(bench, spoiled):
    (state,) = cell_states(bench.out)
    assert state["state"] == "broken" and str(spoiled) in state["detail"]


def test_other_cells_of_the_plan_and_other_protocols_run(bench, spoiled):
    result = bench.run(draws="all", on_error="continue")
    assert result.exit_code == 3 and len(result.folders) == 1
    other = bench.protocol("other", conditions=("{name: val, kind: split}",))
    assert bench.run(protocol=other).exit_code == 0  # the broken cell's training is none to take


def test_it_is_no_cell_to_predict_with(bench, spoiled):
    with pytest.raises(DataMalformed, match="record"):
        FinishedCell(find_cell(spoiled.parent))


def test_a_cut_history_and_a_broken_error_are_told(bench):
    bench.run("broken")
    (folder,) = (bench.out / one["cell"] for one in cell_states(bench.out))
    (folder / "error.json").write_text("{")
    (state,) = cell_states(bench.out)
    assert (state["state"], state["detail"]) == ("failed", "error.json cannot be read")
    (folder / "error.json").unlink()
    (folder / "history.jsonl").write_text('{"step": 1, "select": {}, "conditions": {}}\n{"step": 2, "sel')
    (state,) = cell_states(bench.out)
    assert state["state"] == "broken" and "history.jsonl:2" in state["detail"]
    with pytest.raises(DataMalformed, match=r"no evaluation point .*history\.jsonl:2"):
        CellFolder(folder).history()


def test_cells_are_known_without_their_locks(bench):
    """Packed and unpacked, a folder has no hidden files."""
    (done,) = bench.run().folders
    bench.run("broken")
    for lock in bench.out.glob("**/.lock"):
        lock.unlink()
    (done.parent / "elsewhere").mkdir()
    (done.parent / "elsewhere" / "manifest.json").write_text("{}")
    assert sorted(one["state"] for one in cell_states(bench.out)) == ["done", "failed", "unfinished"]


def test_a_plan_that_cannot_be_remembered_is_made_all_the_same(bench, monkeypatch):
    def refuse(path, value):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("madbench.files.write_json", refuse)
    assert len(bench.run(dry_run=True).plan.cells) == 1


def test_a_remembered_plan_that_is_cut_off_is_made_again(bench, tmp_path):
    before = bench.run(dry_run=True).plan.cells[0].cell.run_id
    for file in (tmp_path / "home" / "plans").iterdir():
        file.write_text("{")
    assert bench.run(dry_run=True).plan.cells[0].cell.run_id == before


def test_a_finished_cell_is_told_from_an_unreadable_one(bench, spoiled):
    cell = bench.run(dry_run=True, overwrite=True).plan.cells[0].cell
    assert not Store(bench.out).finished(cell)
