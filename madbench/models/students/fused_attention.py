"""torch's fused attention for models of transformers that write attention out: ViLT and VisualBERT (as of 5.23).

Their classes take no part in transformers' choice of an attention implementation, so the module that computes it is
replaced, with its own projections under their own names: the keys of state dicts stay as they are.
"""

from __future__ import annotations

import copy
import warnings
from typing import TypeVar

import torch
from torch import nn
from torch.nn import functional

Model = TypeVar("Model", bound=nn.Module)

TOLERANCE = 1e-5


class FusedSelfAttention(nn.Module):
    """eager: a self-attention of transformers whose projections and dropout this one takes over."""

    def __init__(self, eager: nn.Module):
        super().__init__()
        self.heads = eager.num_attention_heads
        self.query, self.key, self.value = eager.query, eager.key, eager.value
        self.dropout = eager.dropout
        self.train(eager.training)  # new modules train; a loaded model does not

    def forward(
        self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None = None, output_attentions: bool = False
    ) -> tuple[torch.Tensor, None]:
        """hidden_states [S, L, W] -> ([S, L, W], None): the weights of fused attention exist nowhere.

        attention_mask: broadcasts to [S, heads, L, L]; bool, True where a place is seen, or numbers added to the scores.
        """
        query, key, value = (
            project(hidden_states).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # [S, heads, L, W / heads]
            for project in (self.query, self.key, self.value)
        )
        if attention_mask is not None and attention_mask.is_floating_point():
            # The lowest float32 is -inf in bf16, which a row that sees nothing would turn into NaN.
            attention_mask = attention_mask.clamp(min=torch.finfo(query.dtype).min).to(query.dtype)
        mixed = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=attention_mask, dropout_p=self.dropout.p if self.training else 0.0
        )
        return mixed.transpose(1, 2).flatten(2), None


def with_fused_attention(model: Model) -> Model:
    """The same model, each self-attention in it fused.

    Left as it is where transformers fuses by itself, and, with a warning, where the replacement does not give what the
    model's own attention gives: another version of transformers may lay it out in another way.
    """
    if getattr(model, "_supports_sdpa", False):
        return model
    found = [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if type(child).__name__.endswith("SelfAttention")
    ]
    if not found or not _agree(found[0][2]):
        import transformers

        warnings.warn(
            f"attention of {type(model).__name__} stays unfused and slower: "
            f"transformers {transformers.__version__} computes it in a way unknown here",
            stacklevel=2,
        )
        return model
    for parent, name, child in found:
        setattr(parent, name, FusedSelfAttention(child))
    return model


@torch.no_grad()
def _agree(eager: nn.Module) -> bool:
    """Whether the fused module gives what this one gives, on invented states of which some are hidden."""
    try:
        own = copy.deepcopy(eager).float().eval()
        states = torch.randn(2, 5, own.query.in_features, generator=torch.Generator().manual_seed(0))
        mask = torch.zeros(2, 1, 1, 5)
        mask[1, ..., 3:] = torch.finfo(mask.dtype).min
        given, fused = own(states, mask)[0], FusedSelfAttention(own)(states, mask)[0]
    except (AttributeError, TypeError, RuntimeError):
        return False
    return given.shape == fused.shape and torch.allclose(given, fused, rtol=TOLERANCE, atol=TOLERANCE)
