"""UNITER as a student: examples in, states out. The architecture and its checkpoints are in `uniter.py`."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import nn

from madbench.errors import DataMalformed, DataMissing
from madbench.models.options import StudentOptions
from madbench.models.students.encoding import Batch
from madbench.models.students.interface import Entrance, States, StudentKind, set_dropout, with_sizes
from madbench.models.students.packing import Packing
from madbench.models.students.region_inputs import region_maker, regions_of
from madbench.models.students.tokens import Tokenizer
from madbench.models.students.uniter import REGION_TYPE, UniterEncoder, UniterSizes, load_official, sizes_of

CONFIG = "config.json"
# Text types: question, (region), answer, rationale; a task without answers uses the first alone.
TYPES = 4


class UniterStudent(nn.Module):
    """encoder: embeddings, encoder, pooler. patches: makes features from pixels; None for detector regions.

    Regions follow the words of their own sequence, as in the original.
    """

    def __init__(self, encoder: UniterEncoder, width: int, patches: nn.Module | None):
        super().__init__()
        self.encoder = encoder
        self.patches = patches
        self.width = width

    def forward(self, batch: Batch) -> States:
        features, boxes, hidden = regions_of(self.patches, batch)
        embeddings = self.encoder.embeddings
        places = torch.arange(batch.ids.shape[1], device=batch.ids.device).unsqueeze(0)
        words = embeddings(batch.ids, places, batch.segments)
        region_type = embeddings.token_type_embeddings.weight[REGION_TYPE]
        regions = self.encoder.img_embeddings(features, boxes, region_type).repeat_interleave(batch.choices, 0)
        hidden = hidden.repeat_interleave(batch.choices, 0)
        packing = Packing(batch.padding, hidden, batch.joint_length)
        states = self.encoder.encode(packing.pack(torch.cat([words, regions], 1)), packing.visible)
        text, image = packing.unpack(states)
        return States(
            cls=states[:, 0],
            text=text,
            text_padding=batch.padding,
            image=image,
            image_padding=hidden,
            pooled=self.encoder.pooler(states),
        )

    def entrances(self) -> dict[str, Entrance]:
        """As VILLA perturbs it: word embeddings, and region features before they are projected."""
        embeddings = self.encoder.embeddings
        return {
            "text": Entrance(embeddings.word_embeddings, "output"),
            "image": Entrance(self.encoder.img_embeddings.img_linear, "input"),
        }


class UniterKind(StudentKind):
    """init: a folder with the official config.json and one file of weights (*.safetensors, *.pt or *.bin)."""

    def resolved(self, options: StudentOptions) -> StudentOptions:
        if options.init == "scratch":
            return options
        sizes = sizes_of(*_read(options.init), types=TYPES)
        return with_sizes(
            options,
            sizes.positions,
            width=sizes.width,
            layers=sizes.layers,
            heads=sizes.heads,
            region_width=sizes.region_width,
        )

    def build(self, options: StudentOptions, tokenizer: Tokenizer) -> tuple[nn.Module, None]:
        patches = region_maker(options)
        if options.init != "scratch":
            official = load_official(*_read(options.init), types=TYPES)
            set_dropout(official, options.dropout)
            return UniterStudent(official.uniter, official.sizes.width, patches), None
        sizes = UniterSizes(
            vocabulary=tokenizer.size,
            width=options.width,
            layers=options.layers,
            heads=options.heads,
            inner_width=4 * options.width,
            positions=options.max_tokens,
            types=TYPES,
            region_width=options.region_width,
            dropout=options.dropout,
            attention_dropout=options.dropout,
        )
        return UniterStudent(UniterEncoder(sizes), sizes.width, patches), None


def _read(folder: str) -> tuple[dict[str, torch.Tensor], dict]:
    """(state dict, config). Raises DataMissing or DataMalformed; never unpickles objects."""
    root = Path(folder)
    files = [file for pattern in ("*.safetensors", "*.pt", "*.bin") for file in sorted(root.glob(pattern))]
    if not (root / CONFIG).is_file() or not files:
        raise DataMissing(
            f"no UNITER checkpoint in '{folder}'", fix=f"put {CONFIG} and the weights (.safetensors or .pt) there"
        )
    if len(files) > 1:
        raise DataMalformed(
            f"'{folder}' holds several files of weights: {', '.join(file.name for file in files)}", fix="keep one"
        )
    if files[0].suffix == ".safetensors":
        from safetensors.torch import load_file

        weights = load_file(files[0])
    else:
        try:
            weights = torch.load(files[0], map_location="cpu", weights_only=True)
        except Exception as problem:
            raise DataMalformed(
                f"weights cannot be read without unpickling: {str(problem).splitlines()[0]}",
                fix="save the plain state dict again",
                where=files[0],
            ) from None
    return weights, json.loads((root / CONFIG).read_text(encoding="utf-8"))


KIND = UniterKind()
