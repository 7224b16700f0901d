"""The hash of a protocol covers what can change a score, and nothing else."""

from __future__ import annotations

import pytest

from madbench.protocols import Protocol, load_protocol

HASHES = {"lowshot-1pct": "024ce8a80c41", "full": "264fd3914e5a", "domainshift": "57f47ade15a8"}


def changed(**fields) -> Protocol:
    content = load_protocol("domainshift").model_dump(by_alias=True, exclude_none=True)
    return Protocol.model_validate(content | fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"summary": "other words"},
        {"provenance": {"stated": [], "ours": []}},
        {"seeds": [7]},
        {"tasks": ["vqa", "vcr", "snli_ve"]},
    ],
)
def test_prose_and_what_is_run_stay_out_of_the_hash(fields):
    assert changed(**fields).hash == load_protocol("domainshift").hash


@pytest.mark.parametrize(
    "fields",
    [
        {"version": 2},
        {"name": "other"},
        {"subset": {"fraction": 0.5, "unit": "example"}},
        {"select": {"every": 4}},
        {"eval_points": 4},
        {"image_overlap": "by-construction"},
        {"metrics": {"vqa_accuracy": "2016"}},
        {"tasks": ["vqa"]},
        {"vocabulary": "closed-3129"},
        {"training": {"vqa": "other"}},
    ],
)
def test_whatever_can_change_a_score_changes_the_hash(fields):
    assert changed(**fields).hash != load_protocol("domainshift").hash


def test_a_task_hash_ignores_the_other_tasks():
    budget = load_protocol("domainshift").model_dump()["budget"]
    other = changed(budget=budget | {"vcr": {"examples_seen": 1}})
    same = load_protocol("domainshift")
    assert other.task_hash("vqa") == same.task_hash("vqa")
    assert other.task_hash("vcr") != same.task_hash("vcr")


def test_a_rule_for_every_task_is_the_rule_under_each():
    shared = changed(select={"every": 4})
    each = changed(select={task: {"every": 4} for task in ("vcr", "snli_ve", "vqa")})
    assert shared.hash == each.hash


def test_a_protocol_cannot_be_changed_after_loading():
    with pytest.raises(ValueError, match="frozen"):
        load_protocol("full").version = 3


def test_a_field_that_came_later_leaves_older_hashes_alone():
    """Records of version 1 protocols exist; these hashes stand in them."""
    hashes = {name: load_protocol(name).hash[:12] for name in ("lowshot-1pct", "full", "domainshift")}
    assert hashes == HASHES


def carving(**condition) -> Protocol:
    conditions = load_protocol("full").model_dump(exclude_none=True)["conditions"]
    conditions["vqa"] = [{"name": "id", "kind": "split", **condition}, {"name": "val", "kind": "split"}]
    return changed(conditions=conditions)


def test_a_fraction_of_the_images_cannot_select_within_a_fraction_of_the_images():
    """Both are the front of one order: of 5 % of the images, 2 % of all would be two fifths."""
    small, of_images = {"fraction": 0.05, "unit": "image"}, {"vqa": {"images": 0.02}}
    with pytest.raises(ValueError, match=r"select\.vqa: .* 40% of the subset would select and not 2%; use `every: 5`"):
        changed(subset=small, select=of_images, tasks=["vqa"])
    single_rows = {"fraction": 0.05, "unit": "example"}
    assert changed(subset=single_rows, select=of_images, tasks=["vqa"]).select["vqa"].images == 0.02
    assert changed(subset=small, select={"vcr": {"movies": 0.05}}, tasks=["vcr"]).select["vcr"].movies == 0.05


def test_a_part_of_the_training_split_can_be_carved_out_and_reported():
    assert carving(split="train", images=0.02).conditions["vqa"][0].images == 0.02
    with pytest.raises(ValueError, match="training split cannot be reported"):
        carving(split="train")
    with pytest.raises(ValueError, match="out of the training split only"):
        carving(split="test", images=0.02)
