"""The hash of a protocol covers what can change a score, and nothing else."""

from __future__ import annotations

import pytest

from madbench.protocols import Protocol, load_protocol


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
        {"subset": {"fraction": 0.5}},
        {"select": {"every": 4}},
        {"eval_points": 4},
        {"image_overlap": "by-construction"},
        {"metrics": {"vqa_accuracy": "2016"}},
        {"tasks": ["vqa"]},
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
