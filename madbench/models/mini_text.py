"""The mini text encoder: a BERT masked-LM on the captions alone."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from madbench.mini.pretraining import PretrainingSet
from madbench.models.mini_supervision import Captions
from madbench.models.students.encoding import Batch
from madbench.models.students.pretraining import mask_words
from madbench.models.students.tokens import CLS, PAD, SEP, WordTokenizer

TEXT_CONFIG = {
    "hidden_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 384,
    "max_position_embeddings": 64,
    "pad_token_id": PAD,
}


class TextTraining(nn.Module):
    """A BERT masked-LM on captions."""

    def __init__(self, tokenizer: WordTokenizer, captions: Captions, batch: int):
        super().__init__()
        from transformers import BertConfig, BertForMaskedLM

        self.config = {**TEXT_CONFIG, "vocab_size": tokenizer.size}
        self.model = BertForMaskedLM(BertConfig(**self.config))
        self.tokenizer, self.captions, self.batch = tokenizer, captions, batch

    def losses(self, step: int) -> tuple[torch.Tensor, float]:
        _, true, _ = self.captions.draw(step, self.batch)
        encoded = [[CLS, *self.tokenizer.encode(" ".join(one))[:62], SEP] for one in true]
        ids = torch.full((len(encoded), max(map(len, encoded))), PAD, dtype=torch.int64)
        for place, one in enumerate(encoded):
            ids[place, : len(one)] = torch.tensor(one)
        batch = Batch(ids, ids, ids, ids == PAD, None, np.arange(1), np.arange(1), ids, None, np.zeros(1))
        hidden, chosen = mask_words(batch, self.tokenizer.size)
        logits = self.model(input_ids=hidden, attention_mask=(ids != PAD).long()).logits[chosen]
        return functional.cross_entropy(logits, ids[chosen]), float((logits.argmax(1) == ids[chosen]).float().mean())

    def training_step(self, step: int) -> torch.Tensor:
        return self.losses(step)[0]

    @torch.inference_mode()
    def figures(self, held: PretrainingSet) -> dict:
        self.eval()
        torch.manual_seed(0)
        own, self.captions = self.captions, Captions(held, 7, self.captions.mix)
        right = [self.losses(step)[1] for step in range(5)]
        self.captions = own
        return {"masked_word": round(float(np.mean(right)), 4)}
