"""Our UNITER against the outputs of the original code (tests/data/uniter)."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from madbench.errors import DataMalformed
from madbench.models.students.uniter import load_official

GOLDEN = Path(__file__).parents[2] / "data" / "uniter"
CONFIG = json.loads((GOLDEN / "config.json").read_text())
SCORES = {"vcr": "rank_scores", "vqa": "answer_scores"}


@pytest.fixture(scope="module")
def golden():
    everything = load_file(GOLDEN / "batch_and_outputs.safetensors")
    return {
        task: {name.partition(".")[2]: value for name, value in everything.items() if name.startswith(task)}
        for task in SCORES
    }


def weights(task):
    return load_file(GOLDEN / f"{task}_state_dict.safetensors")


def outputs(module, batch):
    with torch.no_grad():
        return module.forward_official(batch)


@pytest.mark.parametrize("task", SCORES)
def test_the_outputs_are_those_of_the_original_code(golden, task):
    found = outputs(load_official(weights(task), CONFIG), golden[task])
    torch.testing.assert_close(found["scores"], golden[task][SCORES[task]], rtol=0, atol=1e-5)
    if "sequence_output" in golden[task]:
        torch.testing.assert_close(found["sequence_output"], golden[task]["sequence_output"], rtol=0, atol=1e-5)


def test_what_stands_in_the_padding_does_not_matter(golden):
    module, batch = load_official(weights("vqa"), CONFIG), dict(golden["vqa"])
    before = outputs(module, batch)["scores"]
    features = batch["img_feat"].clone()
    for row, boxes in enumerate(batch["num_boxes"].tolist()):
        features[row, boxes:] = 7.0
    assert not torch.equal(features, batch["img_feat"])
    torch.testing.assert_close(outputs(module, {**batch, "img_feat": features})["scores"], before)


def test_dropout_is_off_and_on_again_in_training(golden):
    module = load_official(weights("vcr"), CONFIG)
    assert torch.equal(outputs(module, golden["vcr"])["scores"], outputs(module, golden["vcr"])["scores"])
    module.train()
    assert not torch.equal(outputs(module, golden["vcr"])["scores"], outputs(module, golden["vcr"])["scores"])


def test_a_pretrained_checkpoint_with_two_types_gets_four_for_vcr(golden):
    """Answer and rationale begin as copies of the question's type."""
    pretrained = {name: value for name, value in weights("vqa").items() if not name.startswith("vqa_output")}
    pretrained["itm_output.weight"] = torch.zeros(2, 32)
    module = load_official(pretrained, CONFIG, types=4)
    types = module.uniter.embeddings.token_type_embeddings.weight
    assert len(types) == 4 and torch.equal(types[2], types[0]) and not torch.equal(types[1], types[0])
    assert "scores" not in outputs(module, golden["vqa"])


def test_weights_of_vcr_bring_rows_for_object_tokens_that_their_config_does_not_count(golden):
    """train_vcr.py and pretrain_vcr.py append 81 rows to the words (init_word_embedding)."""
    name = "uniter.embeddings.word_embeddings.weight"
    words = weights("vcr")[name]
    longer = {**weights("vcr"), name: torch.cat([words, torch.ones(81, words.shape[1])])}
    module = load_official(longer, CONFIG)
    assert module.uniter.embeddings.word_embeddings.weight.shape == (len(words) + 81, words.shape[1])
    assert torch.equal(
        outputs(module, golden["vcr"])["scores"],
        outputs(load_official(weights("vcr"), CONFIG), golden["vcr"])["scores"],
    )


def test_other_prefixes_and_old_names_are_the_same_weights(golden):
    old = {
        name.replace("uniter.", "bert.", 1).replace("LayerNorm.weight", "LayerNorm.gamma"): value
        for name, value in weights("vqa").items()
    }
    found = outputs(load_official(old, CONFIG), golden["vqa"])
    assert torch.equal(found["scores"], outputs(load_official(weights("vqa"), CONFIG), golden["vqa"])["scores"])


def without(name):
    return {key: value for key, value in weights("vqa").items() if name not in key}


@pytest.mark.parametrize(
    ("state", "config", "message"),
    [
        (without("layer.1.output.dense.bias"), CONFIG, "layer.1.output.dense.bias"),
        ({**weights("vqa"), **weights("vcr")}, CONFIG, "several heads: vcr_output, vqa_output"),
        ({"something.weight": torch.zeros(1)}, CONFIG, "no UNITER weights"),
        (weights("vqa"), {**CONFIG, "hidden_size": 64}, "do not fit"),
        (weights("vqa"), {**CONFIG, "vocab_size": CONFIG["vocab_size"] + 1}, "do not fit"),
        (weights("vqa"), {"hidden_size": 32}, "the config has no vocab_size"),
    ],
)
def test_weights_that_do_not_fit_are_refused(state, config, message):
    with pytest.raises(DataMalformed, match=message):
        load_official(state, config)
