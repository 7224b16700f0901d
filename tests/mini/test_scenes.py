import hashlib

import numpy as np
import pytest

from madbench.mini import sprites
from madbench.mini.drawing import boxes, draw
from madbench.mini.draws import Draws, generator
from madbench.mini.pretraining import CELL_FIELDS, pretraining_scenes
from madbench.mini.scenes import ACTIONS, CELL, PERSON_KINDS, PROP_KINDS, SceneStyle, sample_scene


@pytest.fixture(scope="module")
def scenes():
    draws = Draws(generator("test", 1))
    return [sample_scene(draws, SceneStyle(screened=0.2)) for _ in range(300)]


def test_people_come_first_and_left_to_right_in_columns_of_their_own(scenes):
    for scene in scenes:
        columns = [person.column for person in scene.people]
        assert columns == sorted(set(columns))
        assert scene.objects[: len(columns)] == ("person",) * len(columns)
        assert "person" not in scene.objects[len(columns) :]
        assert [(prop.column, prop.row) for prop in scene.props] == sorted(
            (prop.column, prop.row) for prop in scene.props
        )


def test_everything_has_a_cell_of_its_own(scenes):
    for scene in scenes:
        cells = [(thing.row, thing.column) for thing in (*scene.people, *scene.props)]
        assert len(set(cells)) == len(cells)


def test_boxes_stay_in_their_cells(scenes):
    for scene in scenes:
        for thing, (x1, y1, x2, y2) in zip((*scene.people, *scene.props), boxes(scene), strict=True):
            assert thing.column * CELL <= x1 < x2 <= (thing.column + 1) * CELL
            assert thing.row * CELL <= y1 < y2 <= (thing.row + 1) * CELL


def test_pixels_are_the_same_on_every_machine(scenes):
    images = draw(scenes, generator("test", 2))
    assert images.shape == (300, 64, 64, 3)
    assert hashlib.sha256(images.tobytes()).hexdigest()[:16] == "81e7ed7e7e7d65ad"


def test_drawing_in_parts_gives_the_same_pixels(scenes):
    rng = generator("test", 2)
    parts = np.concatenate([draw(scenes[:256], rng), draw(scenes[256:], rng)])
    assert np.array_equal(parts, draw(scenes, generator("test", 2)))


def test_no_two_kinds_or_actions_look_alike():
    people = sprites.people()
    looks = [mask.tobytes() for kind in people for mask in kind]
    assert len(set(looks)) == len(PERSON_KINDS) * (len(ACTIONS) + 1)
    assert len({mask.tobytes() for mask in sprites.props()}) == len(PROP_KINDS)


def test_pretraining_cells_say_what_stands_where():
    made = pretraining_scenes(40, seed=5)
    assert made.images.shape == (40, 64, 64, 3) and made.cells.shape == (40, 16, len(CELL_FIELDS))
    assert (made.cells.reshape(-1, len(CELL_FIELDS)).max(0) < list(CELL_FIELDS.values())).all()
    for scene, cells in zip(made.scenes, made.cells, strict=True):
        assert np.count_nonzero(cells[:, 0]) == len(scene.objects)
        first = scene.people[0]
        assert cells[first.row * 4 + first.column, 5] == 1


def test_another_seed_gives_other_scenes():
    assert not np.array_equal(pretraining_scenes(4, seed=1).images, pretraining_scenes(4, seed=2).images)
