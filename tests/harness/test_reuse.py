"""A training that exists is taken over: scored as the new protocol asks, and only as it was left."""

import logging
from dataclasses import replace

import numpy as np
import pyarrow.parquet
import pytest

from madbench.files import read_json, write_json
from madbench.harness.prediction_files import stale_items
from madbench.harness.verifier import Verifier, sources_at_hand
from madbench.harness.verify import verify_cell
from madbench.tasks.vqa.task import Vqa

LAST = {"select": "null", "selection": "last", "points": 1}


@pytest.fixture
def versions_differ(monkeypatch):
    """The data of these tests score alike in both versions: here 2016 gives half of it."""
    original = Vqa.score

    def score(self, rows, predictions, versions):
        found = original(self, rows, predictions, {**versions, "vqa_accuracy": "2021"})
        if versions["vqa_accuracy"] == "2021":
            return found
        halved = {name: value / 2 for name, value in found.metrics.items()}
        return replace(found, metrics=halved, correct={"main": np.asarray(found.correct["main"]) / 2})

    monkeypatch.setattr(Vqa, "score", score)


def versioned(bench, name, version, **options):
    file = bench.protocol(name, **options)
    with open(file, "a") as stream:
        stream.write(f'metrics: {{vqa_accuracy: "{version}"}}\n')
    return file


def problems(bench, folder):
    record = read_json(folder / "record.json")
    verifier = Verifier(sources_at_hand([f"vqa={bench.data}"], {("vqa", "real")}), [str(bench.folder / "old.yaml")])
    return verify_cell("it", folder, record, verifier).problems


def test_item_scores_are_those_of_the_metric_version_that_is_asked_for(bench, versions_differ):
    bench.run(protocol=versioned(bench, "new", "2021", **LAST))
    bench.forget_log()
    result = bench.run(protocol=versioned(bench, "old", "2016", **LAST))
    (folder,) = result.folders
    metrics = bench.record(result)["conditions"][0]["metrics"]
    items = pyarrow.parquet.read_table(folder / "predictions" / "val@6.parquet")["main_correct"].to_numpy()
    assert bench.log() == [] and metrics["vqa_accuracy"] == pytest.approx(items.mean())
    assert set(bench.record(result)["conditions"][0]["metric_versions"].values()) == {"2016", "1"}
    assert problems(bench, folder) == []


def test_a_step_that_another_metric_version_chose_is_not_taken_over(bench, versions_differ):
    """Of the select split nothing is kept but metrics, in that version."""
    bench.run(protocol=versioned(bench, "new", "2021"))
    bench.forget_log()
    other = versioned(bench, "old", "2016")
    assert [one.state for one in bench.run(protocol=other, dry_run=True).plan.cells] == ["train"]
    result = bench.run(protocol=other)
    assert any(line.startswith("fit") for line in bench.log()) and problems(bench, result.folders[0]) == []


def edited_prediction(folder):
    file = sorted((folder / "predictions").glob("val@*.parquet"))[0]
    table = pyarrow.parquet.read_table(file)
    answers = ["yes"] * table.num_rows
    place = table.column_names.index("main_prediction")
    pyarrow.parquet.write_table(table.set_column(place, "main_prediction", pyarrow.array(answers)), file)


def edited_record(folder):
    record = read_json(folder / "record.json")
    record["usage"]["examples_seen"] = 1
    write_json(folder / "record.json", record)


def without_digests(folder):
    record = read_json(folder / "record.json")
    del record["digests_sha256"]
    write_json(folder / "record.json", record)
    (folder / "digests.json").unlink()


@pytest.mark.parametrize("edit", [edited_prediction, edited_record, without_digests])
def test_what_was_edited_is_not_sealed_anew(bench, caplog, edit):
    plain = bench.run(protocol=bench.protocol("plain", conditions=["{name: val, kind: split}"]))
    whole = bench.protocol("shifted")
    edit(plain.folders[0])
    bench.forget_log()
    assert [one.state for one in bench.run(protocol=whole, dry_run=True).plan.cells] == ["train"]
    with caplog.at_level(logging.WARNING):
        result = bench.run(protocol=whole)
    assert any(line.startswith("fit") for line in bench.log())
    assert "is not used, and its training is done again" in caplog.text
    record = bench.record(result)
    assert "trained_by" not in record and record["usage"]["examples_seen"] == 6


def test_stale_items_are_named_by_leg(bench):
    from madbench.tasks.contract import Row

    folder = bench.run().folders[0]
    file = sorted((folder / "predictions").glob("val@*.parquet"))[0]
    table = pyarrow.parquet.read_table(file)
    rows = [Row(one, "0") for one in reversed(table["example_id"].to_pylist())]
    right = table["main_correct"].to_numpy()[::-1]
    assert stale_items(file, rows, {"main": right}) == {}
    assert list(stale_items(file, rows, {"main": 1 - right, "other": right})) == ["main", "other"]
