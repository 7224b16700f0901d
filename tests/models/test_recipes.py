"""Published recipes hold the published numbers, and say what they lack: the weights."""

import pytest

from madbench.errors import UsageError
from madbench.harness.tuning_space import laid_over, space_of
from madbench.models.load import load_model
from madbench.models.options import FinetuneOptions
from madbench.models.weight_references import identity_of
from madbench.protocols import load_protocol

TASKS = ("vcr", "snli_ve", "vqa")
# learning rate, updates, tokens a batch, accumulated, GPUs, head learning rate, most text tokens
UNITER = {
    ("uniter-base", "vcr"): (6e-5, 8000, 4000, 5, 4, 1, 220),
    ("uniter-large", "vcr"): (6e-5, 8000, 4000, 5, 4, 1, 220),
    ("uniter-base", "snli_ve"): (8e-5, 4000, 4096, 4, 2, 1, 60),
    ("uniter-large", "snli_ve"): (3e-5, 4000, 4096, 2, 4, 1, 60),
    ("uniter-base", "vqa"): (8e-5, 6000, 5120, 5, 4, 10, 60),
    ("uniter-large", "vqa"): (5e-5, 5000, 3072, 4, 8, 10, 60),
    ("villa-base", "vcr"): (6e-5, 8000, 4000, 5, 4, 1, 220),
    ("villa-large", "vcr"): (6e-5, 10000, 2000, 10, 4, 1, 220),
    ("villa-base", "snli_ve"): (8e-5, 4000, 4096, 4, 2, 1, 60),
    ("villa-large", "snli_ve"): (3e-5, 4000, 4096, 2, 4, 1, 60),
    ("villa-base", "vqa"): (8e-5, 6000, 5120, 5, 4, 10, 60),
    ("villa-large", "vqa"): (5e-5, 5000, 3072, 4, 8, 10, 60),
    ("villa-large-vqa-best", "vqa"): (5e-5, 7000, 2048, 3, 16, 10, 60),
}
# UNITER's sampler counts one of the four sequences that a question of vcr brings into its batch (data/vcr.py).
CANDIDATES = {"vcr": 4, "snli_ve": 1, "vqa": 1}
# modalities, learning rate of the perturbation, KL weight
VILLA = {
    ("villa-base", "vcr"): (["text", "image"], 0.01, 1.5),
    ("villa-large", "vcr"): (["text", "image"], 0.1, 1.0),
    ("villa-base", "snli_ve"): (["text"], 1e-3, 1.5),
    ("villa-large", "snli_ve"): (["text"], 1e-3, 1.5),
    ("villa-base", "vqa"): (["text"], 1e-3, 1.5),
    ("villa-large", "vqa"): (["text"], 2e-3, 1.0),
    ("villa-large-vqa-best", "vqa"): (["text", "image"], 2e-3, 1.0),
}
NAMES = ("uniter-base", "uniter-large", "villa-base", "villa-large", "villa-large-vqa-best", "vilt", "visualbert")
# Padded tokens of an example, all its sequences together, where an image has 37 regions on average.
TOKENS = {"vqa": 49, "snli_ve": 52, "vcr": 289}
# Training examples; vcr has two legs.
EXAMPLES = {"vqa": 443_757, "snli_ve": 529_527, "vcr": 2 * 212_923}


def options(name, task):
    return FinetuneOptions.model_validate(load_model(name).resolve(task, "real").options)


@pytest.mark.parametrize(("name", "task"), UNITER)
def test_uniter_and_villa_hold_the_published_numbers(name, task):
    rate, updates, tokens, accumulated, gpus, head, text = UNITER[name, task]
    chosen = options(name, task)
    training, student = chosen.training, chosen.student
    assert (training.learning_rate, training.updates, training.warmup) == (rate, updates, 0.1)
    assert training.batch_tokens == tokens * accumulated * gpus * CANDIDATES[task]
    assert training.accumulate == accumulated * gpus
    assert (training.head_learning_rate_multiplier, training.gradient_clip, training.weight_decay) == (head, 2.0, 0.01)
    assert training.epsilon == 1e-6
    assert (student.max_tokens, student.dropout, student.region_width) == (text, 0.1, 2048)
    confidence = 0.075 if name == "villa-large-vqa-best" else 0.2
    assert (student.min_regions, student.max_regions, student.region_confidence) == (10, 100, confidence)
    adversarial = chosen.objective.adversarial
    if name.startswith("villa"):
        found = adversarial.modalities, adversarial.learning_rate, adversarial.kl_weight
        assert adversarial.steps == 3 and found == VILLA[name, task]
    else:
        assert adversarial.steps == 0


def test_vilt_and_visualbert_hold_the_published_numbers():
    vilt, visualbert = options("vilt", "vqa"), options("visualbert", "vqa")
    assert (vilt.training.learning_rate, vilt.training.batch_examples, vilt.training.passes) == (1e-4, 256, 10)
    assert (vilt.training.head_learning_rate_multiplier, vilt.student.max_tokens) == (10, 40)
    assert (vilt.training.gradient_clip, vilt.training.epsilon, vilt.student.dropout) == (None, 1e-8, 0.1)
    assert (visualbert.training.learning_rate, visualbert.training.batch_examples) == (2e-5, 64)
    assert (visualbert.training.gradient_clip, visualbert.student.max_tokens) == (0.25, 128)
    assert visualbert.training.epsilon == 1e-6
    assert options("visualbert", "vcr").student.region_width == 512


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_says_what_its_weights_saw_and_what_differs_from_the_paper(name):
    model = load_model(name)
    assert {"visual-genome", "text-only-corpora"} <= set(model.seen)
    assert model.provenance.stated and model.provenance.ours
    assert ("regions" in model.needs) is (name != "vilt")
    assert all(options(name, task).student.init == "official" for task in model.only_tasks or TASKS)
    assert any("`full-published` has room" in one for one in model.provenance.ours)


@pytest.mark.parametrize("name", NAMES)
def test_full_published_has_room_for_every_recipe_and_full_has_not(name):
    published, full = load_protocol("full-published").budget, load_protocol("full").budget
    for task in load_model(name).only_tasks or TASKS:
        training = options(name, task).training
        if training.updates is None:
            wanted = training.passes * EXAMPLES[task]
        else:
            wanted = training.updates * training.batch_tokens / TOKENS[task]
        assert full[task].examples_seen < wanted < published[task].examples_seen


@pytest.mark.parametrize("name", NAMES)
def test_a_search_stays_near_the_published_numbers(name):
    """A learning rate of 8e-5 that is searched up to 3e-3 is no recipe any more, and updates decide, not passes."""
    task = (load_model(name).only_tasks or TASKS)[-1]
    space = space_of(load_model(name), None)
    changed, _ = laid_over(
        load_model(name).resolve(task, "real").options,
        FinetuneOptions,
        space,
        {one: distribution.at(0.99) for one, distribution in space.items()},
    )
    before, after = options(name, task).training, FinetuneOptions.model_validate(changed).training
    assert after.learning_rate == pytest.approx(3 * before.learning_rate)
    length = "passes" if before.updates is None else "updates"
    assert getattr(after, length) == 2 * getattr(before, length)


def test_a_recipe_without_weights_says_how_to_name_them():
    with pytest.raises(UsageError, match="starts from official weights") as caught:
        identity_of("official")
    assert "--set student.init=" in caught.value.fix
