import hashlib
from collections import Counter
from dataclasses import fields, replace
from itertools import pairwise

import pytest

from madbench.errors import DataMalformed
from madbench.registry import TASKS
from madbench.tasks.contract import Example, LegPredictions, opaque_id
from madbench.tasks.snli_ve.rows import LABELS


@pytest.fixture
def task():
    return TASKS.load("snli_ve")


@pytest.fixture
def many(row):
    """3,000 rows alike in all but id and label, so that only the id could give the label away."""
    return [row(number, "A person is here.", LABELS[number % 3]) for number in range(3000)]


def visible(example: Example) -> dict:
    """All that a model can read of an example, the picture by its key."""
    shown = {one.name: getattr(example, one.name) for one in fields(example)}
    shown["image"] = None if example.image is None else example.image.key
    return shown


def view(task, rows, condition="test", labelled=False):
    space = task.answer_space(rows, 1.0)
    return task.view(rows, condition=condition, space=space, rendering="index@1", labelled=labelled)


def labels_by_visible_id(rows) -> dict[str, str]:
    return {opaque_id("snli_ve", "test", "main", row.example_id): row.label for row in rows}


def best_character_rule(ids, labels) -> float:
    """Accuracy of the best rule `character at place p decides`, each character voting for its commonest label."""
    best = 0.0
    for place in range(-1, -17, -1):
        votes: dict[str, Counter] = {}
        for one, label in zip(ids, labels, strict=True):
            votes.setdefault(one[place : place + 1 or None], Counter())[label] += 1
        best = max(best, sum(max(counts.values()) for counts in votes.values()) / len(labels))
    return best


def test_no_character_of_the_visible_id_predicts_the_label(task, many):
    label_of = labels_by_visible_id(many)
    split = view(task, many)
    assert set(label_of) == {example.id for example in split}
    assert best_character_rule([e.id for e in split], [label_of[e.id] for e in split]) < 0.40


def test_the_probe_finds_the_leak_in_pair_ids(many):
    ids = [hashlib.sha256(row.example_id.encode()).hexdigest()[:15] + row.example_id[-1] for row in many]
    assert best_character_rule(ids, [row.label for row in many]) == 1.0


def test_the_order_of_a_split_does_not_predict_the_label(task, many):
    label_of = labels_by_visible_id(many)
    labels = [label_of[example.id] for example in view(task, many)]
    by_place = sum(max(Counter(labels[start::3]).values()) for start in range(3)) / len(labels)
    after = Counter(pairwise(labels))
    by_neighbour = sum(max(after[before, label] for label in LABELS) for before in LABELS) / len(labels)
    assert max(by_place, by_neighbour) < 0.40


def test_withheld_labels_change_nothing_a_model_sees(task, root):
    rows = task.read(task.locate(root), "test")
    other = [replace(row, label="neutral", stratum="neutral") for row in rows]
    assert [visible(e) for e in view(task, rows)] == [visible(e) for e in view(task, other)]
    assert all(example.target is None for example in view(task, rows))


def test_only_the_hypothesis_and_the_picture_are_visible(task, root):
    rows = task.read(task.locate(root), "test")
    shown = view(task, rows)
    assert {tuple(example.text) for example in shown} == {task.text_parts} == {("hypothesis",)}
    text = " ".join(str(visible(example)) for example in shown)
    assert not any(hidden in text for row in rows for hidden in (row.example_id, row.image_id))
    assert "yellow coat" not in text  # the premise


def test_labels_are_indices_in_name_order_for_training(task, root):
    rows = task.read(task.locate(root), "train")
    space = task.answer_space(rows, 0.01)
    assert space.labels == ("contradiction", "entailment", "neutral") and not space.open
    targets = {e.text["hypothesis"]: space.labels[e.target] for e in view(task, rows, labelled=True)}
    assert targets["The balcony is empty."] == "contradiction"


def test_ids_of_two_conditions_do_not_join(task, root):
    rows = task.read(task.locate(root), "test")
    first, second = ({e.id for e in view(task, rows, condition=name)} for name in ("test", "ve-hard"))
    assert len(first) == len(second) == 5 and not first & second


def test_hypotheses_about_one_picture_share_it_and_it_opens(task, root):
    shown = view(task, task.read(task.locate(root), "test"))
    assert len({example.image.key for example in shown}) == 3
    assert shown[0].image.open().mode == "RGB"


def test_the_score_takes_class_names_of_the_main_leg(task, root):
    rows = task.read(task.locate(root), "test")
    scores = task.score(rows, {"main": LegPredictions(tuple(row.label for row in rows))}, {})
    assert scores.metrics[task.primary] == 1.0
    with pytest.raises(DataMalformed, match="leg main"):
        task.score(rows, {}, {})


def test_official_class_counts_add_up(task):
    assert {split: sum(counts) for split, counts in task.official_labels.items()} == task.official_rows
