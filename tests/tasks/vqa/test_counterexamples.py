import json

import pytest

from madbench.errors import DataMalformed
from madbench.tasks.contract import ShiftInputs
from madbench.tasks.sources import locate
from madbench.tasks.vqa.counterexamples import COUNTEREXAMPLES, HARD, SHIFTS, read_ids, select
from madbench.tasks.vqa.task import TASK


@pytest.fixture
def lists(tmp_path):
    """Write both lists: `lists([1, 2], [3])` -> files."""

    def make(counterexamples, hard):
        files = {COUNTEREXAMPLES: tmp_path / "counterexamples.json", HARD: tmp_path / "hard.json"}
        files[COUNTEREXAMPLES].write_text(json.dumps(counterexamples))
        files[HARD].write_text(json.dumps(hard))
        return files

    return make


def test_the_three_sets_make_up_the_split(root):
    layout = locate(TASK, root)
    rows = TASK.read(layout, "val")
    inputs = ShiftInputs(lambda: [], layout.extras)
    found = {name: shift.apply(rows, inputs) for name, shift in SHIFTS.items()}
    assert found["ce-counterexamples"] == ["910101000", "910103000"]
    assert found["ce-hard"] == ["910102001"]
    assert sorted(one for ids in found.values() for one in ids) == sorted(row.example_id for row in rows)
    assert SHIFTS["ce-easy"].about(rows, inputs) == {"listed": {"counterexamples.json": 2, "hard.json": 1}}


def test_each_needs_the_lists_it_is_made_of():
    assert {name: shift.files for name, shift in SHIFTS.items()} == {
        "ce-counterexamples": (COUNTEREXAMPLES,),
        "ce-hard": (HARD,),
        "ce-easy": (COUNTEREXAMPLES, HARD),
    }


def test_an_id_that_the_split_does_not_have(lists):
    with pytest.raises(DataMalformed, match="1 of 2 question ids are not in the split, the first is 9"):
        select("ce-counterexamples", ["1", "2"], lists([1, 9], []))


def test_an_id_in_both_lists(lists):
    with pytest.raises(DataMalformed, match="counterexamples and hard, the first is 2"):
        select("ce-easy", ["1", "2"], lists([1, 2], [2]))


@pytest.mark.parametrize(
    ("content", "message"),
    [('{"a": 1}', "not a list"), ('["1"]', "element 0 is '1'"), ("[1, 1]", "stands twice"), ("[true]", "is True")],
)
def test_lists_that_cannot_be_believed(tmp_path, content, message):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(DataMalformed) as caught:
        read_ids(tmp_path / "x.json")
    assert message in caught.value.what


@pytest.mark.parametrize("name", SHIFTS)
def test_cards_tell_source_sizes_and_leak(name):
    assert all(word in SHIFTS[name].card for word in ("Source: VQA-CE", "unconfirmed", "Leak:"))
