"""A run from files to record, what a second run does not do again, and what failures leave."""

import getpass
import json
import platform
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet
import pytest

from madbench.errors import DataMissing, NotComparable, UsageError
from madbench.harness import executor

VAL = "{name: val, kind: split}"
SHIFT = "{name: changed-prior, kind: rows, of: val}"


def metrics(record):
    return {one["name"]: one["metrics"] for one in record["conditions"]}


def fits(bench):
    return [line for line in bench.log() if line.startswith("fit")]


def test_a_cell_leaves_record_manifest_history_predictions_and_checkpoint(bench):
    result = bench.run()
    (folder,) = result.folders
    record = bench.record(result)
    assert result.exit_code == 0 and record["status"] == "done" and record["comparable"]
    assert folder.parts[-4:-1] == ("stepper", "small@1", "vqa")
    assert folder.name == f"real-d0-s0-{record['run_id'][:8]}"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert len(manifest["train"]["ids"]) == record["data"]["n_train"] == 48  # 16 of 20 images, every fifth selects
    assert record["data"]["n_select"] == 12 and record["data"]["n_pool"] == 120
    assert record["labels"] == {"train": 48, "select": 12, "tune": 0, "teacher": 0, "unlabelled": 0}
    assert [json.loads(line)["step"] for line in (folder / "history.jsonl").read_text().splitlines()] == [2, 4, 6]
    assert (folder / "checkpoint" / "kept.safetensors").is_file()
    assert not (folder / "checkpoint" / "resume.safetensors").exists()


def test_conditions_controls_and_complements_are_in_the_record(bench):
    conditions = {one["name"]: one for one in bench.record(bench.run())["conditions"]}
    assert {name: one["role"] for name, one in conditions.items()} == {
        "val": "id",
        "changed-prior": "shifted",
        "changed-prior:complement": "complement",
    }
    shifted, rest = conditions["changed-prior"], conditions["changed-prior:complement"]
    assert shifted["n"] + rest["n"] == conditions["val"]["n"] == 36
    average = (shifted["n"] * shifted["metrics"]["vqa_accuracy"] + rest["n"] * rest["metrics"]["vqa_accuracy"]) / 36
    assert average == pytest.approx(conditions["val"]["metrics"]["vqa_accuracy"])
    assert shifted["metric_versions"]["vqa_accuracy"] == "2021"


def test_rows_conditions_are_not_stored_but_listed_in_the_manifest(bench):
    (folder,) = bench.run().folders
    manifest = json.loads((folder / "manifest.json").read_text())
    files = {file.stem.partition("@")[0] for file in (folder / "predictions").glob("*.parquet")}
    assert files == {"val"} and manifest["rows"]["changed-prior"]


def test_predictions_have_the_documented_columns(bench):
    result = bench.run()
    step = bench.record(result)["selection"][0]["step"]
    table = pyarrow.parquet.read_table(result.folders[0] / "predictions" / f"val@{step}.parquet")
    columns = ["example_id", "unit_id", "main_prediction", "main_scores", "main_correct"]
    assert table.column_names == [*columns, "group_question_type", "group_answer_type"]
    assert table.num_rows == 36 and table["unit_id"][0].as_py() == "1000"
    assert str(table.schema.field("main_correct").type) == "double"


def test_the_same_command_again_does_nothing(bench):
    first = bench.run()
    bench.forget_log()
    again = bench.run()
    assert bench.log() == [] and again.folders == first.folders and again.exit_code == 0


def test_a_finished_cell_is_recognised_without_reading_the_annotations(bench, monkeypatch):
    bench.run()
    from madbench.registry import TASKS

    monkeypatch.setattr(type(TASKS.load("vqa")), "read", lambda *_: pytest.fail("read again"))
    assert bench.run().exit_code == 0


def test_overwrite_runs_it_again(bench):
    bench.run()
    bench.forget_log()
    assert bench.run(overwrite=True).exit_code == 0 and len(fits(bench)) == 1


def test_another_seed_draw_or_option_is_another_cell_with_the_same_model_name(bench):
    results = [bench.run(), bench.run(seeds=[1]), bench.run(draws="1"), bench.run(options=["updates=3"])]
    assert len({result.folders[0] for result in results}) == 4
    assert len({bench.record(result)["train_id"] for result in results}) == 4
    assert bench.record(results[3])["model"]["notes"] == ["set updates=3"]


def test_changed_annotations_are_another_cell(bench):
    first = bench.run()
    file = bench.data / "v2_mscoco_val2014_annotations.json"
    file.write_text(file.read_text().replace('"blue"', '"green"'))
    second = bench.run()
    one, two = bench.record(first), bench.record(second)
    assert one["run_id"] != two["run_id"] and one["train_id"] == two["train_id"]


def test_moved_data_and_another_out_folder_are_the_same_cell(bench, tmp_path):
    first = bench.record(bench.run())
    bench.data.rename(tmp_path / "elsewhere")
    bench.data = tmp_path / "elsewhere"
    assert bench.record(bench.run(out=tmp_path / "other"))["run_id"] == first["run_id"]


def test_adding_a_shift_predicts_and_does_not_train(bench):
    """The id predictions are copied; a rows shift needs no prediction at all."""
    bench.run(protocol=bench.protocol("plain", conditions=[VAL]))
    bench.forget_log()
    result = bench.run(protocol=bench.protocol("shifted"))
    assert bench.log() == [] and "changed-prior" in metrics(bench.record(result))


def test_the_smaller_protocol_after_the_larger_trains_nothing_and_agrees(bench):
    larger = bench.record(bench.run(protocol=bench.protocol("shifted")))
    bench.forget_log()
    smaller = bench.record(bench.run(protocol=bench.protocol("plain", conditions=[VAL])))
    assert bench.log() == []
    assert metrics(smaller) == {"val": metrics(larger)["val"]}
    assert smaller["train_id"] == larger["train_id"] and smaller["run_id"] != larger["run_id"]
    assert smaller["selection"] == larger["selection"] and smaller["trained_by"] == larger["run_id"]


def test_a_new_condition_is_predicted_from_the_kept_checkpoint(bench):
    plain = bench.record(bench.run(protocol=bench.protocol("plain", conditions=[VAL])))
    bench.forget_log()
    other = "{name: again, kind: split, split: val}"  # another name: other ids for the model, so predicted anew
    result = bench.run(protocol=bench.protocol("more", conditions=[VAL, other]))
    assert bench.log() == ["restore", "predict 36"]
    record = bench.record(result)
    assert metrics(record)["val"] == metrics(plain)["val"] and metrics(record)["again"]
    assert record["usage"] == plain["usage"]


def test_without_a_kept_checkpoint_a_new_condition_trains_again(bench):
    bench.run(protocol=bench.protocol("plain", conditions=[VAL]), keep_checkpoint="none")
    bench.forget_log()
    bench.run(protocol=bench.protocol("more", conditions=[VAL, "{name: again, kind: split, split: val}"]))
    assert len(fits(bench)) == 1


def test_equal_trainings_in_one_command_train_once(bench):
    protocols = [bench.protocol("plain", conditions=[VAL]), bench.protocol("shifted")]
    result = bench.run(protocol=protocols)
    assert len(result.folders) == 2 and len(fits(bench)) == 1


def test_selection_rules_look_at_select_only_and_keep_their_predictions(bench):
    result = bench.run()
    record = bench.record(result)
    history = [json.loads(line) for line in (result.folders[0] / "history.jsonl").read_text().splitlines()]
    best = max(history, key=lambda point: (point["select"]["vqa_accuracy"], -point["step"]))
    steps = {one["rule"]: one["step"] for one in record["selection"]}
    assert steps == {"last": 6, "id-val": best["step"]} and record["selection_rule"] == "id-val"
    assert metrics(record)["val"] == best["conditions"]["val"]
    kept = {int(file.stem.partition("@")[2]) for file in (result.folders[0] / "predictions").glob("*")}
    assert kept == set(steps.values())
    for one in record["selection"]:
        point = next(point for point in history if point["step"] == one["step"])
        assert one["headline"] == point["conditions"]["val"]["vqa_accuracy"]


def test_selection_last_has_one_rule_no_select_split_and_all_labels_train(bench):
    record = bench.record(bench.run(protocol=bench.protocol("last", select="null", selection="last", points=1)))
    assert [one["rule"] for one in record["selection"]] == ["last"]
    assert record["labels"]["train"] == 60 and record["labels"]["select"] == 0
    assert record["data"]["select_ids_sha256"] is None


def test_a_model_without_selection_is_fitted_on_train_and_select_and_both_are_booked(bench):
    record = bench.record(bench.run("coin"))
    assert "coin 60 None" in bench.log()
    assert record["labels"]["train"] == 48 and record["labels"]["select"] == 12
    assert {one["step"] for one in record["selection"]} == {0}


def test_evaluate_returns_select_metrics_only(bench):
    bench.run()
    lines = [line for line in bench.log() if line.startswith("evaluated")]
    assert len(lines) == 3 and all("vqa_accuracy" in line for line in lines)
    bench.forget_log()
    bench.run(protocol=bench.protocol("last", select="null", selection="last", points=1))
    assert [line for line in bench.log() if line.startswith("evaluated")] == ["evaluated 6 []"]


def test_more_examples_than_the_budget_is_the_open_division(bench):
    assert bench.record(bench.run())["division"] == "closed"
    assert bench.record(bench.run(options=["seen=101"]))["division"] == "open"


def test_a_plan_without_any_condition_to_score_is_refused(bench):
    file = bench.protocol("nothing", conditions=["{name: test, kind: split}"])
    plan = bench.run(protocol=file, dry_run=True).plan
    assert not plan.cells and plan.refusals[0].error.exit_code == 3
    error = bench.refused(DataMissing, protocol=file)
    assert "no condition of nothing@1 on vqa is available: test: the source has no test split" in str(error)
    assert bench.log() == [] and not bench.out.exists()


def test_a_condition_that_goes_while_it_is_planned_fails_the_cell(bench, monkeypatch):
    from madbench.harness import runner

    load = runner.load_data
    gone = lambda one: replace(one, rows=(), reason="its file is gone")  # noqa: E731
    monkeypatch.setattr(
        runner,
        "load_data",
        lambda *arguments: replace(found := load(*arguments), conditions=tuple(map(gone, found.conditions))),
    )
    result = bench.run()
    assert result.exit_code == 1 and "val: its file is gone" in str(result.errors[0])
    assert bench.log() == [] and result.folders == ()


def test_limit_stamps_the_record(bench):
    record = bench.record(bench.run(limit=5))
    assert not record["comparable"] and record["not_comparable_because"] == ["--limit 5"]
    assert metrics(record)["val"] and next(one for one in record["conditions"] if one["name"] == "val")["n"] == 5
    assert record["data"]["n_train"] == 15  # five images


def test_wrong_output_fails_the_cell_and_names_the_adapter(bench):
    result = bench.run("broken")
    assert result.exit_code == 1 and result.folders == ()
    assert "broken on select, leg main: predict returned shape [12, 7], expected [12, 6]" in str(result.errors[0])
    (file,) = bench.out.glob("**/error.json")
    error = json.loads(file.read_text())
    assert error["error"] == str(result.errors[0]) and "Traceback" in error["traceback"]
    assert not (file.parent / "record.json").exists()


def test_on_error_stop_or_continue(bench):
    assert bench.run(["broken", "coin"]).folders == ()
    result = bench.run(["broken", "coin"], on_error="continue")
    assert len(result.folders) == 1 and result.exit_code == 1


def test_a_failed_cell_that_works_now_has_no_error_left(bench):
    bench.run("broken")
    bench.plugin.write_text(bench.plugin.read_text().replace("n_choices + 1", "n_choices"))
    from madbench.registry import ADAPTERS

    ADAPTERS._added.clear()
    import sys

    for name in [name for name in sys.modules if name.startswith("madbench_plugin_")]:
        del sys.modules[name]
    assert bench.run("broken").exit_code == 0
    assert not list(bench.out.glob("**/error.json"))


def test_an_out_folder_that_cannot_be_written_is_told_before_anything_is_trained(bench, tmp_path):
    (tmp_path / "file").write_text("")
    error = bench.refused(UsageError, out=tmp_path / "file")
    assert "cannot be written" in str(error) and bench.log() == []


def test_the_same_example_in_train_and_val_is_refused(bench):
    for kind in ("OpenEnded_mscoco_{}_questions", "mscoco_{}_annotations"):
        train, val = (bench.data / f"v2_{kind.format(split)}.json" for split in ("train2014", "val2014"))
        val.write_text(train.read_text().replace("train2014", "val2014"))
    error = bench.refused(NotComparable)
    assert "train and condition 'val' share 48 examples" in str(error) and error.exit_code == 4


def test_a_shared_image_is_refused_unless_declared(bench):
    for file in bench.data.glob("*val2014*"):
        text = file.read_text()
        for image in range(1000, 1012):
            text = text.replace(f'"image_id": {image},', f'"image_id": {image - 1000},')
        file.write_text(text)
    assert "images" in str(bench.refused(NotComparable))
    file = Path(bench.protocol("declared"))
    file.write_text(file.read_text() + "image_overlap: by-construction\n")
    assert bench.record(bench.run(protocol=str(file)))["data"]["image_overlap"] == "by-construction"


def test_a_record_tells_versions_and_no_names_of_people_or_places(bench, tmp_path):
    record = bench.record(bench.run())
    text = json.dumps(record)
    assert str(tmp_path) not in text and str(Path.home()) not in text
    if platform.node():
        assert platform.node() not in text
    if len(getpass.getuser()) > 4:
        assert getpass.getuser() not in text
    assert record["environment"]["torch"] and record["environment"]["device"] == "cpu"
    assert record["memory"]["peak_rss_mb"] > 1 and record["memory"]["peak_cuda_mb"] is None


def test_two_workers_give_what_one_process_gives(bench, tmp_path):
    alone = bench.run(["stepper", "coin"], draws="all", jobs=1, out=tmp_path / "one")
    workers = bench.run(["stepper", "coin"], draws="all", jobs=2, out=tmp_path / "two")
    assert workers.exit_code == 0 and len(workers.folders) == 4

    def all_metrics(result):
        return {file.name: metrics(json.loads((file / "record.json").read_text())) for file in result.folders}

    assert all_metrics(alone) == all_metrics(workers)


@pytest.mark.parametrize(("gpus", "seen"), [(["4", "6"], {"4", "6"}), (["4"], {"None"})])
def test_workers_share_out_the_gpus(bench, monkeypatch, gpus, seen):
    """A single one is left as it is: only one worker would use it, unless --jobs says otherwise."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(executor, "on_gpus", lambda device: True)
    monkeypatch.setattr(executor, "gpu_names", lambda: gpus)
    bench.plugin.write_text(
        bench.plugin.read_text().replace('note(f"coin', "note(f\"gpu {os.environ.get('CUDA_VISIBLE_DEVICES')} coin")
    )
    assert bench.run("coin", draws="all", jobs=2).exit_code == 0
    assert {line.split()[1] for line in bench.log()} == seen


def test_a_worker_that_dies_is_a_failed_cell(bench, monkeypatch):
    monkeypatch.setenv("KILL_AT", "3")
    result = bench.run(["stepper"], draws="all", jobs=2)
    assert result.exit_code == 1 and "the worker process ended with code -9" in str(result.errors[0])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"precision": "fp64"}, "expected auto, fp32, bf16, fp16"),
        ({"precision": "fp16", "device": "cpu"}, "is for GPUs"),
        ({"batch_size": "some"}, "expected a number from 1 on, or auto"),
        ({"nproc": 2}, "one process already"),
        ({"nproc": 0}, "at least 1"),
        ({"executor": "cloud"}, "expected local"),
        ({"device": "tpu"}, "expected auto, cpu, cuda"),
        ({"draws": "7"}, "declared are 0, 1"),
        ({"draws": "1-x"}, "expected numbers such as 0-4"),
        ({"limit": 0}, "at least 1"),
        ({"options": ["novalue"]}, "expected key.path=value"),
        ({"task": "vcr"}, "--task vcr: small@1 has vqa"),
        ({"task": "vqaa"}, "did you mean 'vqa'"),
        ({"model": "steper"}, "did you mean 'stepper'"),
    ],
)
def test_wrong_options_are_told_before_anything_starts(bench, options, text):
    error = bench.refused(UsageError, **options)
    assert text in str(error) and error.fix and bench.log() == []
