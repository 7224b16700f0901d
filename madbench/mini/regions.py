"""What an object detector would have seen in mini's pictures, in the one layout of `madbench.tasks.regions`.

One region for each object, in tag order. Its feature is a sum of fixed random codes, one for each thing that can be
seen of it (kind, colour, and of a person the action and what is held), with some of the sum lost and noise added: what
is behind a panel is not in it, nor anything that was asked. Codes and noise are sparse and small multiples of 1/8, as
detector features are non-negative and mostly near zero; that makes a file small.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from madbench.mini import snli_ve_world, vcr_files, vqa_files
from madbench.mini.drawing import boxes
from madbench.mini.draws import generator
from madbench.mini.scenes import ACTIONS, COLOURS, HOLDABLE, PERSON_KINDS, PROP_KINDS, SIDE, Person, Prop, Scene
from madbench.tasks.contract import Regions
from madbench.tasks.regions import FOLDER, SUFFIX, save

__all__ = ["CLASSES", "FOLDER", "WIDTH", "detect", "is_complete", "write"]

# Raise it whenever a code or a file changes: what lies in MADBENCH_HOME is then written again.
VERSION = "mini-regions-1"
STAMP = "COMPLETE"
WIDTH = 2048
CLASSES = ("person", *PROP_KINDS)  # what `Regions.classes` counts
CHUNK = 256

# A name for everything that can be seen of one object, and for how many values.
_SEEN = {
    "person": len(PERSON_KINDS),
    "prop": len(PROP_KINDS),
    "colour": len(COLOURS),
    "action": len(ACTIONS),
    "held": HOLDABLE,
    "held colour": len(COLOURS),
    "panel": 1,
}
_FIRST = {name: sum(list(_SEEN.values())[:place]) for place, name in enumerate(_SEEN)}
_CODED = 48  # of the 2048 numbers, by each code
_LOST = 26  # of 256: codes that do not come through
_NOISY = 12  # of 256: places with noise

_WORLDS = {"vcr": (1, vcr_files), "snli_ve": (2, snli_ve_world), "vqa": (3, vqa_files)}


def write(task: str, out: Path, seed: int, images: Mapping[str, int]) -> None:
    """Write the regions of a world below `out`, which must exist. images: split -> number of images, as it was made."""
    number, world = _WORLDS[task]
    for split, n in images.items():
        _, scenes = world.draw_scenes(split, seed, n)
        rng = generator("regions", 1, seed, number, world.SPLITS.index(split))
        for name, regions in zip(world.image_names(split, n), detect(scenes, rng), strict=True):
            path = out / f"{name}{SUFFIX}"
            path.parent.mkdir(exist_ok=True)
            with open(path, "wb") as stream:
                save(stream, regions, path, compress=True)
    (out / STAMP).write_text(f"{VERSION} seed {seed}\n", encoding="utf-8")


def is_complete(folder: Path, seed: int) -> bool:
    """Whether a folder holds all regions of a world, in this version."""
    stamp = folder / STAMP
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == f"{VERSION} seed {seed}\n"


def detect(scenes: Sequence[Scene], rng: np.random.Generator) -> Iterator[Regions]:
    """The regions of each scene: features `[objects, 2048]` float16, in tag order."""
    codes = _codes()
    for start in range(0, len(scenes), CHUNK):
        chunk = scenes[start : start + CHUNK]
        things = [(*scene.people, *scene.props) for scene in chunk]
        flat = [thing for group in things for thing in group]
        seen = np.zeros((len(flat), len(codes)), np.float32)
        for row, thing in enumerate(flat):
            seen[row, _visible(thing)] = 1
        features = seen @ codes  # exact: small multiples of 1/8
        random = np.frombuffer(rng.bytes(features.size * 2), np.uint8).reshape(2, *features.shape)
        features[random[0] < _LOST] = 0
        features += np.where(random[1] < _NOISY, random[1] + np.float32(1), 0) / 8
        confidences = (153 + np.frombuffer(rng.bytes(len(flat)), np.uint8) % 100).astype(np.float32) / 256
        first = 0
        for scene, group in zip(chunk, things, strict=True):
            rows = slice(first, first + len(group))
            yield Regions(
                np.array(boxes(scene), np.float32) / SIDE,
                features[rows].astype(np.float16),
                confidences[rows],
                np.array([CLASSES.index(name) for name in scene.objects], np.int64),
            )
            first += len(group)


def _visible(thing: Person | Prop) -> list[int]:
    """Which codes an object shows. A screened person shows its kind and the panel."""
    if isinstance(thing, Prop):
        seen = {"prop": thing.kind, "colour": thing.colour}
    elif thing.screened:
        seen = {"person": thing.kind, "panel": 0}
    else:
        seen = {"person": thing.kind, "colour": thing.colour, "action": thing.action}
        if thing.held >= 0:
            seen |= {"held": thing.held, "held colour": thing.held_colour}
    return [_FIRST[name] + value for name, value in seen.items()]


@cache
def _codes() -> np.ndarray:
    """float32 `[codes, 2048]`: each has 48 numbers of 0.5 to 2 at places of its own."""
    rng = generator("regions", 0)
    codes = np.zeros((sum(_SEEN.values()), WIDTH), np.float32)
    for code in codes:
        places = rng.random(WIDTH).argsort()[:_CODED]
        code[places] = (4 + np.floor(rng.random(_CODED) * 13)) / 8
    return codes
