"""What a record says of the gates of a training."""

from __future__ import annotations

from madbench.models.finetune_gates import gates_story


def test_gates_decided_before_training_are_what_they_are():
    assert gates_story("gates off 2 of 3, on: text-encoder", []) == "gates off 2 of 3, on: text-encoder"


def test_gates_decided_on_select_are_told_from_update_to_update():
    off, one = "gates off 3 of 3", "gates off 2 of 3, on: text-encoder"
    assert gates_story(off, [(1000, off)]) == "all on to update 1,000; then gates off 3 of 3"
    assert gates_story(off, [(10, off), (20, off)]) == "all on to update 10; then gates off 3 of 3"
    assert (
        gates_story(off, [(10, one), (20, one), (30, off)])
        == "all on to update 10; gates off 2 of 3, on: text-encoder to 30; then gates off 3 of 3"
    )
