"""What models see of VCR: rendered text, images without names, opaque ids; and nothing that tells the label."""

import dataclasses
import pickle
import subprocess
import sys

import numpy as np
import pytest

from madbench.errors import DataMissing, UsageError
from madbench.registry import TASKS
from madbench.tasks.contract import opaque_id
from madbench.tasks.vcr import TASK

SPACE = TASK.answer_space([], 1.0)
LEAKS = {
    "answer_orig": "leak",
    "question_orig": "leak",
    "rationale_orig": "leak",
    "answer_match_iter": [9, 9, 9, 9],
    "rationale_match_iter": [9, 9, 9, 9],
    "answer_sources": [9, 9, 9, 9],
    "rationale_sources": [9, 9, 9, 9],
    "match_index": 9,
    "match_fold": "leak-9",
    "question_number": 9,
    "interesting_scores": [9],
    "answer_likelihood": "leak",
    "movie": "leak",
}


def view(rows, leg=None, *, condition="val", labelled=False, rendering="index@1"):
    return TASK.view(rows, condition=condition, space=SPACE, rendering=rendering, labelled=labelled, leg=leg)


def visible(split):
    """Every public value of a split's examples, the image by its key."""
    return [
        {
            field.name: example.image.key if field.name == "image" else getattr(example, field.name)
            for field in dataclasses.fields(example)
        }
        for example in split
    ]


def test_the_registered_task_is_this_one():
    assert TASKS.load("vcr") is TASK
    info = TASK.info(SPACE)
    assert (info.name, info.legs, info.n_choices, info.labels) == ("vcr", ("q2a", "qa2r"), 4, ("0", "1", "2", "3"))
    assert info.multiple_choice and not info.open and TASK.primary == "q2ar"


def test_both_legs_of_a_row(fixtures):
    row = TASK.read(TASK.locate(fixtures), "train")[3]
    (first,) = view([row], "q2a", labelled=True)
    assert first.text == {"question": "How does Riley feel about Casey?"}
    assert first.choices[2] == "Riley is proud of her work." and first.target == 2
    assert first.tags.parts == {"question": (-1, -1, 1, -1, -1, 0)} and first.tags.objects == ("person", "person")
    (second,) = view([row], "qa2r", labelled=True)
    assert second.text == {"question": first.text["question"], "answer": "Riley is proud of her work."}
    assert second.choices[0] == "Riley smiles while Casey talks." and second.target == 0
    assert second.tags.choices[0] == (1, -1, -1, 0, -1)


@pytest.mark.parametrize("rendering", ["index@1", "r2c_mention", "yek12"])
def test_tags_fit_the_words_of_every_text(fixtures, rendering):
    for split in ("train", "val"):
        for example in view(TASK.read(TASK.locate(fixtures), split), rendering=rendering):
            for name, text in example.text.items():
                assert len(text.split()) == len(example.tags.parts[name])
            for text, tags in zip(example.choices, example.tags.choices, strict=True):
                assert len(text.split()) == len(tags)


def test_questions_of_one_image_share_it(fixtures):
    rows = TASK.read(TASK.locate(fixtures), "train")
    keys = {row.example_id: view([row], "q2a")[0].image.key for row in rows}
    assert keys["train-1"] == keys["train-4"] and len(set(keys.values())) == 4
    image = view(rows, "q2a")[0].image
    assert image.open().mode == "RGB" and image.boxes().shape[1] == 4
    assert pickle.loads(pickle.dumps(image)).open().size == image.open().size


def test_fields_that_leak_the_label_do_not_reach_an_example(records, read):
    before = visible(view(read(records), labelled=True))
    after = visible(view(read([{**row, **LEAKS} for row in records]), labelled=True))
    assert before == after


def test_withheld_labels_leave_no_trace(records, read):
    q2a, qa2r = visible(view(read(records), "q2a")), visible(view(read(records), "qa2r"))
    assert all(example["target"] is None for example in [*q2a, *qa2r])
    other_answers = [{**row, "answer_label": (row["answer_label"] + 1) % 4} for row in records]
    other_rationales = [{**row, "rationale_label": (row["rationale_label"] + 1) % 4} for row in records]
    assert visible(view(read(other_answers), "q2a")) == q2a
    assert visible(view(read(other_rationales), "qa2r")) == qa2r
    # The same comparison sees a label that is not withheld, so it can fail.
    assert visible(view(read(other_answers), "q2a", labelled=True)) != visible(
        view(read(records), "q2a", labelled=True)
    )


def test_no_source_id_or_file_name_is_visible(records, read):
    hidden = {value for row in records for value in (row["annot_id"], row["img_id"], row["img_fn"], row["movie"])}
    shown = repr(visible(view(read(records), labelled=True)))
    assert not [value for value in hidden if value in shown]


def test_ids_of_two_conditions_or_legs_do_not_join(fixtures):
    rows = TASK.read(TASK.locate(fixtures), "val")
    seen = [
        {example.id for example in view(rows, leg, condition=condition)}
        for leg in TASK.legs
        for condition in ("val", "rule-singular")
    ]
    assert len(set.union(*seen)) == sum(map(len, seen)) == 20


def test_neither_id_nor_order_predicts_the_label():
    # Source ids that give the label away: if the opaque id kept any of it, one digit or the order would show.
    n = 4_000
    labels = np.arange(n) % 4
    ids = [opaque_id("vcr", "val", "q2a", f"val-{label}-{number}") for number, label in enumerate(labels)]
    digits = np.array([[int(digit, 16) for digit in one] for one in ids])
    for place in range(digits.shape[1]):
        table = np.zeros((16, 4))
        np.add.at(table, (digits[:, place], labels), 1)
        assert table.max(axis=1).sum() / n < 0.32  # best guess from one digit; 0.25 plus the gain of choosing
    ordered = labels[np.argsort(ids)]
    assert abs((ordered[1:] == ordered[:-1]).mean() - 0.25) < 0.03


def test_unlabelled_rows_serve_q2a_only(fixtures):
    rows = TASK.read(TASK.locate(fixtures), "test")
    assert len(view(rows, "q2a")) == 5
    with pytest.raises(DataMissing, match="answer its rationale is for"):
        view(rows, "qa2r")
    with pytest.raises(DataMissing, match="trained or scored"):
        view(rows, "q2a", labelled=True)


def test_a_leg_of_another_task_is_refused(fixtures):
    with pytest.raises(UsageError, match="main"):
        view(TASK.read(TASK.locate(fixtures), "val"), "main")


def test_the_task_imports_neither_torch_nor_pandas():
    code = "import sys, madbench.tasks.vcr; print({'torch', 'pandas', 'PIL', 'scipy'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
