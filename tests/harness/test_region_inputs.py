"""A model that reads region features: mini makes them, other sources are asked for them, and it sees them."""

import numpy as np
import pytest

from madbench.errors import DataMalformed, DataMissing
from madbench.harness import run
from madbench.harness.data import choose_sources
from madbench.harness.plan import Request, make_plan
from madbench.mini import build
from madbench.plugins import load_plugin
from madbench.tasks.contract import Regions
from madbench.tasks.regions import write_regions
from madbench.tasks.sources import parse_data

PLUGIN = """
import json

import numpy as np

import madbench

SEEN = {seen!r}


@madbench.register_model("region-reader")
class RegionReader(madbench.ModelAdapter):
    needs = frozenset({{"regions"}})

    def predict(self, split):
        found = [example.image.regions() for example in split]
        with open(SEEN, "a") as stream:
            for one in found:
                stream.write(json.dumps([len(one.boxes), one.features.shape[1], str(one.features.dtype)]) + "\\n")
        return np.random.default_rng(0).random((len(split), split.n_choices))
"""
SIZES = {
    "vcr": {"train": 80, "val": 4},
    "snli_ve": {"train": 80, "dev": 4, "test": 4},
    "vqa": {"train": 80, "val": 4},
}
CORRUPT = "{name: noisy, kind: transform, of: val, shift: gaussian-noise-3}"


@pytest.fixture
def reader(tmp_path, bench):
    """`bench` with an adapter that needs regions; what it saw lies in `seen`."""
    bench.plugin.write_text(PLUGIN.format(seen=str(tmp_path / "seen.jsonl")))
    bench.seen = tmp_path / "seen.jsonl"
    load_plugin(str(bench.plugin))
    return bench


def regions(n=2):
    boxes = np.tile(np.array([[0.1, 0.1, 0.9, 0.9]], np.float32), (n, 1))
    return Regions(boxes, np.ones((n, 16), np.float16), np.full(n, 0.5, np.float32))


def write_all(root):
    for split, first, count in (("train2014", 0, 40), ("val2014", 1000, 12)):
        for image in range(first, first + count):
            write_regions(root / "regions" / f"COCO_{split}_{image:012d}.npz", regions())


def refusal(bench, **options):
    request = Request(
        models=["region-reader"], protocols=[bench.protocol(**options)], data=[f"vqa={bench.data}"], out=bench.out
    )
    (refused,) = make_plan(request).refusals
    return refused.error


@pytest.mark.parametrize("task", build.TASKS)
def test_on_mini_the_regions_are_made_and_seen(reader, monkeypatch, task):
    monkeypatch.setattr(build, "SIZES", SIZES)
    result = run("region-reader", "lowshot-10pct", task=task, data="mini", out=reader.out, limit=8, quiet=True)
    assert result.exit_code == 0
    seen = reader.seen.read_text().splitlines()
    assert seen and all('2048, "float32"' in line for line in seen)


def test_a_model_that_needs_none_makes_none(bench, monkeypatch):
    monkeypatch.setattr(build, "SIZES", SIZES)
    source = choose_sources(parse_data(["mini"]), ["vqa"], []).by_task["vqa"]
    bench.run(model="coin", data="mini", task="vqa", limit=8)
    assert not (source.root / "regions").exists()


def test_a_source_with_regions_and_no_images_is_enough(reader):
    write_all(reader.data)
    assert reader.run(model="region-reader").exit_code == 0
    assert set(reader.seen.read_text().splitlines()) == {'[2, 16, "float32"]'}


def test_a_source_without_regions_is_told_the_command_and_the_page(reader):
    error = refusal(reader)
    assert isinstance(error, DataMissing) and "has no folder regions/" in error.what
    assert "madbench data convert-features" in error.fix and "docs/region-features.md" in error.fix


def test_missing_files_are_counted_by_split_with_one_named(reader):
    write_all(reader.data)
    for image in (1003, 1004):
        (reader.data / "regions" / f"COCO_val2014_{image:012d}.npz").unlink()
    error = refusal(reader)
    assert "2 of 12 files of the vqa split val" in error.what
    assert error.what.endswith("COCO_val2014_000000001003.npz")


def test_regions_that_arrive_later_are_found_by_the_same_command(reader):
    refusal(reader)
    write_all(reader.data)
    assert reader.run(model="region-reader").exit_code == 0


def test_a_file_of_the_wrong_kind_is_found_before_the_start(reader):
    write_all(reader.data)
    (reader.data / "regions" / "COCO_val2014_000000001000.npz").write_bytes(b"something else")
    error = refusal(reader)
    assert isinstance(error, DataMalformed) and "val2014_000000001000.npz" in str(error)


def test_there_are_no_regions_of_corrupted_images(reader):
    write_all(reader.data)
    reader.data.joinpath("val2014").mkdir()
    error = refusal(reader, conditions=["{name: val, kind: split}", CORRUPT])
    assert "condition 'noisy' corrupts the images" in error.what
