"""ViLT (Kim et al. 2021) of transformers: patches of the picture and words through one encoder.

The picture always has the size the weights were trained with, so all patches are kept and their order is fixed
(transformers' own embedding draws a random order, which would make predictions depend on the random state).
"""

from __future__ import annotations

import torch
from torch import nn

from madbench.models.options import StudentOptions
from madbench.models.students.encoding import Batch
from madbench.models.students.fused_attention import with_fused_attention
from madbench.models.students.hub import load_pretrained, pretrained_config
from madbench.models.students.interface import Entrance, States, StudentKind, set_dropout, with_sizes
from madbench.models.students.tokens import Tokenizer


class ViltStudent(nn.Module):
    """model: transformers' `ViltModel`."""

    def __init__(self, model):
        super().__init__()
        self.model = with_fused_attention(model)
        self.width = model.config.hidden_size

    def forward(self, batch: Batch) -> States:
        """Segments are not used: ViLT's two types tell words from patches."""
        visible = (~batch.padding).long()
        image = self._image(batch.pixels).repeat_interleave(batch.choices, 0)  # [S, 1 + P, W]
        out = self.model(
            input_ids=batch.ids,
            attention_mask=visible,
            token_type_ids=torch.zeros_like(batch.ids),
            image_embeds=image,
            pixel_mask=visible.new_ones(image.shape[:2]),
        )
        states, length = out.last_hidden_state, batch.ids.shape[1]
        return States(
            cls=states[:, 0],
            text=states[:, :length],
            text_padding=batch.padding,
            image=states[:, length + 1 :],
            pooled=out.pooler_output,
            whole_image=states[:, length],
        )

    def _image(self, pixels: torch.Tensor) -> torch.Tensor:
        """[B, size, size, 3] in 0..1 -> [B, 1 + P, W]: the picture's own token and its patches, row by row."""
        embeddings = self.model.embeddings
        # ViLT's processor: mean and standard deviation one half.
        patches = embeddings.patch_embeddings((pixels.permute(0, 3, 1, 2) - 0.5) / 0.5)
        patches = patches.flatten(2).transpose(1, 2)
        states = torch.cat([embeddings.cls_token.expand(len(patches), -1, -1), patches], 1)
        return embeddings.dropout(states + embeddings.position_embeddings)

    def entrances(self) -> dict[str, Entrance]:
        embeddings = self.model.embeddings
        return {
            "text": Entrance(embeddings.text_embeddings.word_embeddings, "output"),
            "image": Entrance(embeddings.patch_embeddings, "output"),
        }


class ViltKind(StudentKind):
    def resolved(self, options: StudentOptions) -> StudentOptions:
        if options.init == "scratch":
            return options
        config = pretrained_config(options.init, "vilt")
        return with_sizes(
            options,
            config.max_position_embeddings,
            width=config.hidden_size,
            layers=config.num_hidden_layers,
            heads=config.num_attention_heads,
            image_size=config.image_size,
            patch_size=config.patch_size,
        )

    def build(self, options: StudentOptions, tokenizer: Tokenizer) -> tuple[nn.Module, None]:
        from transformers import ViltConfig, ViltModel

        if options.init != "scratch":
            pretrained = load_pretrained(ViltModel, options.init)
            set_dropout(pretrained, options.dropout)
            return ViltStudent(pretrained), None
        config = ViltConfig(
            vocab_size=tokenizer.size,
            hidden_size=options.width,
            num_hidden_layers=options.layers,
            num_attention_heads=options.heads,
            intermediate_size=4 * options.width,
            image_size=options.image_size,
            patch_size=options.patch_size,
            max_position_embeddings=options.max_tokens,
            hidden_dropout_prob=options.dropout,
            attention_probs_dropout_prob=options.dropout,
        )
        return ViltStudent(ViltModel(config)), None


KIND = ViltKind()
