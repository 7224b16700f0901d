import json
import shutil
from pathlib import Path

import pytest

from madbench.errors import DataMalformed, DataMissing
from madbench.tasks.snli_ve.reader import locate, read, read_pairs


def test_a_row_holds_what_the_file_says(root):
    row = read(locate(root), "train")[0]
    assert (row.example_id, row.image_id) == ("9100000001.jpg#0r1e", "9100000001")
    assert (row.label, row.stratum) == ("entailment", "entailment")
    assert row.hypothesis == "Someone is outside."
    assert row.image_path == root / "flickr30k_images" / "9100000001.jpg"


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_both_releases_give_the_same_rows(root, split, tmp_path):
    shutil.copytree(root / "release_2018", tmp_path, dirs_exist_ok=True)
    (tmp_path / "flickr30k_images").symlink_to(root / "flickr30k_images")
    new, old = read(locate(root), split), read(locate(tmp_path), split)
    assert [(row.example_id, row.image_id, row.hypothesis, row.label) for row in new] == [
        (row.example_id, row.image_id, row.hypothesis, row.label) for row in old
    ]
    assert len(new) == 5
    assert all(row.image_path.is_file() for row in (*new, *old))


def test_the_gold_label_counts_not_the_letter_of_the_pair(root):
    row = read(locate(root), "train")[3]
    assert (row.example_id[-1], row.label) == ("e", "neutral")


def test_the_premise_is_not_kept(root):
    assert "yellow coat" not in str(read(locate(root), "train"))


@pytest.mark.parametrize("folder", ["flickr30k_images", "flickr30k-images", "Flickr30K/images"])
def test_spellings_of_the_image_folder(root, tmp_path, folder):
    shutil.copy(root / "snli_ve_dev.jsonl", tmp_path)
    shutil.copytree(root / "flickr30k_images", tmp_path / folder)
    layout = locate(tmp_path)
    assert layout.has_images("dev")
    assert all(row.image_path.is_file() for row in read(layout, "dev"))


def test_without_an_image_folder_rows_have_no_image(root, tmp_path):
    shutil.copy(root / "snli_ve_dev.jsonl", tmp_path)
    layout = locate(tmp_path)
    assert list(layout.files) == ["dev"] and not layout.has_images("dev")
    assert all(row.image_path is None for row in read(layout, "dev"))


def test_an_absent_folder_file_or_split_is_named(root, tmp_path):
    with pytest.raises(DataMissing, match="nowhere"):
        locate(tmp_path / "nowhere")
    with pytest.raises(DataMissing, match=r"snli_ve_train\.jsonl, snli_ve_dev\.jsonl, snli_ve_test\.jsonl"):
        locate(tmp_path)
    shutil.copy(root / "snli_ve_dev.jsonl", tmp_path)
    with pytest.raises(DataMissing, match=r"no test split of snli_ve; not there: snli_ve_test\.jsonl"):
        read(locate(tmp_path), "test")


LINE = {"Flickr30K_ID": "0123", "gold_label": "neutral", "pairID": "0123.jpg#0r1n", "sentence1": "p", "sentence2": "h"}


def write(folder: Path, *lines: dict) -> Path:
    path = folder / "pairs.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.mark.parametrize(
    ("name", "value"), [("Flickr30K_ID", "0123"), ("Flikr30kID", "0123.jpg"), ("Flickr30kID", "0123.jpg")]
)
def test_every_spelling_of_the_image_field_keeps_the_id_as_text(tmp_path, name, value):
    line = {key: item for key, item in LINE.items() if key != "Flickr30K_ID"} | {name: value}
    assert read_pairs(write(tmp_path, line))[0].image_id == "0123"


def test_only_one_suffix_is_stripped(tmp_path):
    line = LINE | {"Flickr30K_ID": "7.jpg.jpg", "pairID": "7.jpg.jpg#0r1n"}
    assert read_pairs(write(tmp_path, line))[0].image_id == "7.jpg"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gold_label": "-"}, "'gold_label' is '-'"),
        ({"gold_label": "Neutral"}, "'gold_label' is 'Neutral'"),
        ({"gold_label": None}, "field 'gold_label' must be text"),
        ({"sentence2": 5}, "field 'sentence2' must be text, got 5"),
        ({"pairID": "0123.jpg#0r1n"}, "stands on line 1 too"),
        ({"pairID": "9.jpg#0r1n"}, r"'pairID' is 9\.jpg#0r1n, but the image is 0123"),
        ({"Flickr30K_ID": 123}, "field 'Flickr30K_ID' must be text, got 123"),
        ({"Flickr30K_ID": ""}, "field 'Flickr30K_ID' is empty"),
        ({"Flikr30kID": "4.jpg"}, "Flickr30K_ID and Flikr30kID name different images"),
        ({"Flickr30K_ID": "../x", "pairID": "../x.jpg#0r1n"}, "leaves the folder"),
        ({"sentence2": ...}, "field 'sentence2' is missing"),
        ({"Flickr30K_ID": ...}, "field 'Flickr30K_ID' .* is missing"),
    ],
)
def test_a_bad_line_is_refused_with_file_line_and_field(tmp_path, change, message):
    second = {key: item for key, item in ({**LINE, "pairID": "0123.jpg#1r1n"} | change).items() if item is not ...}
    path = write(tmp_path, LINE, second)
    with pytest.raises(DataMalformed, match=message) as caught:
        read_pairs(path, tmp_path)
    assert caught.value.where == f"{path}:2"


def test_pairs_without_a_majority_can_be_skipped_on_request(root):
    path = root / "xvnli_like" / "test.jsonl"
    with pytest.raises(DataMalformed, match="'gold_label' is '-'") as caught:
        read_pairs(path)
    assert caught.value.where.endswith(":3")
    assert [row.label for row in read_pairs(path, dash="skip")] == ["entailment", "neutral", "neutral", "entailment"]


@pytest.mark.parametrize("folder", ["data", "snli_ve"])
def test_files_may_lie_in_a_folder_of_their_own(root, tmp_path, folder):
    (tmp_path / folder).mkdir()
    shutil.copy(root / "snli_ve_dev.jsonl", tmp_path / folder)
    assert locate(tmp_path).files["dev"] == (tmp_path / folder / "snli_ve_dev.jsonl",)


@pytest.mark.parametrize(
    "folders, expected",
    [
        (["flickr30k_images"], "flickr30k_images"),
        (["Flickr30K/images", "images"], "Flickr30K/images"),
        (["images"], "images"),
        (["flickr30k"], "flickr30k"),
        (["flickr30k_images/flickr30k_images"], "flickr30k_images/flickr30k_images"),
        (["images", "flickr30k"], None),  # which one is meant nobody knows
    ],
)
def test_pictures_are_found_under_their_usual_names(root, tmp_path, folders, expected):
    shutil.copy(root / "snli_ve_dev.jsonl", tmp_path)
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "1.jpg").write_bytes(b"")
    found = locate(tmp_path).images["dev"]
    assert found == (None if expected is None else tmp_path / expected)
