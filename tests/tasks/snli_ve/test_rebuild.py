"""SNLI-VE made again from an invented SNLI, by the rule of the official generator."""

import json
import zipfile
from pathlib import Path

import pytest

from madbench.errors import DataMalformed, DataMissing, UsageError
from madbench.tasks.snli_ve import rebuild as module
from madbench.tasks.snli_ve.reader import read_pairs
from madbench.tasks.snli_ve.rebuild import rebuild

OFFICIAL = {"train": (1, 1, 1), "dev": (1, 0, 0), "test": (0, 1, 0)}


def pair(image, place, label):
    return {"pairID": f"{image}.jpg#{place}", "gold_label": label, "sentence2": f"é {place}", "captionID": f"{image}"}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """SNLI with train images 20 and 10 (in list order), dev image 30, test image 40; the pairs lie mixed."""
    snli, lists = tmp_path / "snli", tmp_path / "lists"
    snli.mkdir()
    lists.mkdir()
    files = {
        "train": [
            pair("10", "0r1n", "neutral"),
            pair("40", "0r1e", "entailment"),
            pair("vg_7", "0r1e", "entailment"),
            pair("20", "0r1e", "entailment"),
        ],
        "dev": [pair("10", "1r1e", "-"), pair("99", "0r1c", "contradiction")],
        "test": [pair("20", "1r1c", "contradiction"), pair("30", "0r1c", "contradiction")],
    }
    for split, rows in files.items():
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (snli / f"snli_1.0_{split}.jsonl").write_text(text, encoding="utf-8")
    dev = [f"3{number:04}" for number in range(999)]
    (lists / module.TRAIN_VAL_LIST).write_text("\n".join(["20", "10", "30", *dev]))  # no final newline
    (lists / module.TEST_LIST).write_text("40\n")
    hashes = {name: module.archives.sha256(lists / name) for name in module.LIST_SHA256}
    monkeypatch.setattr(module, "LIST_SHA256", hashes)
    monkeypatch.setattr(module, "OFFICIAL_IMAGES", {"train": 2, "dev": 1, "test": 1})
    return tmp_path


def build(place, out="out", **more):
    return rebuild(place / "snli", place / "lists", place / out, **{"official_labels": OFFICIAL, **more})


def test_images_come_in_list_order_and_pairs_in_the_order_of_snli(place):
    made = build(place)
    assert [row.example_id for row in read_pairs(place / "out" / "snli_ve_train.jsonl")] == [
        "20.jpg#0r1e",
        "20.jpg#1r1c",
        "10.jpg#0r1n",
    ]
    assert [row.example_id for row in read_pairs(place / "out" / "snli_ve_dev.jsonl")] == ["30.jpg#0r1c"]
    assert [row.example_id for row in read_pairs(place / "out" / "snli_ve_test.jsonl")] == ["40.jpg#0r1e"]
    assert not made.differences and made.labels == OFFICIAL and made.images == {"train": 2, "dev": 1, "test": 1}
    assert sorted(made.left_out.values()) == [1, 1, 1]


def test_lines_keep_what_snli_has_and_name_the_image_as_the_release_does(place):
    build(place)
    first = (place / "out" / "snli_ve_train.jsonl").read_text(encoding="utf-8").splitlines()[0]
    assert first == json.dumps({**pair("20", "0r1e", "entailment"), "Flickr30K_ID": "20"}, sort_keys=True,
                               ensure_ascii=False)  # fmt: skip
    build(place, "older", layout="2018")
    assert json.loads((place / "older" / "snli_ve_test.jsonl").read_text(encoding="utf-8"))["Flikr30kID"] == "40.jpg"


def test_snli_may_stay_in_its_zip(place):
    build(place)
    with zipfile.ZipFile(place / "snli.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in (place / "snli").iterdir():
            archive.write(path, f"snli_1.0/{path.name}")
            path.unlink()
    (place / "snli.zip").rename(place / "snli" / "snli_1.0.zip")
    build(place, "again")
    for name in ("train", "dev", "test"):
        file = f"snli_ve_{name}.jsonl"
        assert (place / "again" / file).read_bytes() == (place / "out" / file).read_bytes()


def test_another_list_is_refused_unless_any_list_will_do(place):
    (place / "lists" / module.TEST_LIST).write_text("99\n")
    with pytest.raises(DataMalformed, match="not the official list"):
        build(place)
    assert not (place / "out").exists()
    made = build(place, any_lists=True)
    assert any("not the official list" in one for one in made.differences)
    assert [row.image_id for row in read_pairs(place / "out" / "snli_ve_test.jsonl")] == ["99"]


def test_other_counts_leave_no_file(place):
    with pytest.raises(DataMalformed, match="train has 3 pairs, officially 4"):
        build(place, official_labels={**OFFICIAL, "train": (1, 2, 1)})
    assert not list((place / "out").iterdir())


def add(place, name, text):
    path = place / name
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("snli/snli_1.0_test.jsonl", json.dumps(pair("10", "0r1n", "neutral")), "second time"),
        ("snli/snli_1.0_test.jsonl", json.dumps(pair("10", "5r1n", "maybe")), "three classes"),
        ("snli/snli_1.0_test.jsonl", json.dumps({**pair("10", "5", "neutral"), "pairID": "10#5"}), "no image"),
        ("snli/snli_1.0_test.jsonl", json.dumps(pair("../10", "5r1n", "neutral")), "leaves the folder"),
        ("snli/snli_1.0_test.jsonl", "{", "JSON"),
        ("lists/flickr30k_test.lst", "40\n", "line 1 too"),
        ("lists/flickr30k_test.lst", "20\n", "both lists"),
    ],
)
def test_damage_is_told_and_nothing_is_written(place, name, text, word):
    add(place, name, text)
    with pytest.raises(DataMalformed, match=word) as caught:
        build(place, any_lists=True)
    assert caught.value.fix
    assert not (place / "out").exists() or not list((place / "out").iterdir())


def test_what_is_missing_is_named(place):
    with pytest.raises(UsageError, match="1999"):
        build(place, layout="1999")
    build(place)
    with pytest.raises(UsageError, match="there already"):
        build(place)
    (place / "snli" / "snli_1.0_dev.jsonl").unlink()
    with pytest.raises(DataMissing, match=r"snli_1\.0_dev"):
        build(place, "other")
    (place / "lists" / module.TEST_LIST).unlink()
    with pytest.raises(DataMissing):
        build(place, "other")


def test_the_command_says_loudly_that_it_is_not_official(place, madbench):
    arguments = ("data", "rebuild-snli-ve", "--snli", place / "snli", "--lists", place / "lists", "--out")
    refused = madbench(*arguments, place / "made")
    assert refused.code == 3 and "officially 529,527" in refused.err and "fix:" in refused.err
    made = madbench(*arguments, place / "made", "--any-lists")
    assert made.code == 0 and "NOT THE OFFICIAL" in made.err and "train: 3 pairs about 2 images" in made.out
    assert Path(place / "made" / "snli_ve_dev.jsonl").is_file()
