"""Scenes to pixels: 64x64 RGB, drawn in vectorised chunks, thousands a second, the same bytes everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from madbench.mini import sprites
from madbench.mini.scenes import CELL, HOLDABLE, PERSON_KINDS, PROP_KINDS, SIDE, Person, Prop, Scene

CHUNK = 256
# A random byte to noise: the sum of two numbers 0..7, less 7.
_NOISE = np.array([(byte & 7) + ((byte >> 4) & 7) - 7 for byte in range(256)], np.int16)
_POSES = sprites.people().shape[1]
_FIRST_PROP = len(PERSON_KINDS) * _POSES
_FIRST_HELD = _FIRST_PROP + len(PROP_KINDS)


@cache
def _all_sprites() -> np.ndarray:
    """uint8 [sprites, 15, 14]: people by kind and pose, then props, then carried props."""
    flat = sprites.people().reshape(-1, sprites.HEIGHT, sprites.WIDTH)
    return np.concatenate([flat, sprites.props(), sprites.held()[:HOLDABLE]])


def draw(scenes: Sequence[Scene], rng: np.random.Generator) -> np.ndarray:
    """uint8 [scenes, 64, 64, 3]. The generator gives the pixel noise (triangular, standard deviation about 3)."""
    images = np.empty((len(scenes), SIDE, SIDE, 3), np.uint8)
    for start in range(0, len(scenes), CHUNK):
        images[start : start + CHUNK] = _draw_chunk(scenes[start : start + CHUNK], rng)
    return images


def boxes(scene: Scene) -> list[list[float]]:
    """`[x1, y1, x2, y2]` in pixels for each object in tag order; the painted pixels touch all four sides."""
    found = []
    for thing in (*scene.people, *scene.props):
        top, bottom, left, right = _extent(_sprite(thing))
        if isinstance(thing, Person) and thing.held >= 0 and not thing.screened:
            more = _extent(_FIRST_HELD + thing.held)
            top, bottom = min(top, more[0]), max(bottom, more[1])
            left, right = min(left, more[2]), max(right, more[3])
        x, y = thing.column * CELL + thing.dx, thing.row * CELL + thing.dy
        found.append([float(x + left), float(y + top), float(x + right), float(y + bottom)])
    return found


@cache
def _extent(sprite: int) -> tuple[int, int, int, int]:
    """top, bottom, left, right; bottom and right are exclusive."""
    mask = _all_sprites()[sprite] > 0
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _sprite(thing: Person | Prop) -> int:
    if isinstance(thing, Prop):
        return _FIRST_PROP + thing.kind
    return thing.kind * _POSES + (_POSES - 1 if thing.screened else thing.action)


def _draw_chunk(scenes: Sequence[Scene], rng: np.random.Generator) -> np.ndarray:
    n = len(scenes)
    base = np.array([scene.background for scene in scenes], np.int16)  # (n, 3)
    slope = np.array([scene.slope for scene in scenes], np.int16)
    rows = np.arange(SIDE, dtype=np.int16) - SIDE // 2
    ramp = slope[:, None] * rows // (SIDE // 2)  # (n, 64)
    canvas = np.empty((n, SIDE, SIDE, 3), np.int16)
    canvas[:] = (base[:, None] + ramp[:, :, None])[:, :, None]
    bodies, carried = [], []
    for image, scene in enumerate(scenes):
        for thing in (*scene.people, *scene.props):
            place = (image, thing.row * CELL + thing.dy, thing.column * CELL + thing.dx)
            bodies.append((*place, _sprite(thing), thing.colour, thing.shade))
            if isinstance(thing, Person) and thing.held >= 0 and not thing.screened:
                carried.append((*place, _FIRST_HELD + thing.held, thing.held_colour, thing.shade))
    _paint(canvas, bodies)
    _paint(canvas, carried)  # after the bodies: a carried thing lies over its person
    noise = np.frombuffer(rng.bytes(canvas.size), np.uint8).reshape(canvas.shape)
    canvas += _NOISE[noise]
    return canvas.clip(0, 255).astype(np.uint8)


def _paint(canvas: np.ndarray, things: list[tuple[int, ...]]) -> None:
    if not things:
        return
    image, top, left, sprite, colour, shade = np.array(things, np.int64).T
    palette = np.repeat(sprites.LAYER_COLOURS[None], len(things), 0)  # (things, layers, 3)
    palette[:, 1] = sprites.COLOUR_VALUES[colour]
    palette += shade[:, None, None].astype(np.int16)
    masks = _all_sprites()[sprite]
    thing, y, x = np.nonzero(masks)
    canvas[image[thing], top[thing] + y, left[thing] + x] = palette[thing, masks[thing, y, x]]
