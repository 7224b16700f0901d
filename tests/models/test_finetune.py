"""The finetune adapter on small worlds with the shipped weights: variants, resume, restore, what is kept."""

import dataclasses
import logging

import numpy as np
import pytest
import torch

from madbench.errors import ConfigError
from madbench.mini.build import write_world
from madbench.models.adapter import Context
from madbench.models.finetune import Finetune, visited
from madbench.models.load import load_model
from madbench.models.spec import merge
from madbench.models.teachers.clip import ClipTeacher
from madbench.models.teachers.text_encoder import TextTeacher
from madbench.registry import TASKS

SIZES = {"vcr": {"train": 12, "val": 4}, "snli_ve": {"train": 6, "test": 2}, "vqa": {"train": 10, "val": 3}}
FEW = {"training": {"min_examples": 48, "max_examples": 48, "passes": 0.1, "batch_examples": 8}}


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    """task -> (info, labelled train split, unlabelled evaluation split of the first leg, the rest of the pool)."""
    root = tmp_path_factory.mktemp("worlds")
    out = {}
    for name, sizes in SIZES.items():
        task = TASKS.load(name)
        layout = task.locate(write_world(name, root / name, 77, sizes))
        train, held = task.read(layout, "train"), task.read(layout, "test" if name == "snli_ve" else "val")
        space = task.answer_space(train, 0.01)
        common = {"space": space, "rendering": "index@1"}
        out[name] = (
            task.info(space),
            task.view(train[: len(train) // 2], condition="train", labelled=True, **common),
            task.view(held, condition="held", labelled=False, leg=task.legs[0], **common),
            task.view(train[len(train) // 2 :], condition="unlabelled", labelled=False, leg=task.legs[0], **common),
        )
    return out


def adapter(model, task, worlds, tmp_path, options=FEW, max_examples=10_000, **hooks):
    info, _, _, rest = worlds[task]
    spec = load_model(model).resolve(task, "mini")
    spec = dataclasses.replace(spec, options=merge(spec.options, options))
    hooks.setdefault("_unlabelled", lambda: rest)
    context = Context("cpu", 0, tmp_path, logging.getLogger("test"), max_examples, 2, **hooks)
    return Finetune(spec, info, context)


def fitted(model, task, worlds, tmp_path, **kwargs):
    made = adapter(model, task, worlds, tmp_path, **kwargs)
    made.fit(worlds[task][1], None)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("task", ["vcr", "snli_ve", "vqa"])
@pytest.mark.parametrize(
    "model", ["student", "text-only", "image-only", "naive-kd", "clip-td", "mad", "mad-pool", "student-pool"]
)
def test_every_variant_trains_and_predicts_on_every_task(model, task, worlds, tmp_path):
    made = fitted(model, task, worlds, tmp_path)
    held = worlds[task][2]
    scores = made.predict(held)
    assert scores.shape == (len(held), held.n_choices)
    assert np.isfinite(scores).all()
    assert made.account().updates == 6
    assert made.account().examples_seen == 48


def test_inference_costs_what_the_student_costs_and_runs_no_teacher(worlds, tmp_path, monkeypatch):
    plain = fitted("student", "snli_ve", worlds, tmp_path)
    mad = fitted("mad", "snli_ve", worlds, tmp_path)
    assert mad.account().parameters["inference"] == plain.account().parameters["inference"]
    assert mad.account().parameters["total"] > plain.account().parameters["total"]

    def refuse(*_):
        raise AssertionError("a teacher ran at inference")

    for name in ("image_features", "text_features"):
        monkeypatch.setattr(ClipTeacher, name, refuse)
    monkeypatch.setattr(TextTeacher, "text_features", refuse)
    mad.predict(worlds["snli_ve"][2])
    with pytest.raises(AssertionError, match="at inference"):
        fitted("mad", "snli_ve", worlds, tmp_path / "cold")


def test_a_second_fit_takes_every_teacher_feature_from_the_cache(worlds, tmp_path):
    first = fitted("naive-kd", "snli_ve", worlds, tmp_path)
    second = fitted("naive-kd", "snli_ve", worlds, tmp_path)
    assert first.store.forwards > 0
    assert second.store.forwards == 0
    alone, sharing = first.account(), second.account()
    assert alone.teacher_cached_s == 0.0 < sharing.teacher_cached_s <= alone.teacher_s
    held = worlds["snli_ve"][2]
    assert np.array_equal(first.predict(held), second.predict(held))


def test_a_resumed_fit_ends_like_an_uninterrupted_one(worlds, tmp_path):
    states = []
    straight = fitted("mad", "snli_ve", worlds, tmp_path, _save=states.append)
    assert [state["step"] for state in states] == [3, 6]
    resumed = adapter("mad", "snli_ve", worlds, tmp_path, _load=lambda: states[0])
    resumed.fit(worlds["snli_ve"][1], None)
    held = worlds["snli_ve"][2]
    assert np.array_equal(straight.predict(held), resumed.predict(held))
    # What the first part spent is spent: the second found it in the cache, and no other run paid for it.
    assert resumed.account().teacher_forwards == straight.account().teacher_forwards > 0
    assert resumed.account().teacher_s > states[0]["spent"]["teacher_s"] > 0
    assert resumed.account().teacher_cached_s == 0.0


def test_a_kept_checkpoint_predicts_the_same_without_fitting(worlds, tmp_path):
    states = []
    trained = fitted("naive-kd", "vqa", worlds, tmp_path, _save=states.append)
    again = adapter("naive-kd", "vqa", worlds, tmp_path)
    assert again.restore(states[-1])
    assert np.array_equal(trained.predict(worlds["vqa"][2]), again.predict(worlds["vqa"][2]))


def test_labels_are_all_that_distinguishes_what_the_pool_variant_sees(worlds, tmp_path):
    made = fitted("mad-pool", "snli_ve", worlds, tmp_path)
    assert 0 < made.account().unlabelled <= len(worlds["snli_ve"][3])
    assert all(example.target is None for example in worlds["snli_ve"][3])


def test_a_gate_that_select_metrics_close_silences_the_teacher(worlds, tmp_path):
    """The student is told to be perfect on select, so no probe can be as good."""
    made = adapter("mad", "snli_ve", worlds, tmp_path, _evaluate=lambda step: {"accuracy": 1.01})
    made.fit(worlds["snli_ve"][1], worlds["snli_ve"][1])
    assert "all on to update 3; then gates off 3 of 3" in made.account().notes


def test_what_the_last_evaluation_says_gates_nothing(worlds, tmp_path):
    """It was noted as the gates of the training, none of whose updates had them."""
    made = adapter("mad", "snli_ve", worlds, tmp_path, _evaluate=lambda step: {"accuracy": 1.01 if step == 6 else 0.0})
    made.fit(worlds["snli_ve"][1], worlds["snli_ve"][1])
    assert "all on to update 3; then gates off 0 of 3" in made.account().notes


def test_a_gate_can_be_cross_fitted_on_soft_targets(worlds, tmp_path):
    """Scoring a labelled vqa split once asked for soft targets of no width."""
    made = fitted("mad", "vqa", worlds, tmp_path)
    assert any(note.startswith("gates off") for note in made.account().notes)


def test_from_scratch_needs_no_weights_and_says_so(worlds, tmp_path):
    info, train, held, _ = worlds["vqa"]
    spec = load_model("text-only").resolve("vqa", "real")
    spec = dataclasses.replace(spec, options=merge(spec.options, FEW))
    made = Finetune(spec, info, Context("cpu", 0, tmp_path, logging.getLogger("test"), 10_000, 1))
    made.fit(train, None)
    assert made.account().notes == ("from scratch",)
    assert made.account().weights == {}
    assert made.predict(held).shape == (len(held), held.n_choices)


def test_a_plugged_in_clip_is_never_shown_enlarged_pictures(worlds, tmp_path):
    small = {"student": {"init": "scratch", "image_size": 32}}
    with pytest.raises(ConfigError, match="opens them at 32"):
        adapter("a1-clip-plugged-in", "snli_ve", worlds, tmp_path, small)


@pytest.mark.parametrize(
    ("training", "note"),
    [
        ({"updates": 50}, ["6 of 50 updates: the protocol's budget"]),
        ({"passes": 40.0, "max_examples": 240, "min_examples": 1}, ["6 of 30 updates: the protocol's budget"]),
        ({"updates": 6}, []),
    ],
)
def test_a_training_that_the_budget_cuts_says_so(training, note, worlds, tmp_path, caplog):
    """A published recipe silently ran a fifth of its updates under `full`, and its record called it the recipe."""
    made = adapter("student", "vqa", worlds, tmp_path, merge(FEW, {"training": training}), max_examples=48)
    made.fit(worlds["vqa"][1], None)
    assert list(made.account().notes) == note
    assert made.account().examples_seen <= 48
    assert ("the protocol's budget (48 examples)" in caplog.text) is bool(note)


def test_batches_of_tokens_are_cut_by_the_budget_aloud_too(worlds, tmp_path):
    tokens = {"training": {"updates": 60, "batch_tokens": 10_000}}
    made = adapter("student", "vqa", worlds, tmp_path, merge(FEW, tokens), max_examples=48)
    made.fit(worlds["vqa"][1], None)
    assert made.account().notes == (f"{made.account().updates} of 60 updates: the protocol's budget",)


def test_clip_can_answer_candidates_by_itself_but_no_labels(worlds, tmp_path):
    zero_shot = merge(FEW, {"objective": {"confidence": {"logits": "zero_shot"}}})
    with pytest.raises(ConfigError, match="vqa has labels"):
        adapter("clip-td", "vqa", worlds, tmp_path, zero_shot)
    made = fitted("clip-td", "vcr", worlds, tmp_path, options=zero_shot)
    assert made._probes._heads == {} and np.isfinite(made.predict(worlds["vcr"][2])).all()


def test_the_seed_decides_and_the_global_generator_does_not(worlds, tmp_path):
    held = worlds["snli_ve"][2]
    first = fitted("student", "snli_ve", worlds, tmp_path).predict(held)
    torch.rand(5)
    assert np.array_equal(first, fitted("student", "snli_ve", worlds, tmp_path).predict(held))


def test_only_examples_that_will_be_seen_are_encoded(worlds):
    examples = list(worlds["vqa"][1])
    assert visited(examples, 5, 0) == visited(examples, 5, 0)
    assert len(visited(examples, 5, 0)) == 5
    assert visited(examples, 10_000, 0) == examples
