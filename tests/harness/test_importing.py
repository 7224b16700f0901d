"""Predictions made elsewhere: what goes out comes in with the same metrics, and what was not witnessed says so."""

from __future__ import annotations

import json

import pyarrow
import pyarrow.parquet
import pytest

from madbench.errors import DataError, UsageError
from madbench.harness import run
from madbench.harness.exports import write_submission
from madbench.harness.import_files import check_format
from madbench.harness.importing import ImportRequest, import_predictions
from madbench.harness.predicting import FinishedCell, find_cell
from madbench.report import report

STORED = {"vcr": ("val", "rule-singular", "rule-plural"), "snli_ve": ("test",), "vqa": ("val",)}
PROTOCOL = "lowshot-10pct"


def finished(small_worlds, tmp_path, task, model="overlap", **options):
    data = f"{task}={small_worlds[task]}"
    result = run(model, PROTOCOL, task=task, data=data, out=tmp_path / "runs", quiet=True, **options)
    return result.folders[0], json.loads((result.folders[0] / "record.json").read_text())


def parquet_files(folder, record):
    step = record["selection"][0]["step"]
    return {file.stem.partition("@")[0]: file for file in sorted((folder / "predictions").glob(f"*@{step}.parquet"))}


@pytest.fixture
def take_in(small_worlds, tmp_path):
    def call(task, files, **changes):
        predictions = [f"{name}={file}" for name, file in files.items()] if isinstance(files, dict) else files
        asked = {
            "predictions": predictions,
            "protocol": PROTOCOL,
            "task": task,
            "draw": 0,
            "model": "our-method",
            "data": [f"{task}={small_worlds.get(task)}"],
            "out": tmp_path / "runs",
        }
        return import_predictions(ImportRequest(**{**asked, **changes}))

    return call


def metrics(record):
    return {one["name"]: one["metrics"] for one in record["conditions"]}


@pytest.mark.parametrize("model", ["overlap", "majority"])
@pytest.mark.parametrize("task", STORED)
def test_what_submit_writes_is_imported_with_the_same_metrics(small_worlds, take_in, tmp_path, task, model):
    folder, record = finished(small_worlds, tmp_path, task, model)
    files = {}
    for name in STORED[task]:
        files[name] = tmp_path / f"{name}.{'json' if task == 'vqa' else 'csv'}"
        cell = FinishedCell(find_cell(folder), [f"{task}={small_worlds[task]}"])
        write_submission(files[name], task, cell.stored(name))
    done = take_in(task, files)
    assert done.new and metrics(done.record) == metrics(record)
    assert [one["available"] for one in done.record["conditions"]] == [True] * len(record["conditions"])


@pytest.mark.parametrize("task", STORED)
def test_a_runs_own_parquet_is_imported_with_the_same_metrics_and_scores(small_worlds, take_in, tmp_path, task):
    folder, record = finished(small_worlds, tmp_path, task)
    files = parquet_files(folder, record)
    done = take_in(task, files)
    assert metrics(done.record) == metrics(record)
    for name, file in files.items():
        assert pyarrow.parquet.read_table(done.folder / "predictions" / f"{name}@0.parquet").equals(
            pyarrow.parquet.read_table(file)
        )


def test_the_record_is_external_and_leaves_open_what_was_not_witnessed(small_worlds, take_in, tmp_path):
    folder, run_record = finished(small_worlds, tmp_path, "vqa")
    record = take_in("vqa", parquet_files(folder, run_record), note="from the workshop").record
    assert record["division"] == "external" and record["witnessed"] is False and record["comparable"] is True
    assert record["model"]["adapter"] == "external"
    assert record["model"]["notes"] == ["training not witnessed", "from the workshop"]
    assert set(record) >= set(run_record)
    assert record["data"]["train_ids_sha256"] == run_record["data"]["train_ids_sha256"]
    assert record["labels"]["train"] == run_record["data"]["n_train"] and record["labels"]["witnessed"] is False
    unknown = [
        record["labels"]["teacher"],
        record["usage"]["updates"],
        record["timing"]["fit_s"],
        record["model"]["parameters"]["total"],
        record["environment"]["torch"],
        record["data"]["answer_space"],
    ]
    assert unknown == [None] * len(unknown)
    manifest = json.loads((find_cell(tmp_path / "runs" / "our-method").path / "manifest.json").read_text())
    theirs = json.loads((folder / "manifest.json").read_text())
    assert {key: manifest[key] for key in theirs} == theirs


def test_it_stands_in_the_table_of_the_runs_paired_over_draws(small_worlds, take_in, tmp_path):
    for draw in (0, 1):
        folder, record = finished(small_worlds, tmp_path, "snli_ve", "majority", draws=str(draw))
        run("overlap", PROTOCOL, task="snli_ve", data=f"snli_ve={small_worlds['snli_ve']}", out=tmp_path / "runs",
            draws=str(draw), quiet=True)  # fmt: skip
        take_in("snli_ve", parquet_files(folder, record), draw=draw)
    table = json.loads(report([tmp_path / "runs"], format="json", baseline="majority"))["tables"][0]
    rows = {row["model"]: row for row in table["rows"]}
    assert {label: row["division"] for label, row in rows.items()} == {
        "majority": "closed",
        "overlap": "closed",
        "our-method (external)": "external",
    }
    text = report([tmp_path / "runs"], baseline="majority")
    line = next(line for line in text.splitlines() if "our-method" in line)
    assert "n=2" in line and "training not witnessed" in text


def test_conditions_without_a_file_are_not_available(small_worlds, take_in, tmp_path):
    files = parquet_files(*finished(small_worlds, tmp_path, "vcr"))
    record = take_in("vcr", [str(files["val"])]).record
    assert {one["name"]: one.get("reason") for one in record["conditions"]} == {
        "val": None,
        "rule-singular": "no predictions given",
        "rule-singular:control": "'rule-singular' is not available",
        "rule-plural": "no predictions given",
        "rule-plural:control": "'rule-plural' is not available",
    }
    only_shift = take_in("vcr", {"rule-plural": files["rule-plural"]}, model="other").record
    reasons = {one["name"]: one.get("reason") for one in only_shift["conditions"]}
    assert reasons["val"] == "no predictions given" and reasons["rule-plural"] is None
    assert reasons["rule-plural:control"] == "'val' is not available"


def test_the_same_predictions_again_change_nothing_and_others_replace_them_when_they_are_told_to(
    small_worlds, take_in, tmp_path
):
    """Two of them would claim one place in a table, and leave the whole board unavailable."""
    first = parquet_files(*finished(small_worlds, tmp_path, "snli_ve", "overlap"))
    second = parquet_files(*finished(small_worlds, tmp_path, "snli_ve", "majority"))
    one, again = (take_in("snli_ve", files) for files in (first, first))
    assert (one.new, again.new) == (True, False) and one.folder == again.folder and again.record == one.record
    with pytest.raises(UsageError, match="were imported before") as caught:
        take_in("snli_ve", second)
    assert caught.value.where == str(one.folder) and "--overwrite" in caught.value.fix
    assert [file.parent for file in tmp_path.glob("runs/our-method/**/record.json")] == [one.folder]
    other = take_in("snli_ve", second, overwrite=True)
    assert other.new and [file.parent for file in tmp_path.glob("runs/our-method/**/record.json")] == [other.folder]
    assert not one.folder.exists()
    assert one.record["model"]["spec_hash"] == other.record["model"]["spec_hash"]  # draws of one model are one row
    assert take_in("snli_ve", second, model="another").new and "our-method" in report([tmp_path / "runs"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": "mad"}, "madbench trains itself"),
        ({"model": "finetune"}, "madbench trains itself"),
        ({"model": "Our_Method"}, "kebab-case"),
        ({"draw": 7}, "declares 0, 1, 2, 3, 4"),
        ({"seed": 3}, "declares 0"),
        ({"task": "gqa"}, "no task 'gqa'"),
        ({"predictions": []}, "no --predictions"),
        ({"predictions": ["vall={file}"]}, "did you mean 'val'"),
        ({"predictions": ["changed-prior={file}"]}, "cut out of 'val'"),
        ({"predictions": ["{file}", "val={file}"]}, "twice"),
    ],
)
def test_what_cannot_be_meant_is_refused(take_in, tmp_path, changes, said):
    file = tmp_path / "results.json"
    file.write_text("[]")
    files = [text.format(file=file) for text in changes.pop("predictions", ["{file}"])]
    with pytest.raises(UsageError, match=said):
        take_in(**{"task": "vqa", "files": files, **changes})
    assert not (tmp_path / "runs").exists()


def test_a_file_that_is_not_there_is_missing_data(take_in, tmp_path):
    with pytest.raises(DataError, match="no such predictions"):
        take_in("vqa", [str(tmp_path / "none.json")])


def damaged(table, how):
    rows = table.to_pylist()
    if how == "row missing":
        del rows[3]
    elif how == "row twice":
        rows[4]["example_id"] = rows[3]["example_id"]
    elif how == "row not asked":
        rows[2]["example_id"] = "nobody"
    elif how == "no label":
        rows[0]["main_prediction"] = None
    elif how == "other label":
        rows[0]["main_prediction"] = "maybe"
    elif how == "no column":
        for row in rows:
            del row["main_prediction"]
    return pyarrow.Table.from_pylist(rows)


SCORES = "main_scores"  # of snli_ve: contradiction, entailment, neutral


def with_scores(table, change):
    """The scores of a table, changed row by row (from 0); None leaves the column out."""
    names = [name for name in table.column_names if name != SCORES]
    if change is None:
        return table.select(names)
    scores = [change(row, list(one)) for row, one in enumerate(table[SCORES].to_pylist())]
    return table.select(names).append_column(SCORES, pyarrow.array(scores))


def on_row(number, value):
    return lambda row, scores: value(scores) if row == number else scores


def test_scores_may_be_left_out(small_worlds, take_in, tmp_path):
    (file,) = parquet_files(*finished(small_worlds, tmp_path, "snli_ve")).values()
    plain = tmp_path / "plain.parquet"
    pyarrow.parquet.write_table(with_scores(pyarrow.parquet.read_table(file), None), plain)
    with_them, without = take_in("snli_ve", {"test": file}), take_in("snli_ve", {"test": plain}, model="other")
    assert metrics(with_them.record) == metrics(without.record)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (on_row(2, lambda scores: scores[:2]), r"'main_scores' holds 2 numbers, expected 3 .*wrong.parquet:3"),
        (lambda row, scores: [*scores, 0.0], r"holds 4 numbers, expected 3 .*wrong.parquet:1"),
        (lambda row, scores: scores[0], r"column 'main_scores' is double, not a list of numbers"),
        (lambda row, scores: ["a"], "not a list of numbers"),
        (on_row(1, lambda scores: [float("nan"), *scores[1:]]), r"not finite .*wrong.parquet:2"),
        (on_row(4, lambda scores: None), r"is empty here, and not in other rows .*wrong.parquet:5"),
        (lambda row, scores: [-one for one in scores], "the prediction is '.*', and 'main_scores' is highest for"),
    ],
)
def test_scores_that_cannot_be_are_refused_with_their_row(small_worlds, take_in, tmp_path, change, said):
    (file,) = parquet_files(*finished(small_worlds, tmp_path, "snli_ve")).values()
    wrong = tmp_path / "wrong.parquet"
    pyarrow.parquet.write_table(with_scores(pyarrow.parquet.read_table(file), change), wrong)
    with pytest.raises(DataError, match=said):
        take_in("snli_ve", {"test": wrong})
    assert not list((tmp_path / "runs").glob("our-method/**/record.json"))


def test_a_question_that_is_answered_twice_is_refused_as_elsewhere(small_worlds, take_in, tmp_path):
    folder, _ = finished(small_worlds, tmp_path, "vqa")
    file = tmp_path / "val.json"
    write_submission(file, "vqa", FinishedCell(find_cell(folder), [f"vqa={small_worlds['vqa']}"]).stored("val"))
    answers = json.loads(file.read_text())
    file.write_text("[\n" + ",\n".join(map(json.dumps, [*answers, answers[0]])) + "\n]")
    with pytest.raises(DataError, match=rf"has 2 answers .*val\.json:{len(answers) + 2}"):
        take_in("vqa", {"val": file})


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("row missing", r"no prediction for 1 of \d+ rows"),
        ("row twice", r"second time .*wrong.parquet:5"),
        ("row not asked", r"'nobody' is not asked .*wrong.parquet:3"),
        ("no label", "must be text in every row"),
        ("other label", "'maybe'"),
        ("no column", "column 'main_prediction' is missing"),
    ],
)
def test_predictions_that_do_not_fit_the_rows_write_nothing(small_worlds, take_in, tmp_path, how, said):
    (file,) = parquet_files(*finished(small_worlds, tmp_path, "snli_ve")).values()
    wrong = tmp_path / "wrong.parquet"
    pyarrow.parquet.write_table(damaged(pyarrow.parquet.read_table(file), how), wrong)
    with pytest.raises(DataError, match=said) as caught:
        take_in("snli_ve", {"test": wrong})
    assert caught.value.exit_code == 3 and not list((tmp_path / "runs").glob("our-method/**/record.json"))


def test_a_csv_that_does_not_fit_is_told_with_its_line(small_worlds, take_in, tmp_path):
    file = small_worlds["snli_ve"] / "snli_ve_test.jsonl"
    pairs = [json.loads(line)["pairID"] for line in file.read_text().splitlines()]
    file = tmp_path / "test.csv"
    lines = ["pairID,prediction", *(f"{pair},neutral" for pair in pairs)]
    file.write_text("\n".join([*lines[:3], f"{pairs[0]},neutral", *lines[3:]]) + "\n")
    with pytest.raises(DataError, match=r"test.csv:4"):
        take_in("snli_ve", [str(file)])


def test_ids_that_the_results_format_cannot_name_are_refused():
    from madbench.tasks.vqa.rows import VqaRow

    with pytest.raises(UsageError, match="cannot name '1000:2'") as caught:
        check_format("vqa", [VqaRow("1000", "1"), VqaRow("1000:2", "1")])
    # `submit` says the same and writes no parquet: the run's own file is what there is.
    assert "a run keeps its own as predictions/CONDITION@STEP.parquet" in caught.value.fix
