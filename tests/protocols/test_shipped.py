"""The protocols that ship: their decisions, and what keeps them comparable with each other."""

from __future__ import annotations

import json

import pytest

from madbench.home import shipped
from madbench.protocols import PROTOCOLS, load_protocol
from madbench.protocols.loading import json_schema_text

LOWSHOT = ("lowshot-1pct", "lowshot-5pct", "lowshot-10pct")
CLOSED = ("full-closed-vocabulary", "lowshot-1pct-closed-vocabulary")
# trained as `full`, for one task or all; and trained on a set of their own
AS_FULL = (
    "corruptions",
    "domainshift",
    "domainshift-adversarial",
    "domainshift-gqa-ood",
    "domainshift-ve",
    "domainshift-vqa",
)
OWN_TRAINING = ("domainshift-vqacp", "domainshift-vqavs")
NAMES = (*AS_FULL, *OWN_TRAINING, "full", "full-published", *CLOSED, *LOWSHOT)


def test_the_protocols_are_listed_and_the_base_is_not():
    assert {entry.name for entry in PROTOCOLS.entries()} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_says_what_a_source_states_and_what_is_ours(name):
    protocol = load_protocol(name)
    assert protocol.provenance.stated and protocol.provenance.ours
    assert protocol.summary


@pytest.mark.parametrize("name", NAMES)
def test_the_reported_split_never_selects(name):
    protocol = load_protocol(name)
    for task in protocol.tasks:
        rule = protocol.select.get(task)
        reported = {condition.source_split for condition in protocol.conditions[task] if condition.kind == "split"}
        assert rule is None or rule.split not in reported


def test_one_percent_trains_on_all_its_labels_and_scores_the_last_step():
    protocol = load_protocol("lowshot-1pct")
    assert protocol.selection == "last" and protocol.eval_points == 1
    assert all(protocol.select.get(task) is None for task in protocol.tasks)


@pytest.mark.parametrize("name", ["lowshot-5pct", "lowshot-10pct"])
def test_five_and_ten_percent_select_on_every_fifth_unit(name):
    protocol = load_protocol(name)
    assert protocol.selection == "id-val"
    assert {protocol.select[task].every for task in protocol.tasks} == {5}


def test_low_shot_protocols_differ_in_fraction_and_selection_only():
    different = {"name", "version", "subset", "select", "selection", "eval_points"}
    contents = [load_protocol(name).scoring_content() for name in LOWSHOT]
    rest = [{key: value for key, value in content.items() if key not in different} for content in contents]
    assert rest[0] == rest[1] == rest[2]
    assert [load_protocol(name).subset.fraction for name in LOWSHOT] == [0.01, 0.05, 0.1]
    assert all(load_protocol(name).draws == [0, 1, 2, 3, 4] for name in LOWSHOT)


@pytest.mark.parametrize("name", AS_FULL)
def test_domainshift_trains_exactly_as_full_does(name):
    full, shifted = load_protocol("full"), load_protocol(name)
    assert set(shifted.tasks) <= set(full.tasks)
    for field in (
        "subset",
        "select",
        "selection",
        "budget",
        "eval_points",
        "draws",
        "seeds",
        "text_rendering",
    ):
        assert getattr(full, field) == getattr(shifted, field)


@pytest.mark.parametrize("name", OWN_TRAINING)
def test_a_set_with_a_training_of_its_own_selects_and_reports_within_it(name):
    protocol, full = load_protocol(name), load_protocol("full")
    training = protocol.training_split("vqa")
    family = training.removesuffix("train")
    assert protocol.tasks == ["vqa"] and family in ("cp-", "vs-")
    assert all(one.source_split.startswith(family) for one in protocol.conditions["vqa"])
    assert protocol.select["vqa"].images == 0.02 or protocol.select["vqa"].split == f"{family}val"
    assert protocol.image_overlap == "by-construction"
    for field in ("subset", "selection", "eval_points", "draws", "seeds", "metrics"):
        assert getattr(full, field) == getattr(protocol, field)
    assert protocol.budget["vqa"] == full.budget["vqa"]


def test_the_unshifted_rows_of_vqa_cp_are_carved_out_of_its_training_split():
    identity, shifted = load_protocol("domainshift-vqacp").conditions["vqa"]
    assert (identity.name, identity.source_split, identity.images) == ("id", "cp-train", 0.02)
    assert (shifted.name, shifted.kind, shifted.images) == ("cp-test", "split", None)


def test_every_task_gets_the_same_corruptions():
    conditions = load_protocol("corruptions").conditions
    kinds = ["gaussian-noise-3", "blur-3", "jpeg-3", "contrast-3"]
    assert all([one.name for one in conditions[task][1:]] == kinds for task in ("vcr", "snli_ve", "vqa"))


def test_full_selects_as_published_splits_allow():
    select = load_protocol("full").select
    assert (select["vcr"].movies, select["snli_ve"].split, select["vqa"].images) == (0.05, "dev", 0.02)


@pytest.mark.parametrize("name", ["domainshift", *LOWSHOT])
def test_shifted_columns_stand_beside_the_split_they_shift(name):
    conditions = load_protocol(name).conditions
    named = {task: [(one.name, one.kind, one.of) for one in conditions[task]] for task in conditions}
    assert named == {
        "vcr": [("val", "split", None), ("rule-singular", "transform", "val"), ("rule-plural", "transform", "val")],
        "snli_ve": [("test", "split", None), ("ve-hard", "rows", "test")],
        "vqa": [("val", "split", None), ("changed-prior", "rows", "val")],
    }


def test_the_adversarial_columns_stand_beside_val():
    conditions = load_protocol("domainshift-adversarial").conditions["vcr"]
    modes = [("adv-top1", "val"), *((f"keep-top{kept}", "val") for kept in (1, 3, 5))]
    assert [(one.name, one.of) for one in conditions] == [("val", None), *modes]


@pytest.mark.parametrize("name", CLOSED)
def test_a_closed_vocabulary_is_all_that_differs(name):
    closed, plain = load_protocol(name), load_protocol(name.removesuffix("-closed-vocabulary"))
    assert closed.vocabulary == "closed-3129" and closed.tasks == ["vqa"]
    content, other = closed.scoring_content(), plain.scoring_content()
    for one in (content, other):
        for field in ("select", "budget", "conditions"):
            one[field] = one[field]["vqa"]
    assert {key for key in content | other if content.get(key) != other.get(key)} == {"name", "tasks", "vocabulary"}


def test_room_for_published_trainings_is_all_that_differs_from_full():
    content, other = load_protocol("full-published").scoring_content(), load_protocol("full").scoring_content()
    assert {key for key in content | other if content.get(key) != other.get(key)} == {"name", "budget"}


def test_every_shift_of_a_protocol_exists_and_is_of_the_kind_it_says():
    from madbench.registry import TASKS

    for name in NAMES:
        for task, conditions in load_protocol(name).conditions.items():
            shifts = TASKS.load(task).shifts()
            for condition in conditions:
                if condition.kind != "split":
                    assert shifts[condition.shift_name].kind == condition.kind


def test_the_schema_for_editors_is_current():
    written = (shipped("protocols") / "schema.json").read_text(encoding="utf-8")
    assert json.loads(written) == json.loads(json_schema_text()), (
        "protocols/schema.json is stale; write madbench.protocols.loading.json_schema_text() into it"
    )


def test_every_shipped_file_names_the_schema_on_its_first_line():
    for path in shipped("protocols").glob("*.yaml"):
        assert path.read_text(encoding="utf-8").splitlines()[0] == "# yaml-language-server: $schema=schema.json"
