"""Examples to arrays, once per split: token ids, segments, words, images; then batches by index.

A multiple-choice example becomes one sequence per candidate, any other example one. Sequence layout:
`[CLS] question [SEP] (answer [SEP]) (candidate [SEP])`, segments 0 for the question or hypothesis, 1 for the image,
2 for an answer, 3 for a rationale (as UNITER numbers them). A word that stands for an object (vcr's
tags) also carries where its box lies, as VL-BERT gives such words the embedding of the box they refer to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from madbench.models.students.image_inputs import ImageBatch, ImageInputs, PixelArray
from madbench.models.students.tokens import PAD, Tokenizer
from madbench.tasks.contract import Example, LazyImage, SoftTarget

SEGMENTS = 4
_SEGMENT = {"question": 0, "hypothesis": 0, "answer": 2}


class Part(NamedTuple):
    """A piece of a sequence. places: per whitespace-separated word, 1 + the patch its object lies in, 0 for none."""

    text: str
    segment: int
    places: tuple[int, ...] = ()


def sequence_parts(example: Example, inputs: Sequence[str], patch_of: Sequence[int] = ()) -> list[list[Part]]:
    """Per sequence the parts that the inputs allow, in reading order. patch_of: object index -> patch, if known."""

    def places(words: Sequence[int]) -> tuple[int, ...]:
        return tuple(patch_of[one] + 1 if 0 <= one < len(patch_of) else 0 for one in words)

    query = []
    if "query" in inputs:
        for name, text in example.text.items():
            query.append(Part(text, _SEGMENT.get(name, 0), places(example.tags.parts.get(name, ()))))
    if not example.choices:
        return [query]
    if "choices" not in inputs:
        return [query for _ in example.choices]
    segment = 3 if example.leg == "qa2r" else 2
    tags = example.tags.choices or ((),) * len(example.choices)
    return [[*query, Part(choice, segment, places(words))] for choice, words in zip(example.choices, tags, strict=True)]


def patches_of(image: LazyImage, grid: int) -> tuple[int, ...]:
    """The patch (row by row, grid x grid) that the centre of each object's box lies in; empty without boxes."""
    boxes = image.boxes()
    if boxes is None or not len(boxes):
        return ()
    centre = np.clip((boxes[:, :2] + boxes[:, 2:4]) / 2, 0, 1 - 1e-6)
    cells = (centre * grid).astype(int)
    return tuple((cells[:, 1] * grid + cells[:, 0]).tolist())


def texts_of(examples: Iterable[Example]) -> Iterable[str]:
    """Every text a student could read in these examples."""
    for example in examples:
        yield from example.text.values()
        yield from example.choices


def encode_sequence(parts: Sequence[Part], tokenizer: Tokenizer, max_tokens: int) -> tuple[list, list, list]:
    """Ids, segments and places of one sequence. Too long: the longest part loses tokens from its end, one by one."""
    encoded = [_encode_part(part, tokenizer) for part in parts]
    kept = _kept([len(ids) for ids, _ in encoded], max_tokens)
    ids, segments, places = [tokenizer.cls], [0], [0]
    for (part_ids, part_places), part, count in zip(encoded, parts, kept, strict=True):
        ids += [*part_ids[:count], tokenizer.sep]
        segments += [part.segment] * (count + 1)
        places += [*part_places[:count], 0]
    return ids, segments, places


def word_places(parts: Sequence[Part], tokenizer: Tokenizer, max_tokens: int) -> list[tuple[str, range]]:
    """The words of a sequence in order, each with the places of its tokens in what `encode_sequence` gives.

    Words as `pieces` cuts them, lower-cased. Left out: words that were cut, and those with an unknown token.
    """
    encoded = [_encode_part(part, tokenizer)[0] for part in parts]
    kept = _kept([len(ids) for ids in encoded], max_tokens)
    found, start = [], 1
    for part, ids, count in zip(parts, encoded, kept, strict=True):
        first = 0
        for piece in part.text.split() if any(part.places) else [part.text]:
            for word, begin, end in tokenizer.spans(piece):
                known = tokenizer.unknown not in ids[first + begin : first + end]
                if first + end <= count and known:
                    found.append((word, range(start + first + begin, start + first + end)))
            first += len(tokenizer.encode(piece))
        start += count + 1
    return found


def _kept(lengths: Sequence[int], max_tokens: int) -> list[int]:
    """How many tokens of each part stay, [CLS] and a [SEP] behind each counted."""
    kept = list(lengths)
    while 1 + sum(count + 1 for count in kept) > max_tokens:
        kept[max(range(len(kept)), key=kept.__getitem__)] -= 1
    return kept


def _encode_part(part: Part, tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    if not any(part.places):
        ids = tokenizer.encode(part.text)
        return ids, [0] * len(ids)
    ids, places = [], []
    for word, place in zip(part.text.split(), part.places, strict=True):
        own = tokenizer.encode(word)
        ids += own
        places += [place] * len(own)
    return ids, places


@dataclass
class EncodedSplit:
    """Arrays of a split. S sequences over N examples, U distinct images.

    ids, segments, places: per sequence, int64 arrays of its own length. first: sequence range of example i is
    `first[i]:first[i+1]`. image: [N] row of `images`; images: what the student reads of the U images, or None.
    legs: [N] leg number. targets: [N] int64 (-1 withheld); soft: [N] dicts for vqa, else None.
    """

    ids: list[np.ndarray]
    segments: list[np.ndarray]
    places: list[np.ndarray]
    first: np.ndarray
    legs: np.ndarray
    image: np.ndarray
    images: ImageInputs | None
    image_keys: list[str]
    targets: np.ndarray
    soft: list[dict[int, float]] | None
    pad: int = PAD

    def __len__(self) -> int:
        return len(self.first) - 1

    @property
    def sequences_each(self) -> int:
        """Sequences of one example: as many as it has candidates."""
        return int(self.first[1] - self.first[0]) if len(self) else 1

    def lengths(self) -> np.ndarray:
        """Longest sequence of each example, in tokens: int64 [N]."""
        longest = np.array([len(ids) for ids in self.ids], dtype=np.int64)
        return np.maximum.reduceat(longest, self.first[:-1]) if len(self) else longest


@dataclass
class Batch:
    """One batch. B examples with C sequences each (S = B*C), T tokens after padding.

    ids, segments, places: int64 [S, T]. padding: bool [S, T], True where padded. pixels, regions, boxes,
    region_padding: as `ImageBatch`, None where the student does not read them. examples: int64 [B] rows of the split;
    sequences: int64 [S] its sequences. targets: int64 [B]. soft: float32 [B, answers] or None.
    joint_length: words and regions of the longest sequence together; None without regions.
    """

    ids: torch.Tensor
    segments: torch.Tensor
    places: torch.Tensor
    padding: torch.Tensor
    pixels: torch.Tensor | None
    examples: np.ndarray
    sequences: np.ndarray
    targets: torch.Tensor
    soft: torch.Tensor | None
    legs: np.ndarray
    regions: torch.Tensor | None = None
    boxes: torch.Tensor | None = None
    region_padding: torch.Tensor | None = None
    joint_length: int | None = None

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
    grid: int = 0,
    read_images: Callable[[list[LazyImage]], ImageInputs] | None = None,
) -> EncodedSplit:
    """Encode all examples. Raises DataMissing or DataMalformed for an image.

    grid: patches per side, to place object words by their boxes; 0 places none.
    read_images: how the student reads pictures; None: as one array of `image_size`.
    """
    ids, segments, places, first, image, targets, soft = [], [], [], [0], [], [], []
    read_images = read_images or (lambda lazy: PixelArray(lazy, image_size))
    keys: dict[str, int] = {}
    patch_of: dict[str, tuple[int, ...]] = {}
    pictures: list[LazyImage] = []
    memory: dict[tuple, tuple] = {}
    for example in examples:
        if "image" in inputs:
            if example.image.key not in keys:
                keys[example.image.key] = len(pictures)
                pictures.append(example.image)
                patch_of[example.image.key] = patches_of(example.image, grid) if grid else ()
            image.append(keys[example.image.key])
        known = patch_of[example.image.key] if "image" in inputs else ()
        for parts in sequence_parts(example, inputs, known):
            key = tuple(parts)
            if key not in memory:
                memory[key] = tuple(np.array(one, np.int64) for one in encode_sequence(parts, tokenizer, max_tokens))
            for kept, one in zip((ids, segments, places), memory[key], strict=True):
                kept.append(one)
        first.append(len(ids))
        target = example.target
        targets.append(-1 if target is None or isinstance(target, SoftTarget) else target)
        soft.append(dict(target.scores) if isinstance(target, SoftTarget) else {})
    any_soft = any(isinstance(example.target, SoftTarget) for example in examples)
    return EncodedSplit(
        ids=ids,
        segments=segments,
        places=places,
        first=np.array(first, np.int64),
        legs=np.array([legs.index(example.leg) for example in examples], np.int64),
        image=np.array(image, np.int64),
        images=read_images(pictures) if pictures else None,
        image_keys=list(keys),
        targets=np.array(targets, np.int64),
        soft=soft if any_soft else None,
        pad=tokenizer.pad,
    )


def soft_matrix(scores: Sequence[Mapping[int, float]], n_answers: int) -> np.ndarray:
    """float32 [N, n_answers] from one mapping of answer to soft score per example; 0 where none is given."""
    matrix = np.zeros((len(scores), n_answers), np.float32)
    for row, one in enumerate(scores):
        for answer, score in one.items():
            matrix[row, answer] = score
    return matrix


def make_batch(split: EncodedSplit, rows: np.ndarray, n_answers: int, device: str | torch.device = "cpu") -> Batch:
    """Collate examples by row; sequences are padded to the longest of the batch.

    n_answers: width of the soft targets; 0 leaves them out (predicting needs none).
    """
    sequences = np.concatenate([np.arange(split.first[row], split.first[row + 1]) for row in rows])
    longest = max(len(split.ids[s]) for s in sequences)
    ids = np.full((len(sequences), longest), split.pad, np.int64)
    padding = np.ones((len(sequences), longest), bool)
    segments = np.zeros((len(sequences), longest), np.int64)
    places = np.zeros((len(sequences), longest), np.int64)
    for row, sequence in enumerate(sequences):
        length = len(split.ids[sequence])
        ids[row, :length] = split.ids[sequence]
        padding[row, :length] = False
        segments[row, :length] = split.segments[sequence]
        places[row, :length] = split.places[sequence]
    soft = None
    if split.soft is not None and n_answers:
        soft = soft_matrix([split.soft[row] for row in rows], n_answers)
    seen: ImageBatch = {}
    if split.images is not None:
        seen = split.images.batch(split.image[rows], device)
    joint_length = None
    if "region_padding" in seen:
        # Counted here, where all lies on the CPU: a student that asked the device for it would wait in every update.
        words = (~padding).sum(1).reshape(len(rows), -1).max(1)
        joint_length = int((words + (~seen["region_padding"]).sum(1).cpu().numpy()).max())
    return Batch(
        ids=torch.from_numpy(ids).to(device),
        segments=torch.from_numpy(segments).to(device),
        places=torch.from_numpy(places).to(device),
        padding=torch.from_numpy(padding).to(device),
        pixels=seen.get("pixels"),
        examples=np.asarray(rows),
        sequences=sequences,
        targets=torch.from_numpy(split.targets[rows]).to(device),
        soft=None if soft is None else torch.from_numpy(soft).to(device),
        legs=split.legs[rows],
        regions=seen.get("regions"),
        boxes=seen.get("boxes"),
        region_padding=seen.get("region_padding"),
        joint_length=joint_length,
    )
