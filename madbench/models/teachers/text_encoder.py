"""A text-only teacher: a masked-LM encoder of transformers (BERT), mean over its token states. Frozen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from madbench.models.students.tokens import CLS, PAD, SEP, WordTokenizer
from madbench.models.weights import load_weights

BATCH = 256


class TextTeacher:
    """Frozen text encoder. `dimensions`: its hidden width."""

    def __init__(self, path: Path, device: str = "cpu"):
        from transformers import BertConfig, BertModel

        tensors, settings = load_weights(path)
        self.model = BertModel(BertConfig(**settings["config"]), add_pooling_layer=False)
        self.model.load_state_dict(tensors)
        self.model.to(device).eval().requires_grad_(False)
        self.tokenizer = WordTokenizer(settings["words"])
        self.dimensions = settings["config"]["hidden_size"]
        self.context = settings["config"]["max_position_embeddings"]
        self.device = device

    @torch.inference_mode()
    def text_features(self, texts: Sequence[str]) -> np.ndarray:
        """Texts -> float32 [n, dimensions]: mean over the states of all tokens, [CLS] and [SEP] included."""
        order = sorted(range(len(texts)), key=lambda row: (len(texts[row]), row))
        out = np.empty((len(texts), self.dimensions), np.float32)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            encoded = [[CLS, *self.tokenizer.encode(texts[row])[: self.context - 2], SEP] for row in rows]
            longest = max(map(len, encoded))
            ids = torch.full((len(rows), longest), PAD, dtype=torch.int64)
            for place, one in enumerate(encoded):
                ids[place, : len(one)] = torch.tensor(one)
            keep = (ids != PAD).to(self.device)
            states = self.model(input_ids=ids.to(self.device), attention_mask=keep.long()).last_hidden_state
            mean = (states * keep.unsqueeze(-1)).sum(1) / keep.sum(1, keepdim=True)
            out[rows] = mean.float().cpu().numpy()
        return out
