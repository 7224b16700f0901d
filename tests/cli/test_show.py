"""`madbench show`: the resolved card."""

from __future__ import annotations

import json

import pytest

from madbench.protocols import load_protocol


def test_a_protocol_card_is_resolved_and_carries_its_hash(madbench):
    card = json.loads(madbench("show", "protocol", "domainshift", "--json").out)
    assert card["hash"] == load_protocol("domainshift").hash
    assert card["content"]["subset"] == {"fraction": 1.0, "unit": "image"}
    assert card["stated"] and card["ours"]
    assert card["file"].endswith("domainshift.yaml")


def test_the_text_says_which_is_whose(madbench):
    text = madbench("show", "protocol", "lowshot-1pct").out
    assert text.startswith("protocol lowshot-1pct@1\n")
    assert "stated by a public source:" in text and "our reading, our choice:" in text


def test_a_model_card_shows_the_options_of_each_profile(madbench):
    card = json.loads(madbench("show", "model", "mad", "--json").out)
    assert set(card["options"]) == {"mini", "real"}
    assert set(card["options"]["mini"]) == {"vcr", "snli_ve", "vqa"}
    assert all(len(digest) == 64 for digests in card["hash"].values() for digest in digests.values())
    assert card["ours"], "what of MAD is our reading must be said"


@pytest.mark.parametrize(
    ("kind", "name", "hint"), [("model", "mda", "did you mean 'mad'?"), ("protocol", "ful", "did you mean 'full'?")]
)
def test_an_unknown_name_exits_2_with_a_hint(madbench, kind, name, hint):
    result = madbench("show", kind, name)
    assert result.code == 2 and hint in result.err
    assert len(result.err.splitlines()) == 2


def test_a_version_that_is_not_there_exits_2(madbench):
    assert madbench("show", "protocol", "full@1").code == 0
    assert madbench("show", "protocol", "full@2").code == 2


def test_a_shift_shows_its_card_for_every_task_that_has_it(madbench):
    cards = json.loads(madbench("show", "shift", "blur-3", "--json").out)
    assert [one["task"] for one in cards] == ["snli_ve", "vcr", "vqa"]
    text = madbench("show", "shift", "ce-easy").out
    assert text.startswith("shift ce-easy of vqa\n") and "Leak:" in text
    assert "file vqace-hard: hard.json or vqace/hard.json" in text


@pytest.mark.parametrize("name", ["cp-test", "rephrasings", "vs-qt-kw", "gqa-ood-testdev-tail", "vs-*"])
def test_a_set_with_files_of_its_own_has_a_card_too(madbench, name):
    text = madbench("show", "shift", name).out
    assert text.startswith(f"split {name} of vqa\n") and "Source:" in text


def test_an_unknown_shift(madbench):
    result = madbench("show", "shift", "ve-hrad")
    assert result.code == 2 and "did you mean 've-hard'?" in result.err
