"""Mini's region features: what can be seen is in them, what is hidden or asked is not."""

from dataclasses import replace

import numpy as np
import pytest

from madbench.mini import build, regions
from madbench.mini.draws import Draws, generator
from madbench.mini.scenes import COLOURS, HOLDABLE, SceneStyle, sample_scene
from madbench.registry import TASKS
from madbench.tasks.regions import read_regions
from madbench.tasks.sources import locate

TINY = {"vcr": {"train": 4, "val": 3}, "snli_ve": {"train": 4, "dev": 3}, "vqa": {"train": 4, "val": 3}}


@pytest.fixture
def tiny_home(tmp_path, monkeypatch):
    monkeypatch.setenv("MADBENCH_HOME", str(tmp_path))
    monkeypatch.setattr(build, "SIZES", TINY)
    return tmp_path


def contents(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("task", build.TASKS)
def test_every_picture_has_regions_where_the_rows_look_for_them(tiny_home, task):
    root = build.ensure(task)
    before = contents(root)
    assert not any("regions" in name for name in before)  # nothing of it in the first run
    assert locate(TASKS.load(task), root).regions is None
    folder = build.ensure_regions(task)
    assert folder == root / "regions"
    assert {name: one for name, one in contents(root).items() if not name.startswith("regions/")} == before
    layout = locate(TASKS.load(task), root)
    assert layout.regions == folder
    paths = set()
    for split in TINY[task]:
        for row in TASKS.load(task).read(layout, split):
            found = read_regions(row.region_path)
            assert found.features.shape == (len(found.boxes), 2048)
            if task == "vcr":  # region i is object i
                assert [regions.CLASSES[one] for one in found.classes] == list(row.objects)
            paths.add(row.region_path)
    assert len(paths) == len(list(folder.rglob("*.npz"))) == sum(TINY[task].values())


def test_regions_are_written_once_and_again_for_another_version(tiny_home, monkeypatch):
    folder = build.ensure_regions("vqa")
    first, made = contents(folder), folder.stat().st_ino
    assert build.ensure_regions("vqa").stat().st_ino == made
    monkeypatch.setattr(regions, "VERSION", "another")
    assert build.ensure_regions("vqa").stat().st_ino != made
    assert {name: one for name, one in contents(folder).items() if name != "COMPLETE"} == {
        name: one for name, one in first.items() if name != "COMPLETE"
    }
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".")] == []


def scenes(number, n, style):
    draws = Draws(generator("test", number))
    return [sample_scene(draws, style) for _ in range(n)]


def detected(some, number):
    return list(regions.detect(some, generator("test", 100 + number)))


def nearest(train, train_labels, test):
    """The label whose mean feature is nearest, by cosine."""
    labels = np.array(train_labels)
    means = np.stack([train[labels == one].mean(0) for one in np.unique(labels)])
    means -= means.mean(0)
    similarity = test @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T
    return np.unique(labels)[similarity.argmax(1)]


def test_class_and_colour_can_be_read_from_a_feature():
    """A nearest-mean probe, on pictures it has not seen: the class nearly always, a prop's colour mostly."""
    style = SceneStyle(screened=0.2)
    sets = []
    for number, n in ((1, 600), (2, 150)):
        some = scenes(number, n, style)
        found = detected(some, number)
        classes = np.concatenate([one.classes for one in found])
        features = np.concatenate([one.features for one in found]).astype(np.float32)
        colours = [thing.colour for scene in some for thing in (*scene.people, *scene.props)]
        sets.append((features, classes, np.array(colours)))
    (train, train_classes, train_colours), (test, test_classes, test_colours) = sets
    assert np.mean(nearest(train, train_classes, test) == test_classes) > 0.97
    props, seen = test_classes > 0, train_classes > 0
    found = nearest(train[seen], train_colours[seen], test[props])
    assert np.mean(found == test_colours[props]) > 0.9 > 3 / len(COLOURS)


def test_what_is_behind_a_panel_is_not_in_the_feature():
    scene = next(one for one in scenes(3, 50, SceneStyle(screened=1)) if one.people[0].held >= 0)
    person = scene.people[0]
    other = replace(
        person,
        colour=(person.colour + 1) % len(COLOURS),
        action=(person.action + 1) % 6,
        held=(person.held + 1) % HOLDABLE,
        held_colour=(person.held_colour + 1) % len(COLOURS),
    )
    changed = replace(scene, people=(other, *scene.people[1:]))
    one, two = detected([scene], 4)[0], detected([changed], 4)[0]
    assert one.features.tobytes() == two.features.tobytes() and one.boxes.tobytes() == two.boxes.tobytes()
    shown = [replace(thing, screened=False) for thing in (person, other)]
    seen = [detected([replace(scene, people=(one, *scene.people[1:]))], 4)[0] for one in shown]
    assert seen[0].features.tobytes() != seen[1].features.tobytes()


def test_two_objects_that_look_alike_differ_by_their_noise():
    scene = scenes(5, 1, SceneStyle())[0]
    one, two = detected([scene, scene], 5)
    assert one.boxes.tobytes() == two.boxes.tobytes() and one.features.tobytes() != two.features.tobytes()


def test_the_command_writes_them_when_asked(tiny_home, madbench):
    out = tiny_home / "out"
    result = madbench("data", "mini", "--out", out, "--regions")
    assert result.code == 0 and f"vqa: {out / 'vqa' / 'regions'}" in result.out
    for task in build.TASKS:
        assert contents(out / task / "regions") == contents(build.ensure_regions(task))
    assert madbench("data", "mini", "--card", "--regions").code == 2
