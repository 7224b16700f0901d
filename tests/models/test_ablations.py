"""The ablation grid: which row switches what, that nothing but YAML tells the rows apart, that every row trains."""

import dataclasses
import logging

import numpy as np
import pytest

from madbench.home import shipped
from madbench.mini.build import write_world
from madbench.models.adapter import Context
from madbench.models.finetune import Finetune
from madbench.models.load import MODELS, load_model
from madbench.models.options import FinetuneOptions
from madbench.models.spec import merge
from madbench.protocols.yaml_files import read_document
from madbench.registry import TASKS

FOLDER = shipped("baselines") / "ablations"
ROWS = sorted(path.stem for path in FOLDER.glob("*.yaml"))
IMAGE, TEXT, WORDS = "clip-image", "clip-text", "text-encoder"

# Row: teachers, token selection, its mode, confidence, its control (docs/method.md).
GRID = {
    "a0-student": ((), "none", None, "none", None),
    "a1-clip-plugged-in": ((), "none", None, "none", None),
    "a2-naive-kd-vision": ((IMAGE,), "none", None, "none", None),
    "a3-naive-kd-text": ((TEXT,), "none", None, "none", None),
    "a4-naive-kd-both": ((IMAGE, TEXT), "none", None, "none", None),
    "a5-token-selection": ((IMAGE, TEXT), "compress", "relevance", "none", None),
    "a6-confidence": ((IMAGE, TEXT), "none", None, "ratio", "none"),
    "a7-clip-td": ((IMAGE, TEXT), "compress", "relevance", "ratio", "none"),
    "a8-mad": ((IMAGE, TEXT, WORDS), "compress", "relevance", "ratio", "none"),
    "c1-random-tokens": ((IMAGE, TEXT), "compress", "random", "ratio", "none"),
    "c1-first-tokens": ((IMAGE, TEXT), "compress", "first", "ratio", "none"),
    "c2-shuffled-weights": ((IMAGE, TEXT), "compress", "relevance", "ratio", "shuffled"),
    "c3-random-teacher": ((IMAGE, TEXT), "compress", "relevance", "ratio", "none"),
    "c4-constant-weight": ((IMAGE, TEXT), "compress", "relevance", "ratio", "mean"),
    "c5-student-pool": ((), "none", None, "none", None),
    "villa-style": ((), "none", None, "none", None),
}


def options(name, profile="mini"):
    return FinetuneOptions.model_validate(load_model(name).resolve("vqa", profile).options)


def test_the_grid_is_complete():
    assert set(ROWS) == set(GRID)
    assert {name.partition("-")[0] for name in ROWS} >= {*(f"a{n}" for n in range(9)), *(f"c{n}" for n in range(1, 6))}


@pytest.mark.parametrize("row", ROWS)
def test_a_row_differs_from_mad_by_its_yaml_alone(row):
    written = read_document(FOLDER / f"{row}.yaml").value
    assert written["extends"] == "mad"
    mad, own = load_model("mad"), load_model(row)
    assert (own.adapter, own.needs, own.blind) == (mad.adapter, mad.needs, mad.blind)
    assert options(row).training == options("mad").training
    assert own.provenance.ours


@pytest.mark.parametrize("row", ROWS)
def test_a_row_switches_what_the_grid_says(row):
    teachers, use, mode, confidence, control = GRID[row]
    objective = options(row).objective
    assert tuple(one.kind for one in objective.teachers) == teachers
    assert objective.token_selection.use == use
    assert objective.confidence.mode == confidence
    assert mode is None or objective.token_selection.mode == mode
    assert control is None or objective.confidence.control == control
    assert objective.gate.mode == "none"
    assert (options(row).student.image_encoder.name == "clip") is (row == "a1-clip-plugged-in")
    assert bool(objective.adversarial.steps) is (row == "villa-style")
    assert all(one.weights.startswith("random:") is (row == "c3-random-teacher") for one in objective.teachers)


@pytest.mark.parametrize(
    ("row", "model"), [("a0-student", "student"), ("a4-naive-kd-both", "naive-kd"), ("c5-student-pool", "student-pool")]
)
def test_rows_written_as_parts_of_mad_are_the_models_that_have_names_of_their_own(row, model):
    ours, named = options(row), options(model)
    assert (ours.student, ours.training) == (named.student, named.training)
    silent = {"token_selection", "confidence", "gate"}  # whose modes are none in both
    assert ours.objective.model_dump(exclude=silent) == named.objective.model_dump(exclude=silent)
    for objective in (ours.objective, named.objective):
        modes = objective.token_selection.use, objective.confidence.mode, objective.gate.mode
        assert modes == ("none", "none", "none")


def test_a7_is_clip_td():
    assert options("a7-clip-td", "real").objective == options("clip-td", "real").objective


@pytest.mark.parametrize("profile", ["mini", "real"])
def test_doubled_steps_double_the_steps_alone(profile):
    once, twice = options("student", profile), options("student-doubled", profile)
    assert twice.student == once.student and twice.objective == once.objective
    doubled = {"passes": 2 * once.training.passes}
    if profile == "mini":
        doubled |= {name: 2 * getattr(once.training, name) for name in ("min_examples", "max_examples")}
    assert twice.training == once.training.model_copy(update=doubled)


def test_mad_is_a8_with_the_gate():
    gated, plain = options("mad", "real").objective, options("a8-mad", "real").objective
    assert plain == gated.model_copy(update={"gate": type(gated.gate)(share=gated.gate.share)})


def test_on_mini_every_row_that_selects_keeps_so_few_words_that_something_is_left_out():
    kept = {row: options(row).objective.token_selection for row in ROWS}
    assert {one.words for one in kept.values() if one.use != "none"} == {4}


def test_rows_are_found_by_name_and_listed_like_every_model():
    listed = {entry.name: entry for entry in MODELS.entries()}
    assert all(listed[row].origin == "built-in" and listed[row].problem is None for row in ROWS)


# ----- on a small world


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    task = TASKS.load("snli_ve")
    layout = task.locate(write_world("snli_ve", tmp_path_factory.mktemp("world"), 77, {"train": 6, "test": 2}))
    train, held = task.read(layout, "train"), task.read(layout, "test")
    space = task.answer_space(train, 0.01)
    common = {"space": space, "rendering": "index@1"}
    half = len(train) // 2
    return (
        task.info(space),
        task.view(train[:half], condition="train", labelled=True, **common),
        task.view(held, condition="held", labelled=False, leg="main", **common),
        task.view(train[half:], condition="unlabelled", labelled=False, leg="main", **common),
    )


def fitted(world, tmp_path, model, changes=None):
    info, train, held, rest = world
    spec = load_model(model).resolve("snli_ve", "mini")
    few = {"training": {"min_examples": 32, "max_examples": 32, "passes": 0.1, "batch_examples": 8}}
    spec = dataclasses.replace(spec, options=merge(merge(spec.options, few), changes or {}))
    context = Context("cpu", 0, tmp_path, logging.getLogger("test"), 10_000, 1, _unlabelled=lambda: rest)
    made = Finetune(spec, info, context)
    made.fit(train, None)
    return made, made.predict(held)


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS)
def test_every_row_trains(row, world, tmp_path):
    made, scores = fitted(world, tmp_path, row)
    assert np.isfinite(scores).all()
    assert made.account().updates == 4


@pytest.mark.slow
def test_only_a_plugged_in_tower_costs_anything_at_inference(world, tmp_path):
    inference = {
        row: fitted(world, tmp_path, row)[0].account().parameters["inference"]
        for row in ("a0-student", "a1-clip-plugged-in", "a8-mad")
    }
    assert inference["a8-mad"] == inference["a0-student"] < inference["a1-clip-plugged-in"]


@pytest.mark.slow
def test_stages_change_what_is_trained_and_one_stage_of_ones_changes_nothing(world, tmp_path):
    plain = fitted(world, tmp_path, "a4-naive-kd-both")[1]
    one = [{"name": "both", "share": 1.0}]
    two = [{"name": "kd", "share": 0.5, "task": 0.0}, {"name": "task", "share": 0.5, "distillation": 0.5}]
    same = fitted(world, tmp_path, "a4-naive-kd-both", {"objective": {"stages": one}})[1]
    other = fitted(world, tmp_path, "a4-naive-kd-both", {"objective": {"stages": two}})[1]
    assert np.array_equal(plain, same) and not np.array_equal(plain, other)


@pytest.mark.slow
def test_a_stage_may_train_masked_words_beside(world, tmp_path):
    stages = [{"name": "kd", "share": 0.5, "task": 0.0, "self_supervised": 1.0}, {"name": "task", "share": 0.5}]
    assert np.isfinite(fitted(world, tmp_path, "a4-naive-kd-both", {"objective": {"stages": stages}})[1]).all()


@pytest.mark.slow
def test_a_fixed_number_of_updates_is_kept_whatever_the_training_set(world, tmp_path):
    assert fitted(world, tmp_path, "a0-student", {"training": {"updates": 3}})[0].account().updates == 3
    tokens = {"training": {"updates": 3, "batch_tokens": 400}}
    assert fitted(world, tmp_path, "a0-student", tokens)[0].account().updates == 3
