"""VisualBERT (Li et al. 2019) of transformers: words and image regions through one BERT encoder.

Regions are detector features; where a source has none, patches of the picture with a projection that is learned.
"""

from __future__ import annotations

import torch
from torch import nn

from madbench.errors import DataMalformed
from madbench.models.options import StudentOptions
from madbench.models.students.encoding import Batch
from madbench.models.students.fused_attention import with_fused_attention
from madbench.models.students.hub import load_pretrained, pretrained_config
from madbench.models.students.interface import Entrance, States, StudentKind, set_dropout, with_sizes
from madbench.models.students.packing import Packing
from madbench.models.students.region_inputs import region_maker, regions_of
from madbench.models.students.tokens import Tokenizer


class VisualBertStudent(nn.Module):
    """model: transformers' `VisualBertModel`. patches: makes features from pixels; None for detector regions."""

    def __init__(self, model, patches: nn.Module | None):
        super().__init__()
        self.model = with_fused_attention(model)
        self.patches = patches
        self.width = model.config.hidden_size

    def forward(self, batch: Batch) -> States:
        features, _, hidden = regions_of(self.patches, batch)
        features = features.repeat_interleave(batch.choices, 0)
        hidden = hidden.repeat_interleave(batch.choices, 0)
        embedded = self.model.embeddings(
            input_ids=batch.ids,
            # Its two types tell words from regions.
            token_type_ids=torch.zeros_like(batch.ids),
            visual_embeds=features,
            visual_token_type_ids=torch.ones_like(hidden, dtype=torch.long),
        )
        packing = Packing(batch.padding, hidden, batch.joint_length)
        packed = packing.pack(embedded)
        # Added to the scores, [S, 1, 1, L].
        mask = torch.finfo(packed.dtype).min * (~packing.visible)[:, None, None].to(packed.dtype)
        states = self.model.encoder(packed, attention_mask=mask).last_hidden_state
        text, image = packing.unpack(states)
        return States(
            cls=states[:, 0],
            text=text,
            text_padding=batch.padding,
            image=image,
            image_padding=hidden,
            pooled=self.model.pooler(states),
        )

    def entrances(self) -> dict[str, Entrance]:
        embeddings = self.model.embeddings
        return {
            "text": Entrance(embeddings.word_embeddings, "output"),
            "image": Entrance(embeddings.visual_projection, "input"),
        }


class VisualBertKind(StudentKind):
    def resolved(self, options: StudentOptions) -> StudentOptions:
        if options.init == "scratch":
            return options
        config = pretrained_config(options.init, "visual_bert")
        if config.bypass_transformer:
            raise DataMalformed(
                f"'{options.init}' lets regions bypass its encoder, which transformers does not run either",
                fix="use weights whose config.json has bypass_transformer: false",
            )
        return with_sizes(
            options,
            config.max_position_embeddings,
            width=config.hidden_size,
            layers=config.num_hidden_layers,
            heads=config.num_attention_heads,
            region_width=config.visual_embedding_dim,
        )

    def build(self, options: StudentOptions, tokenizer: Tokenizer) -> tuple[nn.Module, None]:
        from transformers import VisualBertConfig, VisualBertModel

        patches = region_maker(options)
        if options.init != "scratch":
            pretrained = load_pretrained(VisualBertModel, options.init)
            set_dropout(pretrained, options.dropout)
            return VisualBertStudent(pretrained, patches), None
        config = VisualBertConfig(
            vocab_size=tokenizer.size,
            hidden_size=options.width,
            visual_embedding_dim=options.region_width,
            num_hidden_layers=options.layers,
            num_attention_heads=options.heads,
            intermediate_size=4 * options.width,
            max_position_embeddings=options.max_tokens,
            hidden_dropout_prob=options.dropout,
            attention_probs_dropout_prob=options.dropout,
        )
        return VisualBertStudent(VisualBertModel(config), patches), None


KIND = VisualBertKind()
