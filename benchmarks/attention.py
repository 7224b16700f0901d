"""Fused attention against the attention that transformers writes out, in ViLT and VisualBERT: forward and backward.

    python benchmarks/attention.py                        # small, CPU, half a minute
    python benchmarks/attention.py --device cuda --full   # base size, bf16

Random weights, a quarter of the words are padding; both variants on the same inputs,
in turn, a quarter of the batch that the first line names.
"""

from __future__ import annotations

import argparse
import copy
from functools import partial

import torch
from invented import arguments, header, in_turn, ratio, seconds_of
from torch import nn
from transformers import ViltConfig, ViltModel, VisualBertConfig, VisualBertModel

from madbench.models.students.fused_attention import with_fused_attention

WORDS, IMAGE = 40, 145  # ViLT's 12 x 12 patches and the picture's own token; as many regions for VisualBERT
UPDATES = 3


def eager_models(given: argparse.Namespace) -> dict[str, nn.Module]:
    sizes = given.size.student
    same = {
        "vocab_size": given.size.vocabulary,
        "hidden_size": sizes["width"],
        "num_hidden_layers": sizes["layers"],
        "num_attention_heads": sizes["heads"],
        "intermediate_size": 4 * sizes["width"],
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
    }
    visual = VisualBertConfig(**same, visual_embedding_dim=sizes["width"])
    return {"ViLT": ViltModel(ViltConfig(**same)), "VisualBERT": VisualBertModel(visual)}


def inputs(name: str, given: argparse.Namespace) -> dict[str, torch.Tensor]:
    batch = given.size.batch // 4
    seen = torch.ones(batch, WORDS, dtype=torch.long)
    seen[::2, WORDS // 2 :] = 0
    words = {"input_ids": torch.full((batch, WORDS), 7), "attention_mask": seen, "token_type_ids": 0 * seen}
    image, all_seen = torch.randn(batch, IMAGE, given.size.student["width"]), torch.ones(batch, IMAGE, dtype=torch.long)
    if name == "ViLT":
        made = {**words, "image_embeds": image, "pixel_mask": all_seen}
    else:
        made = {**words, "visual_embeds": image, "visual_attention_mask": all_seen}
    return {key: value.to(given.device) for key, value in made.items()}


def main() -> None:
    given = arguments(__doc__.splitlines()[0])
    low = given.precision == "bf16"
    print(header(given))
    for name, eager in eager_models(given).items():
        eager = eager.to(given.device)
        batch = inputs(name, given)

        def measure(model: nn.Module, training: bool, batch=batch) -> float:
            model.train(training)

            def work() -> None:
                for _ in range(UPDATES):
                    with torch.autocast(given.device, torch.bfloat16, enabled=low):
                        states = model(**batch).last_hidden_state
                    states.float().square().mean().backward()
                    model.zero_grad(set_to_none=True)

            return seconds_of(work, given.device) / UPDATES

        fused = with_fused_attention(copy.deepcopy(eager))
        for how, training in (("with dropout", True), ("without dropout", False)):
            found = in_turn(
                {"eager": partial(measure, eager, training), "fused": partial(measure, fused, training)}, given.rounds
            )
            milliseconds = 1000 * min(found["eager"])
            print(f"{name}, {how}: eager {milliseconds:.1f} ms, eager / fused {ratio(found, 'eager', 'fused')}")


if __name__ == "__main__":
    main()
