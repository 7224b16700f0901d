"""Examples to arrays, once per split: token ids, segments, words, images; then batches by index.

A multiple-choice example becomes one sequence per candidate, any other example one. Sequence layout:
`[CLS] question [SEP] (answer [SEP]) (candidate [SEP])`, segments 0 for the question or hypothesis, 1 for the image,
2 for an answer, 3 for a rationale (as UNITER numbers them, specs/mad.md 2.5).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from madbench.models.students.tokens import CLS, PAD, SEP, Tokenizer
from madbench.tasks.contract import Example, SoftTarget

SEGMENTS = 4
_SEGMENT = {"question": 0, "hypothesis": 0, "answer": 2}


def sequence_parts(example: Example, inputs: Sequence[str]) -> list[list[tuple[str, int]]]:
    """Per sequence the (text, segment) parts that the inputs allow, in reading order."""
    query = [(text, _SEGMENT.get(part, 0)) for part, text in example.text.items()] if "query" in inputs else []
    if not example.choices:
        return [query]
    if "choices" not in inputs:
        return [query for _ in example.choices]
    segment = 3 if example.leg == "qa2r" else 2
    return [[*query, (choice, segment)] for choice in example.choices]


def texts_of(examples: Iterable[Example]) -> Iterable[str]:
    """Every text a student could read in these examples."""
    for example in examples:
        yield from example.text.values()
        yield from example.choices


def encode_sequence(parts: Sequence[tuple[str, int]], tokenizer: Tokenizer, max_tokens: int) -> tuple[list, list]:
    """Ids and segments of one sequence. Too long: the longest part loses tokens from its end, one by one."""
    encoded = [tokenizer.encode(text) for text, _ in parts]
    while 1 + sum(len(ids) + 1 for ids in encoded) > max_tokens:
        longest = max(range(len(encoded)), key=lambda place: len(encoded[place]))
        encoded[longest] = encoded[longest][:-1]
    ids, segments = [CLS], [0]
    for part_ids, (_, segment) in zip(encoded, parts, strict=True):
        ids += [*part_ids, SEP]
        segments += [segment] * (len(part_ids) + 1)
    return ids, segments


@dataclass
class EncodedSplit:
    """Arrays of a split. S sequences over N examples, U distinct images.

    ids, segments: per sequence, int64 arrays of its own length. first: sequence range of example i is
    `first[i]:first[i+1]`. image: [N] row of `pixels`; pixels: uint8 [U, size, size, 3] or None.
    legs: [N] leg number. targets: [N] int64 (-1 withheld); soft: [N] dicts for vqa, else None.
    """

    ids: list[np.ndarray]
    segments: list[np.ndarray]
    first: np.ndarray
    legs: np.ndarray
    image: np.ndarray
    pixels: np.ndarray | None
    image_keys: list[str]
    targets: np.ndarray
    soft: list[dict[int, float]] | None

    def __len__(self) -> int:
        return len(self.first) - 1

    def lengths(self) -> np.ndarray:
        """Longest sequence of each example, in tokens: int64 [N]."""
        longest = np.array([len(ids) for ids in self.ids], dtype=np.int64)
        return np.maximum.reduceat(longest, self.first[:-1]) if len(self) else longest


@dataclass
class Batch:
    """One batch. B examples with C sequences each (S = B*C), T tokens after padding.

    ids, segments: int64 [S, T]. padding: bool [S, T], True where padded. pixels: float32 [B, size, size, 3] in 0..1,
    or None. examples: int64 [B] rows of the split; sequences: int64 [S] its sequences. targets: int64 [B].
    soft: float32 [B, answers] or None.
    """

    ids: torch.Tensor
    segments: torch.Tensor
    padding: torch.Tensor
    pixels: torch.Tensor | None
    examples: np.ndarray
    sequences: np.ndarray
    targets: torch.Tensor
    soft: torch.Tensor | None
    legs: np.ndarray

    @property
    def choices(self) -> int:
        return len(self.sequences) // len(self.examples)


def encode_split(
    examples: Sequence[Example],
    *,
    tokenizer: Tokenizer,
    inputs: Sequence[str],
    max_tokens: int,
    image_size: int,
    legs: Sequence[str],
) -> EncodedSplit:
    """Encode all examples; images are opened once each. Raises DataMissing or DataMalformed for an image."""
    ids, segments, first, image, targets, soft = [], [], [0], [], [], []
    keys: dict[str, int] = {}
    pixels = []
    memory: dict[tuple, tuple] = {}
    for example in examples:
        for parts in sequence_parts(example, inputs):
            key = tuple(parts)
            if key not in memory:
                one_ids, one_segments = encode_sequence(parts, tokenizer, max_tokens)
                memory[key] = np.array(one_ids, np.int64), np.array(one_segments, np.int64)
            ids.append(memory[key][0])
            segments.append(memory[key][1])
        first.append(len(ids))
        if "image" in inputs:
            if example.image.key not in keys:
                keys[example.image.key] = len(pixels)
                pixels.append(pixels_of(example.image.open(), image_size))
            image.append(keys[example.image.key])
        target = example.target
        targets.append(-1 if target is None or isinstance(target, SoftTarget) else target)
        soft.append(dict(target.scores) if isinstance(target, SoftTarget) else {})
    any_soft = any(isinstance(example.target, SoftTarget) for example in examples)
    return EncodedSplit(
        ids=ids,
        segments=segments,
        first=np.array(first, np.int64),
        legs=np.array([legs.index(example.leg) for example in examples], np.int64),
        image=np.array(image, np.int64),
        pixels=np.stack(pixels) if pixels else None,
        image_keys=list(keys),
        targets=np.array(targets, np.int64),
        soft=soft if any_soft else None,
    )


def pixels_of(image: Image.Image, size: int) -> np.ndarray:
    """uint8 [size, size, 3]; resized (bicubic, aspect ratio not kept) only when it is not that size already."""
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(image, dtype=np.uint8)


def make_batch(split: EncodedSplit, rows: np.ndarray, n_answers: int, device: str | torch.device = "cpu") -> Batch:
    """Collate examples by row; sequences are padded to the longest of the batch."""
    sequences = np.concatenate([np.arange(split.first[row], split.first[row + 1]) for row in rows])
    longest = max(len(split.ids[s]) for s in sequences)
    ids = np.full((len(sequences), longest), PAD, np.int64)
    segments = np.zeros((len(sequences), longest), np.int64)
    for place, sequence in enumerate(sequences):
        length = len(split.ids[sequence])
        ids[place, :length] = split.ids[sequence]
        segments[place, :length] = split.segments[sequence]
    soft = None
    if split.soft is not None:
        soft = np.zeros((len(rows), n_answers), np.float32)
        for place, row in enumerate(rows):
            for label, score in split.soft[row].items():
                soft[place, label] = score
    pixels = None
    if split.pixels is not None:
        pixels = torch.from_numpy(split.pixels[split.image[rows]]).to(device).float() / 255
    token_ids = torch.from_numpy(ids).to(device)
    return Batch(
        ids=token_ids,
        segments=torch.from_numpy(segments).to(device),
        padding=token_ids == PAD,
        pixels=pixels,
        examples=np.asarray(rows),
        sequences=sequences,
        targets=torch.from_numpy(split.targets[rows]).to(device),
        soft=None if soft is None else torch.from_numpy(soft).to(device),
        legs=split.legs[rows],
    )
