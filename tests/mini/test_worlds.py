import hashlib
import json
from collections import Counter

import pytest

from madbench.mini.build import TUNING_SEED, write_world
from madbench.mini.draws import Draws, generator
from madbench.mini.pictures import write_pictures
from madbench.mini.pretraining import pretraining_scenes
from madbench.mini.scenes import sample_scene
from madbench.mini.snli_ve_world import LABELS, Claim, judge
from madbench.mini.snli_ve_world import sample as sample_snli_ve
from madbench.mini.text import WORDS, words_of
from madbench.mini.vqa_world import ANSWERS
from madbench.registry import TASKS
from madbench.tasks.contract import ShiftInputs
from madbench.tasks.vqa.question_types import QuestionTypes

NOTHING = ShiftInputs(list)


def _lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(
    ("task", "split", "rows"),
    [("vcr", "val", 240), ("vcr", "test", 20), ("snli_ve", "dev", 360), ("snli_ve", "test", 360)],
)
def test_the_ordinary_readers_read_it(small_world, task, split, rows):
    task = TASKS.load(task)
    read = task.read(task.locate(small_world[task.name]), split)
    assert len(read) == rows
    assert all(row.image_path.is_file() for row in read)


def test_the_ordinary_reader_reads_vqa(small_world):
    task = TASKS.load("vqa")
    layout = task.locate(small_world["vqa"])
    rows = task.read(layout, "val")
    assert 200 <= len(rows) <= 240
    assert {row.question_type for row in rows} >= {"what color is the", "is there a", "how many"}
    assert "none of the above" not in {row.question_type for row in rows}


def test_the_types_of_vqa_follow_from_the_questions(small_world):
    task = TASKS.load("vqa")
    layout = task.locate(small_world["vqa"])
    train, val = task.read(layout, "train"), task.read(layout, "val")
    types = QuestionTypes(row.question_type for row in train)
    assert [types.of(row.question) for row in (*train, *val)] == [row.question_type for row in (*train, *val)]
    assert all(row.shown_type == row.question_type for row in (*train, *val))


def test_no_text_has_a_word_outside_the_vocabulary(small_world):
    vcr = TASKS.load("vcr")
    layout = vcr.locate(small_world["vcr"])
    rows = vcr.read(layout, "train")
    rows = [
        *rows,
        *vcr.shifts()["rule-singular"].apply(rows, NOTHING),
        *vcr.shifts()["rule-plural"].apply(rows, NOTHING),
    ]
    space = vcr.answer_space(rows, 1.0)
    texts = []
    for leg in vcr.legs:
        shown = vcr.examples(rows, leg=leg, condition="val", space=space, rendering="index@1", labelled=True)
        texts += [text for one in shown for text in (*one.text.values(), *one.choices)]
    for split in ("train", "dev", "test"):
        for row in _lines(small_world["snli_ve"] / f"snli_ve_{split}.jsonl"):
            texts += [row["sentence1"], row["sentence2"]]
    for subtype in ("train2014", "val2014", "test2015", "test-dev2015"):
        asked = json.loads((small_world["vqa"] / f"v2_OpenEnded_mscoco_{subtype}_questions.json").read_text())
        texts += [one["question"] for one in asked["questions"]]
    texts += [answer for answers in ANSWERS.values() for answer in answers]
    assert {word for text in set(texts) for word in words_of(text)} - set(WORDS) == set()


def test_the_vcr_rules_keep_enough_of_val(small_world):
    """At full size (2,240 rows) this is more than 1,000 and 500."""
    vcr = TASKS.load("vcr")
    rows = vcr.read(vcr.locate(small_world["vcr"]), "train")
    assert len(vcr.shifts()["rule-singular"].apply(rows, NOTHING)) / len(rows) > 1000 / 2240
    assert len(vcr.shifts()["rule-plural"].apply(rows, NOTHING)) / len(rows) > 500 / 2240


def test_ve_hard_and_changed_prior_keep_enough(small_world):
    """At full size (2,007 and about 2,200 rows) this is more than 400 each."""
    for name, shift, split in (("snli_ve", "ve-hard", "test"), ("vqa", "changed-prior", "val")):
        task = TASKS.load(name)
        layout = task.locate(small_world[name])
        rows = task.read(layout, split)
        kept = task.shifts()[shift].apply(
            rows, ShiftInputs(lambda task=task, layout=layout: task.read(layout, "train"))
        )
        assert 0.2 < len(kept) / len(rows) < 0.8


def test_every_snli_ve_picture_has_each_class_equally_often(small_world):
    rows = _lines(small_world["snli_ve"] / "snli_ve_train.jsonl")
    per_image = Counter((row["Flickr30K_ID"], row["gold_label"]) for row in rows)
    assert set(per_image.values()) == {3}
    assert len({row["pairID"] for row in rows}) == len(rows)


def test_a_panel_leaves_a_claim_open():
    draws = Draws(generator("test", 6))
    for _ in range(200):
        scene = sample_snli_ve(draws)
        for person in scene.people:
            claim = Claim(0, person.kind, colour=person.colour, action=person.action)
            verdict = judge(scene, claim)
            assert verdict == LABELS[0] if not person.screened else verdict in LABELS[:2]
        absent = Claim(0, -1, colour=0, action=0)
        if not any(one.screened or (one.colour, one.action) == (0, 0) for one in scene.people):
            assert judge(scene, absent) == LABELS[2]


def test_vqa_annotators_and_types_are_official(small_world):
    questions = json.loads((small_world["vqa"] / "v2_OpenEnded_mscoco_train2014_questions.json").read_text())
    given = json.loads((small_world["vqa"] / "v2_mscoco_train2014_annotations.json").read_text())["annotations"]
    assert list(questions) == ["info", "task_type", "data_type", "license", "data_subtype", "questions"]
    for one in given:
        assert [answer["answer_id"] for answer in one["answers"]] == list(range(1, 11))
        counts = Counter(answer["answer"] for answer in one["answers"])
        assert counts[one["multiple_choice_answer"]] == max(counts.values())
        assert one["question_id"] // 1000 == one["image_id"]
    unanimous = sum(len({answer["answer"] for answer in one["answers"]}) == 1 for one in given) / len(given)
    assert 0.25 < unanimous < 0.5
    assert len({answer for answers in ANSWERS.values() for answer in answers}) == 39


def test_unlabelled_vcr_rows_carry_no_label(small_world):
    row = _lines(small_world["vcr"] / "test.jsonl")[0]
    assert not {key for key in row if key.endswith(("_label", "_orig", "_iter", "_sources")) and key != "question_orig"}


def test_the_same_seed_gives_the_same_annotations(small_world, tmp_path):
    again = write_world("vcr", tmp_path, sizes={"val": 60})
    assert (again / "val.jsonl").read_bytes() == (small_world["vcr"] / "val.jsonl").read_bytes()


def test_no_picture_is_in_two_splits_worlds_or_in_pretraining(small_world, tmp_path):
    tuning = {
        task: write_world(task, tmp_path / task, TUNING_SEED, {"train": 60}) for task in ("vcr", "snli_ve", "vqa")
    }
    made = pretraining_scenes(200, seed=0)
    # Pretraining pictures go through the same JPEG writer, so that equal pixels would mean equal bytes.
    folder = tmp_path / "pretraining"
    folder.mkdir()
    paths = [folder / f"{place}.jpg" for place in range(200)]
    write_pictures(made.scenes, paths, 0)
    digests = [
        hashlib.sha256(path.read_bytes()).hexdigest()
        for root in (*small_world.values(), *tuning.values(), folder)
        for path in root.rglob("*.jpg")
    ]
    assert len(digests) > 1500
    assert len(set(digests)) == len(digests)


def test_pretraining_scenes_are_not_those_of_any_world(small_world):
    """Not only other noise: other scenes."""
    pretraining = {repr(scene) for scene in pretraining_scenes(200, seed=0).scenes}
    draws = Draws(generator("scenes", 0, 1, 0))
    assert not pretraining & {repr(sample_scene(draws)) for _ in range(200)}
