import json

import pytest

from madbench.errors import DataMalformed, DataMissing, NotComparable
from madbench.report.records import load_runs, read_record


def test_finished_and_failed_cells_are_found_and_unfinished_ones_left_alone(cells):
    cells.write("mad")
    cells.fail("student", draw=2)
    (cells.root / "mad" / "lowshot-1pct@1" / "vqa" / "mini-d0-s0-00000000" / "predictions").mkdir(parents=True)
    runs = load_runs([cells.root])
    assert [(record.model, record.run, record.step) for record in runs.records] == [("mad", (0, 0), 100)]
    failure = runs.failures[0]
    assert (failure.model, failure.task, failure.draw, failure.error) == ("student", "snli_ve", 2, "loss is not finite")


def test_a_record_beside_an_old_error_is_a_finished_cell(cells):
    folder = cells.write("mad")
    (folder / "error.json").write_text('{"error": "interrupted once"}')
    assert len(load_runs([cells.root]).records) == 1
    assert not load_runs([cells.root]).failures


def test_a_single_cell_folder_can_be_named(cells):
    assert len(load_runs([cells.write("mad")]).records) == 1


def test_a_folder_given_twice_counts_once(cells):
    cells.write("mad")
    assert len(load_runs([cells.root, cells.root]).records) == 1


def test_two_versions_of_one_run_are_refused(cells, tmp_path):
    folder = cells.write("mad")
    content = json.loads((folder / "record.json").read_text())
    content["conditions"][0]["metrics"]["accuracy"] = 1.0
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "record.json").write_text(json.dumps(content))
    with pytest.raises(NotComparable, match="one run has two records that differ: mad"):
        load_runs([cells.root, copy])


def test_a_missing_folder_says_what_to_run(tmp_path):
    with pytest.raises(DataMissing) as caught:
        load_runs([tmp_path / "runs"])
    assert "madbench run" in caught.value.fix


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda content: content.update(schema_version=2), "schema_version is 2"),
        (lambda content: content["protocol"].pop("task_hash"), "field 'protocol.task_hash' is None"),
        (lambda content: content.update(draw=True), "field 'draw' is True"),
        (lambda content: content["conditions"][0]["metrics"].update(accuracy=47.5), "accuracy is 47.5"),
        (lambda content: content["conditions"][0].pop("metrics"), "has no metrics"),
    ],
)
def test_a_record_that_cannot_be_believed_is_named(cells, change, message):
    cells.write("mad", draw=1)
    path = cells.write("mad") / "record.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(DataMalformed) as caught:
        load_runs([cells.root])
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "1 of 2 records cannot be read" in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema_version": 1, "draw": NaN}'])
def test_broken_json_is_named(cells, text):
    path = cells.write("mad") / "record.json"
    path.write_text(text)
    with pytest.raises(DataMalformed, match=r"record\.json"):
        load_runs([cells.root])


def test_cells_behind_links_and_in_hidden_folders_are_not_looked_for(cells, tmp_path):
    folder = cells.write("mad")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "linked").symlink_to(folder)
    (tmp_path / "other" / ".hidden").mkdir()
    (tmp_path / "other" / ".hidden" / "record.json").write_text((folder / "record.json").read_text())
    assert load_runs([tmp_path / "other"]).records == ()


def test_whether_predictions_lie_beside_a_record_is_known(cells):
    cells.write("mad")
    cells.write("student", predictions=False)
    found = {record.model: record.has_predictions for record in load_runs([cells.root]).records}
    assert found == {"mad": True, "student": False}
    assert read_record(next(cells.root.glob("mad/*/*/*"))).has_predictions, "nobody had looked"


def test_which_copy_of_a_run_is_read_does_not_depend_on_the_order(cells, tmp_path):
    folder = cells.write("mad")
    content = json.loads((folder / "record.json").read_text())
    content["timing"]["fit_s"] = 99.0
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "record.json").write_text(json.dumps(content))
    for order in ([cells.root, copy], [copy, cells.root]):
        (record,) = load_runs(order).records
        assert record.folder == folder, "the copy that has predictions"


def test_paths_in_the_errors_of_failed_cells_are_cut(cells):
    folder = cells.fail("mad")
    (folder / "error.json").write_text(json.dumps({"error": "cannot open /home/ada/data/val.jsonl"}))
    assert [one.error for one in load_runs([cells.root]).failures] == ["cannot open <path>/val.jsonl"]
