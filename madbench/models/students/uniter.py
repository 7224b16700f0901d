"""UNITER (Chen et al. 2020): one BERT encoder over word pieces and detector regions.

Written from the published description and held to the outputs of the original code by tests. The encoder is that of
transformers; the image embeddings and the heads are here, under the names of the official checkpoints, so that those
load by their keys: `uniter.embeddings...`, `uniter.encoder.layer.N...`, `uniter.img_embeddings...`, `uniter.pooler...`,
and one head, `vcr_output...` or `vqa_output...` (SNLI-VE uses the latter with three answers).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from madbench.errors import DataMalformed
from madbench.models.students.packing import gathered

LAYER_NORM_EPSILON = 1e-12
REGION_TYPE = 1  # the type embedding of every region; words have 0, and in vcr also 2 (answer) and 3 (rationale)
BOX_NUMBERS = 7  # x1, y1, x2, y2, width, height, area, all as fractions of the image
_PRETRAINING = ("cls.", "feat_regress.", "region_classifier.", "itm_output.")
_CONFIG = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
)
_OLD_NAMES = (("LayerNorm.gamma", "LayerNorm.weight"), ("LayerNorm.beta", "LayerNorm.bias"))


@dataclass(frozen=True)
class UniterSizes:
    """The part of an official config.json that decides shapes and dropout, and what the weights add to it."""

    vocabulary: int
    width: int
    layers: int
    heads: int
    inner_width: int
    positions: int
    types: int
    region_width: int
    dropout: float = 0.1
    attention_dropout: float = 0.1

    def bert_config(self):
        """For transformers' `BertEncoder` and `BertPooler`."""
        from transformers import BertConfig

        config = BertConfig(
            vocab_size=self.vocabulary,
            hidden_size=self.width,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            intermediate_size=self.inner_width,
            hidden_act="gelu",
            hidden_dropout_prob=self.dropout,
            attention_probs_dropout_prob=self.attention_dropout,
            max_position_embeddings=self.positions,
            type_vocab_size=self.types,
            layer_norm_eps=LAYER_NORM_EPSILON,
        )
        config._attn_implementation = "sdpa"
        return config


class TextEmbeddings(nn.Module):
    """Word, place and type summed, then normalised."""

    def __init__(self, sizes: UniterSizes):
        super().__init__()
        self.word_embeddings = nn.Embedding(sizes.vocabulary, sizes.width, padding_idx=0)
        self.position_embeddings = nn.Embedding(sizes.positions, sizes.width)
        self.token_type_embeddings = nn.Embedding(sizes.types, sizes.width)
        self.LayerNorm = nn.LayerNorm(sizes.width, eps=LAYER_NORM_EPSILON)
        self.dropout = nn.Dropout(sizes.dropout)

    def forward(self, ids: torch.Tensor, places: torch.Tensor, types: torch.Tensor) -> torch.Tensor:
        """ids, types: [S, T]; places: [1 or S, T] -> [S, T, W]."""
        summed = self.word_embeddings(ids) + self.position_embeddings(places) + self.token_type_embeddings(types)
        return self.dropout(self.LayerNorm(summed))


class ImageEmbeddings(nn.Module):
    """What a region looks like and where it is, each projected and normalised, summed with the region type."""

    def __init__(self, sizes: UniterSizes):
        super().__init__()
        self.img_linear = nn.Linear(sizes.region_width, sizes.width)
        self.img_layer_norm = nn.LayerNorm(sizes.width, eps=LAYER_NORM_EPSILON)
        self.pos_linear = nn.Linear(BOX_NUMBERS, sizes.width)
        self.pos_layer_norm = nn.LayerNorm(sizes.width, eps=LAYER_NORM_EPSILON)
        # Row 1 stands for a hidden region in pretraining; kept so that official checkpoints load whole.
        self.mask_embedding = nn.Embedding(2, sizes.region_width, padding_idx=0)
        self.LayerNorm = nn.LayerNorm(sizes.width, eps=LAYER_NORM_EPSILON)
        self.dropout = nn.Dropout(sizes.dropout)

    def forward(self, features: torch.Tensor, boxes: torch.Tensor, region_type: torch.Tensor) -> torch.Tensor:
        """features: [S, R, d], boxes: [S, R, 7], region_type: [W] -> [S, R, W]."""
        seen = self.img_layer_norm(self.img_linear(features))
        where = self.pos_layer_norm(self.pos_linear(boxes))
        return self.dropout(self.LayerNorm(seen + where + region_type))


class UniterEncoder(nn.Module):
    """Embeddings, encoder and pooler: the part that all tasks share."""

    def __init__(self, sizes: UniterSizes):
        super().__init__()
        from transformers.models.bert.modeling_bert import BertEncoder, BertPooler

        config = sizes.bert_config()
        self.embeddings = TextEmbeddings(sizes)
        self.img_embeddings = ImageEmbeddings(sizes)
        self.encoder = BertEncoder(config)
        self.pooler = BertPooler(config)

    def forward(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Hidden states [S, L, W] of the packed sequence: the words of each row, then its regions, then padding."""
        ids = batch["input_ids"]
        types = batch.get("txt_type_ids")
        words = self.embeddings(ids, batch["position_ids"], torch.zeros_like(ids) if types is None else types)
        region_type = self.embeddings.token_type_embeddings.weight[REGION_TYPE]
        regions = self.img_embeddings(batch["img_feat"], batch["img_pos_feat"], region_type)
        packed = gathered(torch.cat([words, regions], 1), batch["gather_index"])
        return self.encode(packed, batch["attn_masks"].bool())

    def encode(self, embedded: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
        """embedded [S, L, W], visible bool [S, L] -> [S, L, W]: every place looks at every visible place."""
        return self.encoder(embedded, attention_mask=visible[:, None, None, :]).last_hidden_state


class Uniter(nn.Module):
    """The encoder with one official head.

    head: `vcr_output` (one rank score per sequence), `vqa_output` (a logit per answer), or None.
    """

    def __init__(self, sizes: UniterSizes, head: str | None, outputs: int = 2):
        super().__init__()
        self.sizes = sizes
        self.head = head
        self.uniter = UniterEncoder(sizes)
        if head is not None:
            activation = nn.ReLU() if head == "vcr_output" else nn.GELU()
            layers = nn.Sequential(
                nn.Linear(sizes.width, 2 * sizes.width),
                activation,
                nn.LayerNorm(2 * sizes.width, eps=LAYER_NORM_EPSILON),
                nn.Linear(2 * sizes.width, outputs),
            )
            self.add_module(head, layers)

    def forward_official(self, batch: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """A padded batch as the original takes it, S sequences of T word pieces and R regions, L places packed.

        batch: input_ids [S, T], position_ids [1, T], img_feat [S, R, d], img_pos_feat [S, R, 7], attn_masks [S, L],
        gather_index [S, L] (the place of each packed state in words then regions), and where given txt_type_ids [S, T]
        (num_text and num_boxes are accepted; gather_index says what they say).
        Returns sequence_output [S, L, W] and, with a head, scores: [S, 1] rank scores (vcr) or [S, answers] logits.
        """
        states = self.uniter(batch)
        result = {"sequence_output": states}
        if self.head is not None:
            logits = getattr(self, self.head)(self.uniter.pooler(states))
            # Of the two classes of vcr ("wrong", "right") the second ranks the choices.
            result["scores"] = logits[:, 1:] if self.head == "vcr_output" else logits
        return result


def load_official(
    state_dict: Mapping[str, torch.Tensor], config: Mapping[str, Any], types: int | None = None
) -> Uniter:
    """A module in evaluation mode with the weights of an official checkpoint (pretrained or fine-tuned).

    config: the official config.json as a mapping. types: how many text types the model gets; None: as many as the
    weights have. A checkpoint with two that is asked for four gets copies of the first (question) for answer and
    rationale, as the original does before it is fine-tuned on vcr.
    Raises DataMalformed for weights that are missing, unknown or of another shape.
    """
    weights = _renamed(state_dict)
    sizes = sizes_of(weights, config, types)
    name = "uniter.embeddings.token_type_embeddings.weight"
    given = weights[name]
    if sizes.types > len(given):
        weights[name] = torch.cat([given, given[:1].expand(sizes.types - len(given), -1)])
    heads = sorted({name.split(".")[0] for name in weights} - {"uniter"})
    if len(heads) > 1:
        raise DataMalformed(f"a checkpoint with several heads: {', '.join(heads)}", fix="keep the weights of one task")
    head = heads[0] if heads else None
    outputs = len(weights[f"{head}.3.bias"]) if head is not None and f"{head}.3.bias" in weights else 2
    module = Uniter(sizes, head, outputs)
    try:
        module.load_state_dict(weights)
    except RuntimeError as problem:
        first = str(problem).splitlines()[1:2] or [str(problem)]
        raise DataMalformed(
            f"the weights do not fit a UNITER of this config: {first[0].strip()}",
            fix="use the config of the checkpoint",
        ) from None
    return module.eval()


def sizes_of(state_dict: Mapping[str, torch.Tensor], config: Mapping[str, Any], types: int | None) -> UniterSizes:
    """What a checkpoint and its config say together. types: at least so many text types; None: as many as it has.

    The vocabulary is as large as the larger of the two says: second-stage and fine-tuned VCR weights have rows for 81
    object tokens behind the words that their config counts.
    Raises DataMalformed when either is not UNITER's.
    """
    weights = _renamed(state_dict)
    given = weights.get("uniter.embeddings.token_type_embeddings.weight")
    features = weights.get("uniter.img_embeddings.img_linear.weight")
    words = weights.get("uniter.embeddings.word_embeddings.weight")
    if given is None or features is None:
        raise DataMalformed("no UNITER weights: embeddings are missing", fix="give an official UNITER state dict")
    absent = [name for name in _CONFIG if name not in config]
    if absent:
        raise DataMalformed(f"the config has no {', '.join(absent)}", fix="give the config.json of the checkpoint")
    return UniterSizes(
        vocabulary=max(config["vocab_size"], 0 if words is None else len(words)),
        width=config["hidden_size"],
        layers=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        inner_width=config["intermediate_size"],
        positions=config["max_position_embeddings"],
        types=max(len(given), types or 0),
        region_width=features.shape[1],
        dropout=config.get("hidden_dropout_prob", 0.1),
        attention_dropout=config.get("attention_probs_dropout_prob", 0.1),
    )


def _renamed(state_dict: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Keys as this module names them: pretraining heads left out, `bert.` and bare prefixes and old names mapped."""
    weights = {}
    for name, value in state_dict.items():
        for old, new in _OLD_NAMES:
            name = name.replace(old, new)
        name = name.removeprefix("module.")
        if name.startswith(_PRETRAINING):
            continue
        if name.startswith("bert."):
            name = "uniter." + name.removeprefix("bert.")
        elif name.startswith(("embeddings.", "img_embeddings.", "encoder.", "pooler.")):
            name = "uniter." + name
        weights[name] = value
    return weights
