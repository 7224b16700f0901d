"""Makes the small weights that ship with madbench: `madbench data mini --pretrain`. Fixed seeds, fixed update counts.

- `clip`: open_clip's CLIP class, contrastive with one false caption per image as an extra negative, plus cell labels
  from the scene graph on its patch states. It is *not* purely contrastive: the labels stand in for the far larger data
  that real teachers saw (contrastive training alone stayed at chance on this budget).
- `text`: a BERT masked-LM encoder on the captions alone.
- `student`: the cross-modal student: masked words, image-text matching against false captions and those of other
  images, which word of a false caption is false, cell labels; on a third of the scenes that CLIP saw, so that a teacher
  has something to teach.

All scenes come from pretraining seeds, disjoint from every evaluated world.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from madbench.mini.pretraining import CELL_FIELDS, PretrainingSet, pretraining_scenes
from madbench.mini.scenes import NAMES
from madbench.mini.text import WORDS
from madbench.models.options import StudentOptions
from madbench.models.students.encoding import Batch, Part, encode_sequence
from madbench.models.students.interface import States
from madbench.models.students.one_stream import student_module
from madbench.models.students.pretraining import PretrainingHeads, mask_words
from madbench.models.students.tokens import CLS, PAD, SEP, WordTokenizer
from madbench.models.teachers.clip import build_clip, clip_pixels, text_ids
from madbench.models.weights import save_weights
from madbench.training.loop import Hooks, LoopOptions, train

LOG = logging.getLogger("madbench.pretrain")
FIELDS = list(CELL_FIELDS)
HELD_OUT_SCENES, HELD_OUT_SEED = 1_000, 99
# More than BERT's 15 %: a scene's captions are short, and small models learn more from each text that way.
STUDENT_MASK_SHARE = 0.3
# One word of a dozen is false: it counts as much as the others together.
FALSE_WORD_WEIGHT = 5.0

CLIP_CONFIG = {
    "embed_dim": 96,
    "vision": {"image_size": 64, "patch_size": 16, "width": 128, "layers": 4, "head_width": 32},
    "text": {"context_length": 40, "width": 96, "heads": 4, "layers": 2},
}
STUDENT_CONFIG = {
    "width": 96,
    "layers": 4,
    "heads": 4,
    "max_tokens": 64,
    "image_size": 64,
    "patch_size": 16,
}
TEXT_CONFIG = {
    "hidden_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 384,
    "max_position_embeddings": 64,
    "pad_token_id": PAD,
}
RECIPES = {
    "clip": {
        "scenes": 60_000,
        "scene_seed": 1,
        "updates": 2_600,
        "batch": 64,
        "learning_rate": 1e-3,
        "seed": 1,
        "mix": (0.35, 0.4, 0.25),
    },
    "text": {
        "scenes": 20_000,
        "scene_seed": 2,
        "updates": 1_200,
        "batch": 96,
        "learning_rate": 1e-3,
        "seed": 2,
        "mix": (0.35, 0.4, 0.25),
    },
    "student": {
        "scenes": 20_000,
        "scene_seed": 1,
        "updates": 7_000,
        "batch": 64,
        "learning_rate": 1e-3,
        "seed": 3,
        "mix": (0.5, 0.35, 0.15),
    },
}


class Captions:
    """Draws one to three captions of a scene as one text, and the same text with one of them made false."""

    def __init__(self, scenes: PretrainingSet, seed: int, mix: tuple[float, float, float], alike: bool = False):
        """mix: the shares of texts with one, two and three captions. alike: of batches with as many in every text,
        which leaves less to pad."""
        self.scenes = scenes
        self.seed = seed
        self.mix = mix
        self.alike = alike

    def draw(self, step: int, batch: int) -> tuple[np.ndarray, list[list[str]], list[list[str]]]:
        """(scene rows [batch], true sentences per text, the same with a foil); a function of (seed, step)."""
        rng = np.random.default_rng([self.seed, step])
        rows = rng.permutation(len(self.scenes.images))[:batch]
        true, false = [], []
        alike = int(rng.choice(3, p=self.mix)) if self.alike else None
        for row in rows:
            told = self.scenes.captions[row]
            count = min(len(told), 1 + (int(rng.choice(3, p=self.mix)) if alike is None else alike))
            chosen = [told[place] for place in rng.permutation(len(told))[:count]]
            wrong = int(rng.integers(count))
            true.append([one.text for one in chosen])
            false.append([one.foil if place == wrong else one.text for place, one in enumerate(chosen)])
        return rows, true, false


def cell_loss(logits: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy over cells and fields. logits: [B, 16, sum of field sizes]; cells: int64 [B, 16, fields].

    Empty cells are most of an image; they count a tenth.
    """
    loss, start = 0.0, 0
    weight = torch.where(cells[..., 0] > 0, 1.0, 0.1)
    for place, size in enumerate(CELL_FIELDS.values()):
        part = logits[..., start : start + size]
        each = functional.cross_entropy(part.transpose(1, 2), cells[..., place], reduction="none")
        loss = loss + (each * weight).sum() / weight.sum()
        start += size
    return loss


class ClipTraining(nn.Module):
    """CLIP with a cell-label head on its patch states."""

    def __init__(self, tokenizer: WordTokenizer, captions: Captions, batch: int):
        super().__init__()
        config = {**CLIP_CONFIG, "text": {**CLIP_CONFIG["text"], "vocab_size": tokenizer.size + 1}}
        self.config = config
        self.clip = build_clip(config)
        self.clip.visual.output_tokens = True
        self.cells = nn.Linear(config["vision"]["width"], sum(CELL_FIELDS.values()))
        self.tokenizer, self.captions, self.batch = tokenizer, captions, batch

    def images(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        pooled, tokens = self.clip.visual(clip_pixels(pixels))
        return functional.normalize(pooled, dim=-1), self.cells(tokens)

    def texts(self, sentences: list[list[str]]) -> torch.Tensor:
        ids = text_ids([" ".join(one) for one in sentences], self.tokenizer, self.config["text"]["context_length"])
        return self.clip.encode_text(ids, normalize=True)

    def training_step(self, step: int) -> torch.Tensor:
        rows, true, false = self.captions.draw(step, self.batch)
        image, cell_logits = self.images(torch.from_numpy(self.captions.scenes.images[rows]))
        text, foil = self.texts(true), self.texts(false)
        scale = self.clip.logit_scale.exp().clamp(max=100)
        own = torch.arange(len(rows))
        to_text = functional.cross_entropy(scale * image @ torch.cat([text, foil]).T, own)
        to_image = functional.cross_entropy(scale * text @ image.T, own)
        pair = torch.stack([(image * text).sum(1), (image * foil).sum(1)], 1) * scale
        true_or_false = functional.cross_entropy(pair, torch.zeros_like(own))
        cells = torch.from_numpy(self.captions.scenes.cells[rows].astype(np.int64))
        return (to_text + to_image) / 2 + true_or_false + cell_loss(cell_logits, cells)

    @torch.inference_mode()
    def figures(self, held: PretrainingSet) -> dict:
        """On held-out scenes: how often the true text beats its foil, and its 99 neighbours; cell-kind accuracy."""
        self.eval()
        rows, true, false = Captions(held, 7, self.captions.mix).draw(0, len(held.images))
        image, cell_logits = self.images(torch.from_numpy(held.images[rows]))
        text, foil = self.texts(true), self.texts(false)
        among = [
            (image[s : s + 100] @ text[s : s + 100].T).argmax(1) == torch.arange(100) for s in range(0, len(rows), 100)
        ]
        kinds = torch.from_numpy(held.cells[rows].astype(np.int64))[..., 0]
        filled = kinds > 0
        named = cell_logits[..., : CELL_FIELDS["kind"]].argmax(-1)
        return {
            "true_over_false_caption": round(float(((image * text).sum(1) > (image * foil).sum(1)).float().mean()), 4),
            "right_text_of_100": round(float(torch.cat(among).float().mean()), 4),
            "cell_kind": round(float((named == kinds)[filled].float().mean()), 4),
        }


class StudentTraining(nn.Module):
    """The student with masked words, matching, false words and cell labels.

    Every scene of a batch is read twice: with a true text some of whose words are hidden, and with one to be judged.
    """

    def __init__(self, tokenizer: WordTokenizer, captions: Captions, batch: int):
        super().__init__()
        # No dropout: 20,000 scenes with changing texts are not overfitted in these few updates, and it costs a third.
        options = StudentOptions(init="scratch", tokenizer="mini", dropout=0.0, **STUDENT_CONFIG)
        self.student = student_module(options, tokenizer.size)
        self.heads = PretrainingHeads(options.width, tokenizer.size)
        self.cells = nn.Linear(options.width, sum(CELL_FIELDS.values()))
        self.false_word = nn.Linear(options.width, 1)
        self.tokenizer, self.captions, self.batch = tokenizer, captions, batch

    def encoded(self, rows: np.ndarray, texts: list[list[str]], places: np.ndarray, rng: np.random.Generator) -> Batch:
        """Two texts a scene, one after the other. Segments as fine-tuning uses them: the first sentence 0, later 2 or 3.

        places: bool per text. Where true, names carry where their person stands, as vcr's tags do; elsewhere (and in
        snli_ve and vqa) the student has to find people by what is said of them.
        """
        encoded = []
        for row, one, place_names in zip(np.repeat(rows, 2), texts, places, strict=True):
            segments = [0, *rng.integers(2, 4, len(one) - 1).tolist()]
            cells = self.captions.scenes.cells[row][:, FIELDS.index("name")]
            place_of = {
                name: int(np.argmax(cells == place)) + 1 for place, name in enumerate(NAMES, 1) if place in cells
            }
            parts = []
            for sentence, segment in zip(one, segments, strict=True):
                own = tuple(place_of.get(word, 0) for word in sentence.split()) if place_names else ()
                parts.append(Part(sentence, segment, own))
            encoded.append(encode_sequence(parts, self.tokenizer, STUDENT_CONFIG["max_tokens"]))
        longest = max(len(ids) for ids, _, _ in encoded)
        arrays = np.zeros((3, len(texts), longest), np.int64)
        arrays[0] = PAD
        for row, kinds in enumerate(encoded):
            for kind, values in enumerate(kinds):
                arrays[kind, row, : len(values)] = values
        ids, segments, at = (torch.from_numpy(one) for one in arrays)
        pixels = torch.from_numpy(self.captions.scenes.images[rows]).float() / 255
        none = torch.zeros(len(rows))
        return Batch(ids, segments, at, ids == PAD, pixels, rows, np.repeat(rows, 2), none, None, np.zeros(len(rows)))

    def losses(self, step: int) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
        """Of the texts to be judged half are true, four of ten have one false detail, the rest are another scene's."""
        rows, true, false = self.captions.draw(step, self.batch)
        rng = np.random.default_rng([self.captions.seed, step, 1])
        kind = rng.random(len(rows))
        foiled, other = kind < 0.4, (kind >= 0.4) & (kind < 0.5)
        judged = [
            false[place] if foiled[place] else true[place - 1] if other[place] else true[place]
            for place in range(len(rows))
        ]
        texts = [text for pair in zip(true, judged, strict=True) for text in pair]
        batch = self.encoded(rows, texts, np.repeat(rng.random(len(rows)) < 0.7, 2), rng)
        original = batch.ids
        hidden, chosen = mask_words(batch, self.tokenizer.size, STUDENT_MASK_SHARE)
        # Nothing is hidden from a text whose truth is asked, or the false detail itself might be.
        masked = torch.arange(len(texts)) % 2 == 0
        chosen &= masked[:, None]
        batch.ids = torch.where(masked[:, None], hidden, original)
        states: States = self.student(batch)
        words = self.heads.word_logits(states.text[chosen], self.student)
        matching = self.heads.matching(states.cls[~masked])
        matches = torch.from_numpy(~(foiled | other)).long()
        # A foil has as many words as the truth: what differs is what is false.
        wrong = original[~masked] != original[masked]
        asked = (original[~masked] != PAD) & torch.from_numpy(~other)[:, None]
        doubt = self.false_word(states.text[~masked]).squeeze(-1)
        cells = torch.from_numpy(self.captions.scenes.cells[rows].astype(np.int64))
        losses = {
            "words": functional.cross_entropy(words, original[chosen]),
            "matching": functional.cross_entropy(matching, matches),
            "false_words": functional.binary_cross_entropy_with_logits(
                doubt[asked], wrong[asked].float(), pos_weight=torch.tensor(FALSE_WORD_WEIGHT)
            ),
            "cells": cell_loss(self.cells(states.early_image[::2]), cells),
        }
        right = {
            "masked_word": float((words.argmax(1) == original[chosen]).float().mean()),
            "matching": float((matching.argmax(1) == matches).float().mean()),
        }
        return losses, right

    def training_step(self, step: int) -> torch.Tensor:
        losses, _ = self.losses(step)
        return losses["words"] + losses["matching"] + losses["false_words"] + 0.5 * losses["cells"]

    @torch.inference_mode()
    def figures(self, held: PretrainingSet) -> dict:
        """On held-out scenes: share of masked words found, share of matches judged right."""
        self.eval()
        torch.manual_seed(0)
        own, self.captions = self.captions, Captions(held, 7, self.captions.mix, alike=True)
        rights = [self.losses(step)[1] for step in range(15)]
        self.captions = own
        return {name: round(float(np.mean([one[name] for one in rights])), 4) for name in rights[0]}


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


def pretrain(
    name: str, folder: Path, progress: Callable[[int, int], None] = lambda done, total: None, **changes
) -> dict:
    """Make `name` (clip, text, student) and write folder/NAME.safetensors; returns the figures it reached.

    changes: recipe values to replace (tests use few scenes and updates).
    """
    recipe = {**RECIPES[name], **changes}
    torch.manual_seed(recipe["seed"])
    scenes = pretraining_scenes(recipe["scenes"], recipe["scene_seed"])
    tokenizer = WordTokenizer(WORDS)
    captions = Captions(scenes, recipe["seed"], tuple(recipe["mix"]), alike=name == "student")
    module = {"clip": ClipTraining, "text": TextTraining, "student": StudentTraining}[name](
        tokenizer, captions, recipe["batch"]
    )
    options = LoopOptions(
        updates=recipe["updates"], learning_rate=recipe["learning_rate"], warmup=0.05, seed=recipe["seed"]
    )
    began = time.monotonic()
    train(module, options, Hooks(progress=progress))
    figures = module.figures(pretraining_scenes(HELD_OUT_SCENES, HELD_OUT_SEED))
    figures["minutes"] = round((time.monotonic() - began) / 60, 1)
    if name != "text":
        figures["supervised_scenes"] = recipe["scenes"]
    _save(name, module, folder / f"{name}.safetensors", tokenizer, recipe, figures)
    return figures


def _save(name: str, module, path: Path, tokenizer: WordTokenizer, recipe: dict, figures: dict) -> None:
    settings = {"words": list(tokenizer.words), "recipe": recipe, "figures": figures}
    if name == "clip":
        module.clip.visual.output_tokens = False
        save_weights(module.clip, path, config=module.config, **settings)
    elif name == "text":
        save_weights(module.model.bert, path, config=module.config, **settings)
    else:
        kept = nn.ModuleDict({"student": module.student, "heads": module.heads})
        save_weights(kept, path, config=STUDENT_CONFIG, **settings)
