"""Published teachers in a training: all kinds at once, opened once, and needed no more when their features are there."""

import dataclasses
import logging

import numpy as np
import pytest

from madbench.errors import DataMissing
from madbench.mini.build import write_world
from madbench.models.adapter import Context
from madbench.models.finetune import Finetune
from madbench.models.load import load_model
from madbench.models.spec import merge
from madbench.registry import TASKS

FEW = {"training": {"min_examples": 16, "max_examples": 16, "passes": 0.1, "batch_examples": 8}}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """(task info, training split, evaluation split) of a small snli_ve."""
    task = TASKS.load("snli_ve")
    layout = task.locate(write_world("snli_ve", tmp_path_factory.mktemp("world"), 77, {"train": 5, "test": 2}))
    train, held = task.read(layout, "train"), task.read(layout, "test")
    space = task.answer_space(train, 0.01)
    common = {"space": space, "rendering": "index@1"}
    return (
        task.info(space),
        task.view(train, condition="train", labelled=True, **common),
        task.view(held, condition="held", labelled=False, leg="main", **common),
    )


def fitted(world, cache, teachers, rows=None):
    info, train, held = world
    spec = load_model("naive-kd").resolve("snli_ve", "mini")
    spec = dataclasses.replace(spec, options=merge(spec.options, {**FEW, "objective": {"teachers": teachers}}))
    made = Finetune(spec, info, Context("cpu", 0, cache, logging.getLogger("test"), 10_000, 1))
    made.fit(train if rows is None else type(train)(list(train)[:rows], leg=None, n_choices=3), None)
    return made, made.predict(held)


def test_every_kind_of_teacher_trains_one_student(world, tmp_path, clip_folder, roberta_folder, timm_file, no_network):
    teachers = [
        {"kind": "clip-image", "weights": f"open_clip:local-dir:{clip_folder}"},
        {"kind": "clip-text", "weights": f"open_clip:local-dir:{clip_folder}"},
        {"kind": "text-encoder", "weights": str(roberta_folder), "state": "text"},
        {"kind": "vision-encoder", "weights": f"timm:test_vit:{timm_file}"},
        {"kind": "clip-text", "weights": "random:mini:clip"},
    ]
    made, scores = fitted(world, tmp_path, teachers)
    assert np.isfinite(scores).all()
    account = made.account()
    assert account.teacher_forwards > 0
    assert set(account.weights) >= {one["weights"] for one in teachers}
    assert all(teacher._model is None for teacher in made._builder.teachers)  # gone before the first update


def test_with_a_warm_cache_the_weights_may_be_gone(world, tmp_path, save_clip):
    folder = save_clip(tmp_path / "clip", seed=4)
    teachers = [{"kind": kind, "weights": f"open_clip:local-dir:{folder}"} for kind in ("clip-image", "clip-text")]
    fitted(world, tmp_path / "cache", teachers, rows=8)
    folder.rename(tmp_path / "moved")
    with pytest.raises(DataMissing, match="have to be computed"):
        fitted(world, tmp_path / "cache", teachers)  # more rows than were cached
    (tmp_path / "moved").rename(folder)
    cold, expected = fitted(world, tmp_path / "cache", teachers)
    folder.rename(tmp_path / "moved")
    warm, scores = fitted(world, tmp_path / "cache", teachers)
    assert cold.account().teacher_forwards > 0 == warm.account().teacher_forwards
    assert cold.account().weights == warm.account().weights
    assert np.array_equal(scores, expected)


def test_a_teacher_that_is_already_open_changes_no_training(world, tmp_path):
    """Opening it once moved the generator that the projections are drawn from, so the first cell of a process differed."""
    teachers = [{"kind": "clip-image", "weights": "mini:clip"}]
    first = fitted(world, tmp_path / "one", teachers)[1]
    made, second = fitted(world, tmp_path / "two", teachers)
    assert np.array_equal(first, second)
    assert made.account().teacher_forwards > 0
