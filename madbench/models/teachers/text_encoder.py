"""Text-only teachers: masked-LM encoders of transformers, mini's own and any from a folder or the hub."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
import torch
from torch import nn

from madbench.errors import ConfigError
from madbench.mini.weights import metadata_of, path_of_weights
from madbench.models.students.hub import load_pretrained, place_and_revision
from madbench.models.students.tokens import CLS, PAD, SEP, WordTokenizer, refuse_lost_case
from madbench.models.teachers.batches import batch_size, encode_texts
from madbench.models.teachers.interface import Teacher, autocast, effective_precision, local_only, opening
from madbench.models.weights import load_weights

BATCH = 256
MOST_TOKENS = 512


class TextTeacher(Teacher):
    """Weights `mini:text`, or a file like it. A feature is the mean over the states of all tokens, [CLS] and [SEP] too."""

    preprocessing = "mini 1: words between [CLS] and [SEP]; mean of the last layer"

    def __init__(self, weights: str, device: str = "cpu"):
        super().__init__(weights, device)
        self.file = path_of_weights(self.named.place) if self.named.library == "mini" else self.named.path
        settings = metadata_of(self.file)
        self.config = settings["config"]
        self.tokenizer = WordTokenizer(settings["words"])
        self.context = self.config["max_position_embeddings"]

    def build(self) -> nn.Module:
        """The architecture with random weights, drawn from torch's generator."""
        from transformers import BertConfig, BertModel

        return BertModel(BertConfig(**self.config), add_pooling_layer=False)

    def _open(self) -> nn.Module:
        model = self.build()
        if not self.named.random:
            model.load_state_dict(load_weights(self.file)[0])
        return model

    def _measure(self) -> int:
        return self.config["hidden_size"]

    @property
    def dimensions(self) -> int:
        return self._measure()

    def text_features(self, texts: Sequence[str]) -> np.ndarray:
        """Texts -> float32 [n, dimensions]."""
        return encode_texts(texts, self._encode, self.dimensions, BATCH)

    @torch.inference_mode()
    def _encode(self, texts: list[str]) -> torch.Tensor:
        encoded = [[CLS, *self.tokenizer.encode(text)[: self.context - 2], SEP] for text in texts]
        ids = torch.full((len(texts), max(map(len, encoded))), PAD, dtype=torch.int64)
        for place, one in enumerate(encoded):
            ids[place, : len(one)] = torch.tensor(one)
        keep = (ids != PAD).to(self.device)
        states = self.model(input_ids=ids.to(self.device), attention_mask=keep.long()).last_hidden_state
        return mean_of(states, keep)


class HubTextTeacher(Teacher):
    """Any encoder of transformers (RoBERTa, BERT and kin): a local folder, or a hub id with its commit.

    pooling: `mean` over the last layer's states of all tokens but padding, or `cls`, the first token's state.
    """

    def __init__(self, weights: str, device: str = "cpu", pooling: str = "mean", precision: str = "fp32"):
        super().__init__(weights, device)
        self.pooling = pooling
        self.precision = precision
        number = effective_precision(device, precision)
        self.preprocessing = (
            f"transformers {version('transformers')}, own tokenizer; {pooling} of the last layer; "
            f"float32 weights; {number}"
        )

    def _open(self) -> nn.Module:
        from transformers import AutoConfig, AutoModel, AutoTokenizer

        place, revision = place_and_revision(self.named.place)
        place = str(self.named.path) if self.named.path is not None else place
        with local_only(self.named), opening(self.weights):
            config = AutoConfig.from_pretrained(place, revision=revision)
            self.tokenizer = AutoTokenizer.from_pretrained(place, revision=revision)
            self._refuse(config)
            refuse_lost_case(self.tokenizer, place)
            if self.named.random:
                model = AutoModel.from_config(config, dtype=torch.float32)
            else:
                model = load_pretrained(AutoModel, place if revision is None else self.named.place)
        self.most = min(MOST_TOKENS, self.tokenizer.model_max_length, _positions(model, config))
        return model

    def _refuse(self, config) -> None:
        if getattr(config, "is_encoder_decoder", False) or self.tokenizer.pad_token_id is None:
            raise ConfigError(
                f"'{self.weights}' holds a {config.model_type}, which is no plain text encoder",
                fix="use an encoder such as BERT or RoBERTa",
            )

    def _measure(self) -> int:
        return int(self.model.config.hidden_size)

    def text_features(self, texts: Sequence[str]) -> np.ndarray:
        """Texts -> float32 [n, dimensions]. Long texts are cut where the encoder ends (512 tokens for BERT and RoBERTa)."""
        return encode_texts(texts, self._encode, self.dimensions, batch_size(self.device))

    @torch.inference_mode()
    def _encode(self, texts: list[str]) -> torch.Tensor:
        model = self.model  # first: opens the tokenizer too
        batch = self.tokenizer(texts, padding=True, truncation=True, max_length=self.most, return_tensors="pt")
        batch = {name: value.to(self.device) for name, value in batch.items()}
        with autocast(self.device, self.precision):
            states = model(**batch).last_hidden_state.float()
        return states[:, 0] if self.pooling == "cls" else mean_of(states, batch["attention_mask"].bool())


def mean_of(states: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """[B, T, D] states, bool [B, T] of tokens that count -> [B, D]."""
    return (states * keep.unsqueeze(-1)).sum(1) / keep.sum(1, keepdim=True)


def _positions(model: nn.Module, config) -> int:
    """How many tokens have a position. RoBERTa counts positions from behind its padding id, so it has fewer than rows."""
    rows = getattr(config, "max_position_embeddings", None)
    if not rows or rows < 0:
        return MOST_TOKENS
    table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    return rows if padding is None else rows - padding - 1
