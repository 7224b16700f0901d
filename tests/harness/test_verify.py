"""A result folder against its own files: what `madbench verify` finds, and that it finds nothing in an honest one."""

import json
import shutil

import pyarrow.parquet
import pytest

from madbench.cli.app import run_app
from madbench.files import read_json, write_json
from madbench.harness.digests import sealed


@pytest.fixture
def finished(bench, monkeypatch):
    """A finished cell whose protocol can be found again by its name, as one in ./protocols can."""
    monkeypatch.chdir(bench.folder)
    (bench.folder / "protocols").mkdir()
    bench.protocol()
    (bench.folder / "small.yaml").rename(bench.folder / "protocols" / "small.yaml")
    (folder,) = bench.run(protocol="small").folders
    return folder


def verify(bench, capsys, *options):
    code = run_app(["verify", str(bench.out), "--data", f"vqa={bench.data}", *options])
    return code, capsys.readouterr().out


def edit(folder, change, name="record.json"):
    file = folder / name
    if file.suffix == ".yaml":
        file.write_text(change(file.read_text()))
        return
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def test_an_honest_folder_is_verified(bench, finished, capsys):
    code, out = verify(bench, capsys)
    assert code == 0
    assert out.splitlines() == [
        f"ok       stepper/small@1/vqa/{finished.name}: digests, schema, ids, history, audit, 3 of 3 conditions rescored",
        "note: small@1 on real: 1 of 2 declared draws: stepper vqa",
        "note: small@1 on real: 1 of 2 declared seeds: stepper vqa",
        "note: verify finds edits and slips; whoever makes a whole folder anew, digests included, it does not find",
        "1 records: 1 verified",
    ]


def metric(content):
    content["conditions"][0]["metrics"]["vqa_accuracy"] += 1e-9


def ids(content):
    content["train"]["ids"][0] = "1"


def one_id_less(content):
    content["data"]["n_train"] -= 1


def leaks(content):
    content["data"]["audit"][0]["images"] = 7


def seen(content):
    content["model"]["seen"] = ["vqa2-val"]


def another_draw(content):
    content["draw"] = 1


@pytest.mark.parametrize(
    ("change", "name", "words"),
    [
        (metric, "record.json", "val: vqa_accuracy is recorded as 0."),
        (ids, "manifest.json", "the train ids hash to"),
        (one_id_less, "record.json", "48 train ids, the record says 47"),
        (leaks, "record.json", "the recorded leak audit is not what the data gives"),
        (seen, "record.json", "the recorded exposure is not what the declared `seen` gives"),
        (another_draw, "record.json", "the train ids are not those of draw 1"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_changed_file_is_found(bench, finished, capsys, change, name, words):
    edit(finished, change, name)
    code, out = verify(bench, capsys)
    assert code == 4
    assert f"problem: stepper/small@1/vqa/{finished.name}: {words}" in out
    assert out.splitlines()[-1] == "1 records: 1 with problems"


def test_changed_item_scores_are_found_though_their_mean_is_right(bench, finished, capsys):
    for file in (finished / "predictions").glob("val@*.parquet"):
        table = pyarrow.parquet.read_table(file)
        turned = [table["main_correct"].to_pylist()[::-1]]
        pyarrow.parquet.write_table(
            table.set_column(table.column_names.index("main_correct"), "main_correct", turned), file
        )
    code, out = verify(bench, capsys)
    assert code == 4 and "the stored item scores of main are not those of its predictions" in out


def test_an_unreadable_record_is_one_problem_and_the_rest_is_read(bench, finished, capsys):
    bench.run(protocol="small", seeds="1")
    (finished / "record.json").write_text("{")
    code, out = verify(bench, capsys)
    assert code == 4 and "not a record" in out and "2 records: 1 verified, 1 with problems" in out


def test_what_cannot_be_checked_is_said(bench, finished, capsys):
    assert run_app(["verify", str(bench.out)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("partly ") and "not checked: scores and leaks: no real source of vqa is at hand" in out
    edit(bench.folder / "protocols", lambda text: text.replace("points: 3", "points: 2"), "small.yaml")
    assert "the small@1 at hand is not the one that was run" in verify(bench, capsys)[1]


def test_predictions_that_are_not_kept_are_said(bench, finished, capsys):
    for file in (finished / "predictions").glob("*"):
        file.unlink()
    code, out = verify(bench, capsys)
    assert code == 4 and "not checked: scores of val: its predictions are not kept" in out
    assert "predictions/val@6.parquet is missing" in out


def test_other_annotations_are_not_taken_for_those_of_the_run(bench, finished, capsys):
    file = bench.data / "v2_mscoco_val2014_annotations.json"
    file.write_text(file.read_text().replace('"red"', '"pink"'))
    code, out = verify(bench, capsys)
    assert code == 0 and "the annotation files at hand are others than those of the run" in out


def reseal(folder, change):
    write_json(folder / "record.json", sealed(folder, change(read_json(folder / "record.json"))))


def test_limited_runs_are_no_results(bench, finished, capsys):
    bench.run(protocol="small", limit=4, seeds="1")
    code, out = verify(bench, capsys)
    assert code == 4 and "a limited run is not comparable (--limit 4)" in out
    assert out.splitlines()[-1] == "2 records: 1 verified, 1 with problems"


def test_external_and_failed_cells_are_named(bench, finished, capsys):
    reseal(finished, lambda content: {**content, "division": "external", "witnessed": False})
    bench.run("broken", protocol="small", on_error="continue")
    code, out = verify(bench, capsys)
    assert code == 0 and "external: training not witnessed" in out
    assert "failed   broken/small@1/vqa/" in out and "1 records: 1 verified, 1 failed" in out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"division": "external"}, "division is external, and witnessed is true"),
        ({"usage": {"examples_seen": 101, "max_examples": 100}}, "division is closed, and 101 examples were seen"),
        ({"finished_at": "2020-01-01T00:00:00Z"}, "finished_at lies before started_at"),
    ],
)
def test_a_record_may_not_contradict_itself(bench, finished, capsys, change, words):
    reseal(finished, lambda content: {**content, **change})
    code, out = verify(bench, capsys)
    assert code == 4 and words in out


def test_digests_cannot_be_taken_away_unnoticed(bench, finished, capsys):
    edit(finished, lambda content: content.pop("digests_sha256"))
    (finished / "digests.json").unlink()
    code, out = verify(bench, capsys)
    assert code == 4 and "has no digests: they were taken away" in out


def test_one_draw_and_seed_cannot_be_there_twice(bench, finished, capsys):
    twice = bench.out / "copied" / finished.relative_to(bench.out)
    shutil.copytree(finished, twice)
    code, out = verify(bench, capsys)
    assert code == 4 and "seeds must be distinct" in out


def test_seeds_that_change_nothing_are_noted(bench, finished, capsys):
    other = bench.run(protocol="small", seeds="1").folders[0]
    shutil.rmtree(other / "predictions")
    shutil.copytree(finished / "predictions", other / "predictions")
    code, out = verify(bench, capsys)
    assert code == 4 and "seeds 0, 1 gave the very same predictions" in out


def test_other_draws_complete_the_study(bench, finished, capsys):
    bench.run(protocol="small", draws="1")
    assert "declared draws" not in verify(bench, capsys)[1]


def test_an_incomplete_study_is_wrong_only_when_completeness_is_asked_for(bench, finished, capsys):
    assert verify(bench, capsys)[0] == 0 and verify(bench, capsys, "--complete")[0] == 4
    bench.run(protocol="small", draws="1", seeds="1")
    code, out = verify(bench, capsys, "--complete")
    assert code == 4 and "small@1 on real: 2 of 4 declared runs, draws times seeds: stepper vqa" in out
    bench.run(protocol="small", draws="all", seeds="all")
    code, out = verify(bench, capsys, "--complete")
    assert code == 0 and "declared" not in out
    bench.run("broken", protocol="small", on_error="continue")
    assert verify(bench, capsys)[0] == 0 and verify(bench, capsys, "--complete")[0] == 4


def test_json_holds_the_same(bench, finished, capsys):
    edit(finished, metric)
    code, out = verify(bench, capsys, "--json")
    (cell,) = json.loads(out)["cells"]
    assert code == 4 and cell["state"] == "problem" and len(cell["problems"]) == 3


def test_an_empty_folder_is_told(tmp_path, capsys):
    assert run_app(["verify", str(tmp_path)]) == 3
    assert "no records below" in capsys.readouterr().err


def test_a_protocol_that_no_name_finds_is_given_as_a_file(bench, finished, capsys, tmp_path):
    (bench.folder / "protocols" / "small.yaml").rename(tmp_path / "mine.yaml")
    assert "not checked: scores and leaks: no protocol named 'small'" in verify(bench, capsys)[1]
    code, out = verify(bench, capsys, "--protocol", str(tmp_path / "mine.yaml"))
    assert code == 0 and out.startswith("ok ")
