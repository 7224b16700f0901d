"""A finished cell predicts again: from its checkpoint, on splits with and without labels, and as leaderboard files."""

from __future__ import annotations

import csv
import json

import numpy as np
import pyarrow.parquet
import pytest

from madbench.errors import DataMissing, NotComparable, UsageError
from madbench.harness import run
from madbench.harness.exports import write_split_predictions, write_submission
from madbench.harness.predicting import FinishedCell, find_cell, obvious_split
from madbench.harness.prediction_files import read_predictions


@pytest.fixture
def opened(small_worlds, tmp_path):
    """A finished cell of a small world."""

    def call(task, model="overlap", protocol="lowshot-10pct", **options):
        data = [f"{task}={small_worlds[task]}"]
        run(model, protocol, task=task, data=data, out=tmp_path / "runs", quiet=True, **options)
        return FinishedCell(find_cell(tmp_path / "runs"), data)

    return call


def test_a_checkpoint_predicts_as_the_run_did_and_trains_nothing(bench):
    (folder,) = bench.run().folders
    bench.forget_log()
    cell = FinishedCell(find_cell(folder), [f"vqa={bench.data}"], protocol_file=bench.protocol())
    predictions = cell.predict("val")
    assert bench.log() == ["restore", "predict 36"]
    stored = read_predictions(folder / "predictions" / f"val@{cell.step}.parquet", predictions.rows, ("main",))
    assert predictions.legs["main"].labels == stored["main"].labels
    assert np.array_equal(predictions.legs["main"].scores, stored["main"].scores)


def test_the_checkpoint_of_another_run_of_the_same_training_serves(bench):
    bench.run(protocol=bench.protocol("first"))
    (folder,) = bench.run(protocol=bench.protocol("second")).folders
    assert not (folder / "checkpoint" / "kept.safetensors").exists()
    bench.forget_log()
    FinishedCell(find_cell(folder), [f"vqa={bench.data}"], protocol_file=bench.protocol("second")).predict("val")
    assert bench.log() == ["restore", "predict 36"]


def test_a_trained_model_without_checkpoint_is_not_trained_again(bench):
    (folder,) = bench.run(keep_checkpoint="none").folders
    bench.forget_log()
    with pytest.raises(DataMissing, match="keeps no checkpoint of step") as caught:
        FinishedCell(find_cell(folder), [f"vqa={bench.data}"], protocol_file=bench.protocol()).predict("val")
    assert "--keep-checkpoint selected" in caught.value.fix and bench.log() == []


def test_a_model_without_trained_state_is_fitted_on_its_subset_again(bench):
    (folder,) = bench.run("coin").folders
    bench.forget_log()
    FinishedCell(find_cell(folder), [f"vqa={bench.data}"], protocol_file=bench.protocol()).predict("val")
    assert bench.log() == ["coin 60 None"]


def test_other_annotations_are_refused(bench):
    (folder,) = bench.run().folders
    file = bench.data / "v2_mscoco_train2014_annotations.json"
    file.write_text(file.read_text().replace('"blue"', '"green"'))
    with pytest.raises(NotComparable, match="not those of this run"):
        FinishedCell(find_cell(folder), [f"vqa={bench.data}"], protocol_file=bench.protocol())


def test_another_protocol_of_the_same_name_is_refused(bench):
    (folder,) = bench.run().folders
    other = bench.protocol(points=1)
    with pytest.raises(NotComparable, match="not the one of this run"):
        FinishedCell(find_cell(folder), [f"vqa={bench.data}"], protocol_file=other)


@pytest.mark.parametrize(("task", "split", "n"), [("vqa", "test-dev", 11), ("vqa", "test", 22), ("snli_ve", "dev", 54)])
def test_any_split_of_the_source_is_predicted(opened, task, split, n, tmp_path):
    cell = opened(task)
    predictions = cell.predict(split)
    write_split_predictions(tmp_path / "out.parquet", predictions, cell.task.legs)
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert table.column_names == ["example_id", "unit_id", "main_prediction", "main_scores"]
    assert table.num_rows == len(predictions.rows) == n and table["main_prediction"].null_count == 0


def test_vcr_rationales_are_scored_under_every_answer(opened, tmp_path):
    cell = opened("vcr")
    predictions = cell.predict("test")
    assert predictions.blocks.shape == (len(predictions.rows), 4, 4) and set(predictions.legs) == {"q2a"}
    assert any(
        not np.array_equal(block[0], block[1]) for block in predictions.blocks
    )  # the answer is part of the query
    write_split_predictions(tmp_path / "out.parquet", predictions, cell.task.legs)
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert table.column_names[4:] == ["qa2r_prediction", "qa2r_scores", *(f"qa2r_scores_a{at}" for at in range(4))]
    assert table["qa2r_prediction"].null_count == table.num_rows  # nobody knows the right answer
    assert table["qa2r_scores_a2"].to_pylist()[0] == predictions.blocks[0, 2].tolist()


def test_with_labels_the_rationales_under_the_right_answer_are_those_of_the_run(opened):
    cell = opened("vcr")
    predictions, stored = cell.predict("val"), cell.stored("val")
    assert predictions.legs["qa2r"].labels == stored.legs["qa2r"].labels
    assert np.array_equal(predictions.blocks, stored.blocks)


def test_stored_rationale_scores_stand_in_the_block_of_the_right_answer(opened):
    """`random` gives other scores to the same question under another id, so a block that was not stored would differ."""
    cell = opened("vcr", "random")
    stored = cell.stored("rule-singular")
    path = cell.folder.predictions("rule-singular", cell.step)
    scores = read_predictions(path, stored.rows, cell.task.legs)["qa2r"].scores
    given = [row.labels[0] for row in stored.rows]
    assert np.array_equal(stored.blocks[np.arange(len(given)), given], scores)


def test_the_vcr_leaderboard_file_has_a_row_per_question_and_every_digit(opened, tmp_path):
    cell = opened("vcr", "random")
    predictions = cell.predict(obvious_split(cell))
    write_submission(tmp_path / "test.csv", "vcr", predictions)
    with open(tmp_path / "test.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(predictions.rows) and len(rows[0]) == 21
    read = np.array([[float(row[f"rationale_conditioned_on_a3_{at}"]) for at in range(4)] for row in rows])
    assert np.array_equal(read.astype(np.float32), predictions.blocks[:, 3])


def test_the_vqa_leaderboard_file_answers_each_question_in_words(opened, small_worlds, tmp_path):
    cell = opened("vqa")
    with pytest.raises(UsageError, match="test-dev, test"):
        obvious_split(cell)
    write_submission(tmp_path / "test.json", "vqa", cell.predict("test"))
    asked = json.loads((small_worlds["vqa"] / "v2_OpenEnded_mscoco_test2015_questions.json").read_text())["questions"]
    answers = json.loads((tmp_path / "test.json").read_text())
    assert [one["question_id"] for one in answers] == [one["question_id"] for one in asked]
    assert all(isinstance(one["answer"], str) for one in answers)


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [("changed-prior", UsageError, "cut out of 'val'"), ("vall", UsageError, "did you mean 'val'")],
)
def test_conditions_that_are_not_stored_are_not_exported(opened, name, kind, said):
    with pytest.raises(kind, match=said):
        opened("vqa").stored(name)


def test_a_split_that_is_not_there_is_named(opened):
    with pytest.raises(DataMissing, match="did you mean 'test'"):
        opened("vqa").predict("tests")


def test_a_folder_must_hold_one_cell_that_fits(opened, tmp_path):
    first = opened("vqa").folder
    assert find_cell(tmp_path / "runs", split="val", condition="changed-prior").path == first.path
    with pytest.raises(DataMissing, match="no finished cell with the split dev"):
        find_cell(tmp_path / "runs", split="dev")
    with pytest.raises(UsageError, match="2 cells") as caught:
        opened("vqa", "majority")
    assert str(first.path) in str(caught.value)
