"""`--weights`: shipped models on real data with weights of one's own, as a file that names them would give."""

import json

import pytest

from madbench.errors import UsageError
from madbench.harness.plan import Request, make_plan
from madbench.mini.build import write_world
from madbench.models.load import load_model

FEW = ("training.passes=0.1", "training.min_examples=16", "training.max_examples=16", "training.batch_examples=8")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A small snli_ve, registered as data of one's own."""
    return write_world("snli_ve", tmp_path_factory.mktemp("world"), 77, {"train": 80, "dev": 2, "test": 4})


@pytest.fixture
def plan(world, tmp_path, monkeypatch):
    monkeypatch.setenv("MADBENCH_HOME", str(tmp_path / "home"))

    def call(model, *weights, data=None, **options):
        models = [model] if isinstance(model, str) else model
        data = [f"snli_ve={world}"] if data is None else data
        request = Request(
            models, ["lowshot-10pct"], ["snli_ve"], data=data, out=tmp_path / "runs", weights=weights, **options
        )
        return make_plan(request)

    return call


def test_the_result_is_what_a_file_with_these_weights_gives(plan, clip_folder, tmp_path):
    place = f"open_clip:local-dir:{clip_folder}"
    teachers = load_model("naive-kd").resolve("snli_ve", "real").options["objective"]["teachers"]
    named = [{**teacher, "weights": place} for teacher in teachers if teacher["weights"] == "mini:clip"]
    assert len(named) == len(teachers) > 0
    file = tmp_path / "naive-kd.yaml"
    head = {"schema": 1, "name": "naive-kd", "version": 1, "extends": "naive-kd", "summary": "on weights of our own"}
    file.write_text(json.dumps({**head, "options": {"objective": {"teachers": named}}}))
    (by_file,), (by_option,) = plan(str(file)).cells, plan("naive-kd", f"mini:clip={place}").cells
    assert by_option.cell.spec.options == by_file.cell.spec.options
    assert by_option.cell.run_id == by_file.cell.run_id


def test_every_ablation_runs_on_them(plan, clip_folder, roberta_folder):
    from madbench.home import shipped

    models = ["mad", "naive-kd", "clip-td", "clip-probe", "student"]
    # c5 compares students with mini's own pretraining; there is nothing of the kind to name.
    models += sorted(
        file.stem for file in (shipped("baselines") / "ablations").glob("*.yaml") if "pool" not in file.stem
    )
    clip, text = f"mini:clip=open_clip:local-dir:{clip_folder}", f"mini:text={roberta_folder}"
    found = plan(models, clip, text)
    assert [one.error for one in found.refusals] == [] and len(found.cells) == len(models)
    random = next(one.cell for one in found.cells if one.cell.spec.name == "c3-random-teacher")
    assert any(name.startswith("random:open_clip:local-dir:") for name in random.weights)


def test_without_them_the_refusal_names_the_option(plan):
    (refusal,) = plan("mad").refusals
    assert refusal.error.exit_code == 2 and refusal.error.fix.startswith("--weights mini:clip=NAME_OR_PATH")


@pytest.mark.parametrize(
    ("model", "value", "said", "fix"),
    [
        ("mad", "mini:clipp=x", "no model here starts from 'mini:clipp'; did you mean 'mini:clip'?", "mini:clip, mini:text"),
        ("mad", "mini:clip", "expected OLD=NEW", "e.g."),
        ("mad", "mini:clip=", "expected OLD=NEW", "e.g."),
        ("mad", "mini:clip=open_clip:ViT-B-32", "name no weights", "open_clip:ARCHITECTURE:TAG"),
        ("majority", "mini:clip=x", "no model here starts from", "they start from none"),
    ],
)  # fmt: skip
def test_what_no_model_has_is_refused_with_what_there_is(plan, model, value, said, fix):
    with pytest.raises(UsageError) as caught:
        plan(model, value)
    assert said in str(caught.value) and fix in caught.value.fix


def test_mini_keeps_its_own(plan, monkeypatch, world):
    monkeypatch.setattr("madbench.harness.data.make_mini", lambda tasks: {task: world for task in tasks})
    with pytest.raises(UsageError, match="--weights is for real data, and snli_ve has mini"):
        plan("mad", "mini:clip=/somewhere", data=["mini"])


def test_the_option_reaches_run_plan_and_printed_commands(world, madbench, clip_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("MADBENCH_HOME", str(tmp_path / "home"))
    value = f"mini:clip=open_clip:local-dir:{clip_folder}"
    words = ("--model", "naive-kd", "--protocol", "lowshot-10pct", "--task", "snli_ve", "--data", f"snli_ve={world}")
    assert "1 to train" in madbench("plan", *words, "--weights", value).out
    printed = madbench("run", *words, "--weights", value, "--executor", "print", "--out", tmp_path / "runs").out
    assert f"--weights {value}" in printed


@pytest.mark.slow
def test_mad_trains_on_them(world, madbench, clip_folder, roberta_folder, tmp_path, monkeypatch, no_network):
    monkeypatch.setenv("MADBENCH_HOME", str(tmp_path / "home"))
    words = ["run", "--model", "mad", "--protocol", "lowshot-10pct", "--task", "snli_ve", "--data", f"snli_ve={world}"]
    words += ["--weights", f"mini:clip=open_clip:local-dir:{clip_folder}", "--weights", f"mini:text={roberta_folder}"]
    words += [one for few in FEW for one in ("--set", few)]
    result = madbench(*words, "--out", tmp_path / "runs", "--device", "cpu", "--jobs", "1", "--quiet")
    assert result.code == 0, result.err
    (file,) = (tmp_path / "runs").glob("**/record.json")
    model = json.loads(file.read_text())["model"]
    assert all("sha256=" in name for name in model["weights"]) and len(model["weights"]) == 2
    assert str(clip_folder) not in json.dumps(model["options"])
