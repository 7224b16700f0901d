"""The mini cross-modal student: masked words, image-text matching, which word of a caption is false, cell labels.

Images are matched against false captions and those of other images.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from madbench.mini.pretraining import CELL_FIELDS, PretrainingSet
from madbench.mini.scenes import NAMES
from madbench.models.mini_supervision import Captions, cell_loss
from madbench.models.options import StudentOptions
from madbench.models.students.encoding import Batch, Part, encode_sequence
from madbench.models.students.interface import States
from madbench.models.students.one_stream import student_module
from madbench.models.students.pretraining import PretrainingHeads, mask_words
from madbench.models.students.tokens import PAD, WordTokenizer

FIELDS = list(CELL_FIELDS)
# More than BERT's 15 %: a scene's captions are short, and small models learn more from each text that way.
STUDENT_MASK_SHARE = 0.3
# One word of a dozen is false: it counts as much as the others together.
FALSE_WORD_WEIGHT = 5.0
STUDENT_CONFIG = {
    "width": 96,
    "layers": 4,
    "heads": 4,
    "max_tokens": 64,
    "image_size": 64,
    "patch_size": 16,
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
