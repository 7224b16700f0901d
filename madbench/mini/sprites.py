"""The little pictures: 15x14 pixel masks of layer numbers, one per way a thing can look.

Layers: 0 nothing, 1 the thing's own colour, 2 skin, 3 hair, 4 legs, 5 pale, 6 dark, 7 wood, 8 panel.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from madbench.mini.scenes import ACTIONS, PERSON_KINDS, PROP_KINDS

HEIGHT, WIDTH = 15, 14
LAYERS = {".": 0, "#": 1, "s": 2, "h": 3, "l": 4, "w": 5, "k": 6, "b": 7, "p": 8}
# layer -> red, green, blue; layer 1 is replaced by the thing's colour
LAYER_COLOURS = np.array(
    [(0, 0, 0), (0, 0, 0), (225, 175, 140), (95, 55, 30), (70, 70, 90), (195, 212, 216), (30, 30, 30), (130, 90, 50),
     (105, 125, 120)],
    dtype=np.int16,
)  # fmt: skip
COLOUR_VALUES = np.array(
    [(210, 35, 35), (35, 155, 60), (45, 75, 215), (235, 215, 45), (240, 135, 25), (145, 55, 175), (246, 246, 246),
     (24, 24, 24)],
    dtype=np.int16,
)  # fmt: skip

_PROPS = {
    "cup": """
        ..............
        ..............
        ..............
        ..#######.....
        ..#wwwww#.....
        ..#######kkk..
        ..#######..k..
        ..#######..k..
        ..#######..k..
        ..#######kkk..
        ..#######.....
        ..#######.....
        ...#####......
        ..............""",
    "book": """
        ..............
        ..............
        ..............
        .#####..#####.
        .######.#####.
        .#wwww####www#
        .######w#####.
        .#wwww#w#www#.
        .######w#####.
        .#wwww#w#www#.
        .######w#####.
        .######w#####.
        ......www.....
        ..............""",
    "umbrella": """
        ......kk......
        ....######....
        ..##########..
        .############.
        ##############
        ##.##.##.##.##
        ......kk......
        ......kk......
        ......kk......
        ......kk......
        ......kk......
        ......kk.kk...
        ......kkkkk...
        .......kkk....""",
    "kite": """
        ......##......
        .....####.....
        ....##w###....
        ...###w####...
        ..####w#####..
        ..wwwwwwwwww..
        ...###w####...
        ....##w###....
        .....#w##.....
        ......##......
        .......k......
        ......k.......
        .......k......
        ......kk......""",
    "frisbee": """
        ..............
        ..............
        ..............
        ..............
        ....######....
        ..##########..
        .####wwww####.
        .###ww##ww###.
        .###ww##ww###.
        .####wwww####.
        ..##########..
        ....######....
        ..............
        ..............""",
    "chair": """
        ..##..........
        ..##..........
        ..##..........
        ..##..........
        ..##..........
        ..##..........
        ..##########..
        ..##########..
        ..##########..
        ..bb......bb..
        ..bb......bb..
        ..bb......bb..
        ..bb......bb..
        ..bb......bb..""",
    "dog": """
        ..............
        ..............
        .........##...
        .........####.
        .#.......#k##k
        ##......######
        #########.##..
        .#########....
        .#########....
        .#########....
        .##....##.....
        .##....##.....
        .#k....#k.....
        ..............""",
    "car": """
        ..............
        ..............
        ....######....
        ...##ww#ww#...
        ..##www#www#..
        ..##www#www##.
        ##############
        ##############
        ##############
        ##############
        .kkk......kkk.
        .kwk......kwk.
        .kkk......kkk.
        ..............""",
}
# As carried in a hand: 6 rows, 5 columns.
_HELD = {
    "cup": ".....\n####.\n####k\n####k\n####.\n.##..",
    "book": "##.##\n##w##\n##w##\n##w##\n##w##\n.....",
    "umbrella": ".###.\n#####\n#####\n..k..\n..k..\n.kk..",
    "kite": "..#..\n.###.\n##w##\n.###.\n..#..\n..k..",
    "frisbee": ".....\n.###.\n##w##\n#www#\n##w##\n.###.",
}


def _mask(art: str, height: int, width: int) -> np.ndarray:
    rows = [row.strip() for row in art.strip().splitlines()]
    mask = np.zeros((height, width), np.uint8)
    for y, row in enumerate(rows):
        mask[y, : len(row)] = [LAYERS[mark] for mark in row]
    return mask


@cache
def props() -> np.ndarray:
    """uint8 [prop kinds, 15, 14]."""
    return np.stack([_mask(_PROPS[kind], HEIGHT, WIDTH) for kind in PROP_KINDS])


@cache
def held() -> np.ndarray:
    """uint8 [holdable kinds, 15, 14]: a carried thing at its place right of its person."""
    masks = np.zeros((len(_HELD), HEIGHT, WIDTH), np.uint8)
    for place, art in enumerate(_HELD.values()):
        masks[place, 3:9, 9:14] = _mask(art, 6, 5)
    return masks


@cache
def people() -> np.ndarray:
    """uint8 [kinds, actions + 1, 15, 14]; the last action is "behind a panel"."""
    poses = [[_person(kind, action) for action in (*ACTIONS, "screened")] for kind in PERSON_KINDS]
    return np.array(poses, np.uint8)


def _person(kind: str, action: str) -> np.ndarray:
    child = kind in ("boy", "girl")
    female = kind in ("woman", "girl")
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    skin, hair, legs, own = LAYERS["s"], LAYERS["h"], LAYERS["l"], LAYERS["#"]
    if action == "sleeping":
        # Lying: head left, feet right. Children are shorter.
        top = 10
        mask[top : top + 4, 0:4] = skin
        mask[top, 0:4] = hair
        mask[top : top + 4, 0] = hair
        if female:
            mask[top + 3, 0:4] = hair
            mask[14, 0:3] = hair
        length = 4 if child else 6
        mask[top : top + 4, 4 : 4 + length] = own
        mask[top + 1 : top + 3, 4 + length : 13 - 2 * child] = legs
        mask[4, 1:5] = mask[7, 1:5] = mask[5, 3] = mask[6, 2] = LAYERS["w"]  # a z
        return mask
    head = 3 if child else 0
    torso, height = head + 4, 4 if child else 5
    hips = torso + height
    mask[head : head + 4, 3:7] = skin
    mask[head, 3:7] = hair
    if female:
        mask[head : head + 5, 2] = mask[head : head + 5, 7] = hair
    mask[torso:hips, 2:8] = own
    if action == "screened":
        mask[torso:, :] = LAYERS["p"]
        mask[torso::3, :] = LAYERS["b"]
        mask[torso:, 0] = mask[torso:, 13] = LAYERS["b"]
        return mask
    if action == "sitting":
        mask[hips - 1 : hips + 1, 3:10] = legs
        mask[hips + 1 : 15, 8:10] = legs
        mask[hips + 1 : 15, 1:7] = LAYERS["b"]
    elif action == "jumping":
        mask[hips, 1:9] = legs
        mask[hips + 1, 1:3] = mask[hips + 1, 7:9] = legs
        mask[13, 2:8] = LAYERS["."]
        mask[14, 1:9] = LAYERS["k"]
    elif action == "running":
        for step, row in enumerate(range(hips, 15)):
            spread = min(step, 3)
            mask[row, max(0, 3 - spread) : 5 - spread] = legs
            mask[row, 5 + spread : 7 + spread] = legs
    elif action == "dancing":
        mask[hips:, 4:6] = legs
        mask[hips : hips + 2, 6:9] = legs
        mask[hips + 2 :, 3] = 0
    else:
        mask[hips:, 3:5] = mask[hips:, 5:7] = legs
    if female and action in ("waving", "dancing"):
        mask[hips : hips + 2, 2:8] = legs
    raised = slice(max(0, head - 2), torso + 1)
    if action == "waving":
        mask[raised, 0] = mask[torso, 1] = skin
        mask[raised.start, 1] = skin
        mask[torso : torso + 4, 8] = skin
    elif action == "dancing":
        mask[raised, 0] = mask[torso, 1] = skin
        mask[raised, 8] = skin
        mask[torso, 8] = skin
    elif action == "running":
        mask[torso + 1, 0:2] = mask[torso + 1, 8] = skin
    else:
        mask[torso : torso + 4, 1] = mask[torso : torso + 4, 8] = skin
    return mask
