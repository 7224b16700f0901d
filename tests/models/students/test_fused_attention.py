"""Fused attention gives what the classes of transformers give, under the same names, or says that it is not used."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional
from transformers import ViltConfig, ViltModel, VisualBertConfig, VisualBertModel

from madbench.models.students.fused_attention import FusedSelfAttention, with_fused_attention
from madbench.models.students.uniter import UniterEncoder, UniterSizes

LAYERS = 2
SMALL = {
    "vocab_size": 20,
    "hidden_size": 16,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "intermediate_size": 32,
    "max_position_embeddings": 16,
}


def eager(name, dropout=0.1):
    torch.manual_seed(0)
    rates = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": dropout, "initializer_range": 0.5}
    if name == "vilt":
        return ViltModel(ViltConfig(**SMALL, **rates, image_size=32, patch_size=16)).eval()
    return VisualBertModel(VisualBertConfig(**SMALL, **rates, visual_embedding_dim=16)).eval()


def inputs(name, hidden=3):
    """Two sequences of 6 words and 5 image places; of the second `hidden` words are padding, and so are two regions."""
    rng = torch.Generator().manual_seed(1)
    words = torch.ones(2, 6, dtype=torch.long)
    words[1, 6 - hidden :] = 0
    given = {
        "input_ids": torch.randint(1, 20, (2, 6), generator=rng),
        "attention_mask": words,
        "token_type_ids": torch.zeros(2, 6, dtype=torch.long),
    }
    image, seen = torch.randn(2, 5, 16, generator=rng), torch.ones(2, 5, dtype=torch.long)
    if name == "vilt":
        return {**given, "image_embeds": image, "pixel_mask": seen}
    seen[1, 5 - min(hidden, 2) :] = 0
    return {**given, "visual_embeds": image, "visual_attention_mask": seen}


NAMES = ("vilt", "visualbert")


@pytest.mark.parametrize("hidden", [0, 3])
@pytest.mark.parametrize("name", NAMES)
def test_states_are_those_of_the_eager_class_also_with_padding(name, hidden):
    theirs = eager(name)
    ours = with_fused_attention(copy.deepcopy(theirs))
    with torch.no_grad():
        expected, found = theirs(**inputs(name, hidden)), ours(**inputs(name, hidden))
    torch.testing.assert_close(found.last_hidden_state, expected.last_hidden_state, rtol=0, atol=1e-5)
    torch.testing.assert_close(found.pooler_output, expected.pooler_output, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_the_eager_class(name):
    theirs = eager(name, dropout=0.0).train()
    ours = with_fused_attention(copy.deepcopy(theirs))
    for model in (theirs, ours):
        model(**inputs(name)).pooler_output.sum().backward()
    expected = dict(theirs.named_parameters())
    for key, parameter in ours.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(parameter.grad, expected[key].grad, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_state_dicts_keep_their_keys_and_load_both_ways(name):
    theirs = eager(name)
    ours = with_fused_attention(copy.deepcopy(theirs))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    ours.load_state_dict(theirs.state_dict())


@pytest.mark.parametrize("name", [*NAMES, "uniter"])
def test_every_layer_of_every_student_calls_fused_attention(name, monkeypatch):
    """UNITER's layers are transformers' BERT, which fuses by itself."""
    if name == "uniter":
        sizes = UniterSizes(20, 16, LAYERS, 4, 32, 16, 4, 8)
        encoder = UniterEncoder(sizes).eval()

        def run():
            return encoder.encode(torch.randn(2, 6, 16), torch.tensor([[True] * 6, [True] * 4 + [False] * 2]))
    else:
        model, given = with_fused_attention(eager(name)), inputs(name)

        def run():
            return model(**given)

    calls, fused = [], functional.scaled_dot_product_attention
    monkeypatch.setattr(functional, "scaled_dot_product_attention", lambda *a, **k: calls.append(1) or fused(*a, **k))
    run()
    assert len(calls) == LAYERS


@pytest.mark.parametrize("name", NAMES)
def test_attention_drops_out_in_training_only(name):
    model = with_fused_attention(eager(name, dropout=0.5))
    first, second = (model(**inputs(name)).pooler_output for _ in range(2))
    assert torch.equal(first, second)
    model.train()
    torch.manual_seed(0)
    dropped = model(**inputs(name)).pooler_output
    assert not torch.allclose(dropped, first)
    torch.manual_seed(0)
    assert torch.equal(model(**inputs(name)).pooler_output, dropped)


def test_in_half_precision_padding_stays_hidden_and_nothing_is_nan():
    model, given = with_fused_attention(eager("visualbert")), inputs("visualbert")
    other = {**given, "input_ids": given["input_ids"].clone()}
    other["input_ids"][1, 3:] = 7
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        first, second = (model(**one).pooler_output for one in (given, other))
    assert torch.isfinite(first).all() and torch.equal(first, second)


def test_a_place_that_sees_nothing_is_as_it_was_not_nan():
    attention = eager("vilt").encoder.layer[0].attention.attention
    mask = torch.full((2, 1, 1, 6), torch.finfo(torch.float32).min)
    states = torch.randn(2, 6, 16)
    torch.testing.assert_close(FusedSelfAttention(attention)(states, mask)[0], attention(states, mask)[0])


class OtherSelfAttention(nn.Module):
    """As a later transformers might write it: other scores behind the same names."""

    def __init__(self, eager):
        super().__init__()
        self.eager = eager
        self.num_attention_heads, self.dropout = eager.num_attention_heads, eager.dropout
        self.query, self.key, self.value = eager.query, eager.key, eager.value

    def forward(self, hidden_states, attention_mask=None, output_attentions=False):
        return self.eager(2 * hidden_states, attention_mask, output_attentions)


class Nameless(nn.Module):
    """As above, with one projection for all three."""

    def __init__(self, eager):
        super().__init__()
        self.projections = eager.query


NamelessSelfAttention = type("NamelessSelfAttention", (Nameless,), {})


@pytest.mark.parametrize("changed", [OtherSelfAttention, NamelessSelfAttention])
def test_an_attention_that_was_changed_is_left_alone_with_a_warning(changed):
    model = eager("vilt")
    for layer in model.encoder.layer:
        layer.attention.attention = changed(layer.attention.attention)
    with pytest.warns(UserWarning, match="ViltModel stays unfused.*transformers"):
        assert with_fused_attention(model) is model
    assert isinstance(model.encoder.layer[0].attention.attention, changed)
    with pytest.warns(UserWarning, match="stays unfused"):
        with_fused_attention(nn.Linear(2, 2))


def test_where_transformers_fuses_by_itself_nothing_is_replaced():
    model = eager("vilt")
    model._supports_sdpa = True
    with_fused_attention(model)
    assert not any(isinstance(module, FusedSelfAttention) for module in model.modules())
