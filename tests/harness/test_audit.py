"""Leaks: what is shared, what weights have seen, and closed answer lists, from data to plan and record."""

import json

import pytest

from madbench.cli.plan_text import plan_text
from madbench.errors import NotComparable
from madbench.harness import run
from madbench.harness.audit import audit, exposure, refuse_exposed, sentences
from madbench.harness.conditions import ConditionRows
from madbench.tasks.snli_ve.rows import SnliVeRow
from madbench.tasks.vcr.reader import VcrRow
from madbench.tasks.vqa.rows import VqaRow

MODEL = """schema: 1
name: warm
version: 1
adapter: stepper
summary: for tests
seen: [{seen}]
"""


def row(number, image, question="what?"):
    return VqaRow(example_id=str(number), image_id=str(image), question=question)


def condition(name, rows, kind="split", of=None, role="id"):
    split = name if kind == "split" else None
    return ConditionRows(name, kind, role, split, of, None if of is None else name, 1, tuple(rows))


def test_examples_images_pairs_and_texts_are_counted():
    train = [row(1, 10, "who?"), row(2, 11, "why?"), row(3, 12, "where?")]
    val = [row(3, 12, "where?"), row(7, 11, "why?"), row(8, 40, "who?"), row(9, 41, "how?")]
    (pair,) = audit("vqa", train, (), [condition("val", val)])
    assert pair["between"] == ["train", "val"]
    assert (pair["examples"], pair["images"], pair["image_texts"], pair["texts"]) == (1, 2, 2, 3)
    assert (pair["first_examples"], pair["first_images"]) == (["3"], ["11", "12"])
    assert pair["first_image_texts"] == ["3", "7"]
    assert sentences([pair]) == {
        "ids": ["train and condition 'val' share 1 examples"],
        "images": ["train and condition 'val' share 2 images"],
    }


def test_conditions_that_are_parts_of_others_are_not_counted_twice():
    val = [row(5, 5), row(6, 6)]
    conditions = [
        condition("val", val),
        condition("changed-prior", val[:1], kind="rows", of="val", role="shifted"),
        condition("blurred", val, kind="transform", of="val", role="shifted"),
        condition("reworded", [row("5-1", 5)], kind="transform", of="val", role="shifted"),
    ]
    pairs = audit("vqa", [row(1, 1)], [row(2, 2)], conditions)
    named = [pair["between"] for pair in pairs]
    assert named == [
        ["train", "select"], ["train", "val"], ["select", "val"], ["train", "reworded"], ["select", "reworded"]
    ]  # fmt: skip


def test_train_and_select_may_share_images_and_nothing_else():
    rows = [SnliVeRow(example_id=str(n), image_id="1", hypothesis=f"h{n}") for n in range(3)]
    found = sentences(audit("snli_ve", rows[:1], rows[1:], []))
    assert found == {"ids": [], "images": []}
    assert sentences(audit("snli_ve", rows[:2], rows[1:], []))["ids"] == ["train and select share 1 examples"]


def vcr_row(split, number, image, words=("why", "?"), choices="abcd"):
    answers = tuple((letter,) for letter in choices)
    ids = {"example_id": f"{split}-{number}", "image_id": f"{split}-{image}"}
    return VcrRow(
        **ids,
        image_name=f"film/{image}.jpg",
        question=words,
        answer_choices=answers,
        rationale_choices=answers,
        labels=(0, 0),
    )


def test_vcr_is_compared_by_picture_and_question_because_its_ids_begin_with_their_split():
    train = [vcr_row("train", 0, 5), vcr_row("train", 1, 5, ("who", "?")), vcr_row("train", 2, 6)]
    val = [vcr_row("val", 0, 5, choices="dcba"), vcr_row("val", 1, 5, ("how", "?")), vcr_row("val", 2, 7)]
    (pair,) = audit("vcr", train, (), [condition("val", val)])
    assert (pair["examples"], pair["first_examples"]) == (1, ["val-0"])
    assert (pair["images"], pair["first_images"]) == (1, ["film/5.jpg"])
    (clean,) = audit("vcr", train[2:], (), [condition("val", val)])
    assert (clean["examples"], clean["images"]) == (0, 0)


def test_a_val_file_of_vcr_that_is_train_under_other_ids_is_refused(small_worlds, tmp_path):
    for name in ("train", "val"):
        text = (small_worlds["vcr"] / "train.jsonl").read_text(encoding="utf-8")
        (tmp_path / f"{name}.jsonl").write_text(text.replace('"train-', f'"{name}-'), encoding="utf-8")
    asked = {"task": "vcr", "data": f"vcr={tmp_path}", "out": tmp_path / "runs", "quiet": True}
    result = run("majority", "lowshot-1pct", dry_run=True, **asked)
    assert result.exit_code == 4
    assert "train and condition 'val' share 4 examples; train and condition 'val' share 1 images" in str(
        result.errors[0]
    )
    with pytest.raises(NotComparable):
        run("majority", "lowshot-1pct", **asked)


def test_a_shifted_condition_is_exposed_as_the_split_it_comes_from():
    described = [
        {"name": "dev-set", "kind": "split", "role": "id", "split": "val", "of": None, "shift": None},
        {"name": "hard", "kind": "rows", "role": "shifted", "split": None, "of": "dev-set", "shift": "ce-hard"},
        {"name": "hard:complement", "kind": "rows", "role": "complement", "split": None, "of": "dev-set", "shift": "x"},
        {"name": "gone", "kind": "rows", "role": "shifted", "of": "dev-set", "shift": "x", "available": False},
    ]
    found = exposure("vqa", "real", ["vqa2-val"], described)
    assert [(one["condition"], one["level"]) for one in found] == [("dev-set", "examples"), ("hard", "examples")]
    assert exposure("vqa", "mini", ["vqa2-val"], described) == [], "nobody trained on the generated data"


def test_questions_of_vqa_vs_are_refused_to_models_that_saw_vqa_v2():
    described = [{"name": "iid", "kind": "split", "role": "id", "split": "vs-iid", "of": None, "shift": None}]
    with pytest.raises(NotComparable, match="model 'warm' has seen vqa2-train, so 'iid' cannot be reported"):
        refuse_exposed("warm", exposure("vqa", "real", ["vqa2-train"], described))


def warm(bench, seen):
    file = bench.folder / "warm.yaml"
    file.write_text(MODEL.format(seen=seen))
    return str(file)


def test_plan_and_record_name_the_exposure(bench):
    model = warm(bench, "vqa2-val, vqa2-train")
    text = plan_text(bench.run(model, dry_run=True).plan)
    assert "audit: no example or image is shared between train, select and any condition" in text
    assert "exposure: warm on vqa val: its initial weights saw vqa2-val (examples): it is the reported split" in text
    record = bench.record(bench.run(model))
    assert [(one["condition"], one["seen"], one["level"]) for one in record["exposure"]] == [
        ("val", "vqa2-val", "examples"),
        ("changed-prior", "vqa2-val", "examples"),
    ]
    assert [pair["between"] for pair in record["data"]["audit"]] == [
        ["train", "select"], ["train", "val"], ["select", "val"]
    ]  # fmt: skip


def test_what_is_declared_is_tabled_and_what_is_not_is_refused(bench):
    share_images(bench.data)
    error = bench.run(protocol=bench.protocol(), dry_run=True)
    assert error.exit_code == 4 and "share 2 images" in str(error.errors[0])
    declared = bench.folder / "small.yaml"
    declared.write_text(declared.read_text() + "image_overlap: by-construction\n")
    lines = plan_text(bench.run(protocol=str(declared), dry_run=True).plan).splitlines()
    start = lines.index("audit: shared between train, select and conditions:")
    assert lines[start + 1].split("  ")[0] == "protocol"
    assert "train and val" in lines[start + 2] and "small@1" in lines[start + 2]


def share_images(root):
    """Two validation images are renamed to training images; their question ids stay."""
    for name in ("v2_OpenEnded_mscoco_val2014_questions.json", "v2_mscoco_val2014_annotations.json"):
        content = json.loads((root / name).read_text())
        for one in content.get("questions", content.get("annotations")):
            if one["image_id"] in (1000, 1001, 1002, 1003, 1004, 1005):
                one["image_id"] -= 1000
        (root / name).write_text(json.dumps(content))


def closed(bench):
    file = bench.folder / "closed.yaml"
    plain = bench.folder / "small.yaml"
    bench.protocol()
    file.write_text(plain.read_text().replace("name: small", "name: closed") + "vocabulary: closed-3129\n")
    return str(plain), str(file)


def test_a_closed_vocabulary_is_another_training_and_is_booked(bench):
    plain, file = (bench.record(bench.run(protocol=one)) for one in closed(bench))
    assert plain["train_id"] != file["train_id"]
    assert "vocabulary" not in plain["labels"] and file["labels"]["vocabulary"] == 120 + 36
    space = file["data"]["answer_space"]
    assert space["closed"]["rows"] == {"train": 120, "val": 36} and space["closed"]["origin"] == "annotations"
    assert "not the literature's 3,129 answers" in space["closed"]["note"]
    assert "closed" not in plain["data"]["answer_space"]
    assert len(space["fingerprint"]) == 64


def test_the_plan_says_what_a_closed_vocabulary_was_counted_on(bench):
    _, file = closed(bench)
    text = plan_text(bench.run(protocol=file, dry_run=True).plan)
    assert "closed@1 vqa: closed vocabulary of 6 answers from the annotations, counted on 120 train + 36 val" in text


def test_every_condition_has_its_ceiling(bench):
    record = bench.record(bench.run(protocol=bench.protocol(select="{every: 5}")))
    by_name = {one["name"]: one.get("ceiling") for one in record["conditions"]}
    assert set(by_name) == {"val", "changed-prior", "changed-prior:complement"}
    assert record["data"]["answer_space"]["ceiling"] == by_name["val"] == 1.0
