"""Identity is content: where weights lie is in none, what an adapter's file holds is."""

import shutil

import pytest

from madbench.cli.app import run_app
from madbench.errors import DataMissing, MadbenchError, NotComparable
from madbench.harness import runner
from madbench.harness.execution import Execution, attempt
from madbench.harness.predicting import FinishedCell, find_cell
from madbench.harness.runner import Settings
from madbench.harness.store import Store
from madbench.models.weight_references import identity_of, located, names_by_content, references, renamed


@pytest.fixture
def weights(tmp_path):
    """One content at two places, as on two machines."""
    places = [tmp_path / host / "w" for host in ("ada", "grace")]
    for place in places:
        place.mkdir(parents=True)
        (place / "vit.pt").write_bytes(b"weights")
    return [place / "vit.pt" for place in places]


def options_with(*places):
    teachers = [{"weights": f"open_clip:ViT-B-32:{place}"} for place in places]
    return {"student": {"init": str(places[0]), "tokenizer": "own"}, "objective": {"teachers": teachers}}


def test_a_local_place_is_named_by_its_content(weights):
    options = options_with(*weights)
    names = names_by_content(options, {name: identity_of(name) for name in references(options)})
    sha = identity_of(str(weights[0]))
    assert renamed(options, names) == {
        "student": {"init": f"sha256={sha}", "tokenizer": "own"},
        "objective": {"teachers": [{"weights": f"open_clip:ViT-B-32:sha256={sha}"}] * 2},
    }


def test_what_means_the_same_everywhere_keeps_its_name():
    commit = "owner/name@0123456789abcdef0123456789abcdef01234567"
    options = {"weights": ["mini:clip", "random:mini:clip", "open_clip:ViT-B-32:openai", "random:timm:vit", commit]}
    assert names_by_content(options, {name: identity_of(name) for name in references(options)}) == {}


def test_random_weights_of_a_local_architecture_stay_random(weights):
    options = {"weights": f"random:open_clip:local-dir:{weights[0].parent}"}
    (name,) = names_by_content(options, {one: identity_of(one) for one in references(options)}).values()
    assert name.startswith("random:open_clip:local-dir:sha256=")


def test_two_machines_make_one_run_and_neither_is_in_the_record(bench, weights):
    first = bench.run(options=[f"init={weights[0]}"])
    again = bench.run(options=[f"init={weights[1]}"])
    assert first.folders == again.folders and not again.plan.to_do
    model = bench.record(first)["model"]
    (name,) = model["weights"]
    assert model["options"] == {"init": name} and name == f"sha256={identity_of(str(weights[0]))}"
    other = weights[1].with_name("other.pt")
    other.write_bytes(b"others")
    assert bench.run(options=[f"init={other}"], dry_run=True).plan.to_do


def test_it_is_verified_packed_and_verified_again(bench, weights, capsys, monkeypatch):
    monkeypatch.chdir(bench.folder)
    (bench.folder / "protocols").mkdir()
    shutil.move(bench.protocol(), bench.folder / "protocols" / "small.yaml")
    bench.run(protocol="small", options=[f"init={weights[0]}"])
    data = ("--data", f"vqa={bench.data}")
    assert run_app(["verify", str(bench.out), *data]) == 0
    assert run_app(["pack", str(bench.out), "--out", "r.tar.zst"]) == 0
    assert run_app(["verify", "r.tar.zst", *data]) == 0
    assert "ada" not in capsys.readouterr().out.replace("absolute paths cut: ", "")


def test_a_finished_cell_finds_its_weights_again(bench, weights, tmp_path):
    folder = find_cell(bench.run(options=[f"init={weights[0]}"]).folders[0])
    cell = FinishedCell(folder, [f"vqa={bench.data}"], "cpu", str(bench.folder / "small.yaml"))
    assert cell.cell.spec.options == {"init": str(weights[0])}
    assert len(cell.predict("val").rows) == 36
    weights[0].write_bytes(b"others")
    with pytest.raises(DataMissing, match=r"no longer what lies at .*vit\.pt"):
        located(cell.record["model"]["options"])
    shutil.rmtree(tmp_path / "home" / "weights")
    with pytest.raises(DataMissing, match="are not known on this machine"):
        located(cell.record["model"]["options"])
    bench.run(options=[f"init={weights[1]}"], dry_run=True)
    assert located(cell.record["model"]["options"]) == {"init": str(weights[1])}


# --------------------------------------------------------------------------- code


def edited(bench, registered):
    """The plugin with a comment more, as the next command finds it."""
    bench.plugin.write_text(bench.plugin.read_text() + "\n# edited\n")
    registered._added.clear()
    import sys

    for name in [name for name in sys.modules if name.startswith("madbench_plugin_")]:
        del sys.modules[name]


def test_an_edited_plugin_is_another_model_and_both_stand_in_the_table(bench, registered):
    from madbench.report import report

    first = bench.run()
    edited(bench, registered)
    second = bench.run()
    records = [bench.record(first), bench.record(second)]
    assert records[0]["train_id"] != records[1]["train_id"]
    assert records[0]["model"]["spec_hash"] == records[1]["model"]["spec_hash"]
    assert len({record["model"]["code_sha256"] for record in records}) == 2
    assert sum(line.startswith("fit") for line in bench.log()) == 2
    assert report([bench.out], baseline="stepper").count("| stepper#") >= 2


def test_a_finished_cell_is_not_predicted_with_other_code(bench, registered):
    folder = find_cell(bench.run().folders[0])
    edited(bench, registered)
    bench.run(dry_run=True)
    with pytest.raises(NotComparable, match="code of the adapter 'stepper' at hand is not the one of this run"):
        FinishedCell(folder, [f"vqa={bench.data}"], "cpu", str(bench.folder / "small.yaml")).predict("val")


def test_a_plugin_that_is_edited_after_the_plan_does_not_run_under_its_identity(bench, registered, monkeypatch):
    cell = bench.run(dry_run=True).plan.cells[0].cell
    monkeypatch.setattr(runner, "code_of", lambda adapter: "0" * 64)
    error = attempt(cell, Execution(Store(bench.out), Settings("cpu"), 1), lambda *_: None)
    assert isinstance(error, MadbenchError) and "was edited after the plan" in str(error)


def test_built_in_code_has_its_version_and_no_hash(bench):
    record = bench.record(bench.run("majority"))
    assert "code_sha256" not in record["model"]
