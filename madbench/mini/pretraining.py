"""Scenes with captions and labels for pretraining small models, from seeds no evaluated world uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from madbench.mini.drawing import draw
from madbench.mini.draws import Draws, generator
from madbench.mini.scenes import (
    ACTIONS,
    COLOURS,
    GRID,
    HOLDABLE,
    PERSON_KINDS,
    PROP_KINDS,
    Scene,
    SceneStyle,
    sample_scene,
)
from madbench.mini.text import Caption, captions

# Fields of a cell label and how many classes each has; class 0 is "nothing" or "cannot be seen".
#   kind: people 1-4, props 5-12. colour: shirt or prop 1-8. action: 1-6, 7 behind a panel.
#   held: 1-5. held_colour: 1-8. name: 1-3, the person's place from the left (casey, riley, jessie).
CELL_FIELDS: dict[str, int] = {
    "kind": 1 + len(PERSON_KINDS) + len(PROP_KINDS),
    "colour": 1 + len(COLOURS),
    "action": 2 + len(ACTIONS),
    "held": 1 + HOLDABLE,
    "held_colour": 1 + len(COLOURS),
    "name": 4,
}


@dataclass(frozen=True)
class PretrainingSet:
    """scenes: n. images: uint8 `[n, 64, 64, 3]`. captions: per scene, several with a foil each.

    cells: uint8 `[n, 16, 6]`, cells in reading order (row * 4 + column, as a 16-pixel ViT counts its patches),
    fields in the order of `CELL_FIELDS`.
    """

    scenes: list[Scene]
    images: np.ndarray
    captions: list[list[Caption]]
    cells: np.ndarray


PRETRAINING_STYLE = SceneStyle(screened=0.1)


def pretraining_scenes(n: int, seed: int, style: SceneStyle = PRETRAINING_STYLE) -> PretrainingSet:
    """n scenes. The seed is used for pretraining only: no train, val, test or tuning image can coincide."""
    draws = Draws(generator("pretraining", seed, 0))
    scenes = [sample_scene(draws, style) for _ in range(n)]
    told = [captions(scene, draws) for scene in scenes]
    return PretrainingSet(scenes, draw(scenes, generator("pretraining", seed, 1)), told, cell_labels(scenes))


def cell_labels(scenes: Sequence[Scene]) -> np.ndarray:
    """uint8 `[n, 16, 6]`, see `PretrainingSet`."""
    cells = np.zeros((len(scenes), GRID * GRID, len(CELL_FIELDS)), np.uint8)
    for image, scene in enumerate(scenes):
        for place, person in enumerate(scene.people):
            label = (person.colour + 1, person.action + 1, person.held + 1, person.held_colour + 1)
            if person.screened:
                label = (0, len(ACTIONS) + 1, 0, 0)
            cells[image, person.row * GRID + person.column] = (person.kind + 1, *label, place + 1)
        for prop in scene.props:
            kind = 1 + len(PERSON_KINDS) + prop.kind
            cells[image, prop.row * GRID + prop.column] = (kind, prop.colour + 1, 0, 0, 0, 0)
    return cells
