"""The adversarial operators equal the authors' tools, given the same losses."""

import pytest

from madbench.errors import DataMalformed, UsageError
from madbench.tasks.vcr.adversarial import hidden_positions, hide, hide_in_record

MODES = {
    "adv-top1": "remove_shortcut",
    "keep-top1": "keep_shortcut_1",
    "keep-top3": "keep_shortcut_3",
    "keep-top5": "keep_shortcut_5",
}


@pytest.mark.parametrize("mode", MODES)
def test_all_golden_rows(golden, mode):
    for line in golden:
        changed = hide_in_record(line["annot"], line["losses"], mode)
        expected = line["adversarial"][MODES[mode]]
        assert changed["answer_choices"] == expected["answer"]
        assert changed["rationale_choices"] == expected["rationale"]
        assert {k: v for k, v in changed.items() if "choices" not in k} == {
            k: v for k, v in line["annot"].items() if "choices" not in k
        }


def test_ties_are_broken_by_position():
    assert hidden_positions([1.0, 2.0, 2.0], "adv-top1") == {1}
    assert hidden_positions([2.0, 2.0, 1.0, 2.0], "keep-top1") == {0, 1, 2}
    assert hidden_positions([2.0, 1.0, 2.0, 2.0], "keep-top3") == {1}


def test_short_choices_keep_everything_but_the_removed_word():
    assert hidden_positions([1.0, 2.0], "keep-top3") == frozenset()
    assert hidden_positions([], "adv-top1") == frozenset()


def test_a_group_keeps_its_length():
    assert hide(("a", (0, 1), "b"), {0, 2}) == ("[MASK]", (0, 10_001), "b")


def test_the_correct_choice_can_be_left_alone(golden):
    line = golden[0]
    changed = hide_in_record(line["annot"], line["losses"], "keep-top1", only_distractors=True)
    for part in ("answer", "rationale"):
        label = line["annot"][f"{part}_label"]
        for place in range(4):
            same = changed[f"{part}_choices"][place] == line["annot"][f"{part}_choices"][place]
            assert same == (place == label)


def test_losses_of_another_row_are_refused(golden):
    with pytest.raises(DataMalformed, match="do not fit"):
        hide_in_record(golden[0]["annot"], golden[1]["losses"], "adv-top1")
    with pytest.raises(UsageError, match="did you mean 'adv-top1'"):
        hide_in_record(golden[0]["annot"], golden[0]["losses"], "adv-top")
