import pytest

from madbench.errors import ConfigError
from madbench.models.load import MODELS
from madbench.tasks.exposure import LEVELS, SEEN, exposed

MODEL = """schema: 1
name: warm
version: 1
adapter: majority
summary: for tests
seen: [{seen}]
"""


def level(seen, task, *names):
    return {one["seen"]: one["level"] for one in exposed([seen] if isinstance(seen, str) else seen, task, names)}


def test_snli_train_holds_the_hypotheses_of_snli_ve_test():
    assert level("snli-train", "snli_ve", "test") == {"snli-train": "text"}
    assert level("v-snli-train", "snli_ve", "ve-hard", "test") == {"v-snli-train": "examples"}
    assert level("snli-ve-train", "snli_ve", "test") == {}


def test_vqa_v2_training_data_exposes_what_was_dealt_out_of_it_and_not_val():
    assert level("vqa2-train", "vqa", "val") == {}
    assert level("vqa2-train", "vqa", "cp-test") == {"vqa2-train": "examples"}
    assert level("vqa2-trainval", "vqa", "changed-prior", "val") == {"vqa2-trainval": "examples"}
    assert level("vqa2-val", "vqa", "rephrasings") == {"vqa2-val": "examples"}


def test_only_vqa_vs_questions_are_refused():
    (found,) = exposed(["vqa2-train"], "vqa", ["vs-iid"])
    assert found["refused"] and "VQA-VS" in found["reason"]
    assert not exposed(["coco-val2014"], "vqa", ["vs-iid"])[0]["refused"]
    assert all(not one["refused"] for one in exposed(SEEN, "vqa", ["val", "cp-train", "cp-test", "rephrasings"]))


ALL_OF_V2 = ("vqa2-train", "vqa2-val", "vqa2-trainval", "vqa1-train", "vqa1-val", "vqa-vs-train", "vqa-vs")


@pytest.mark.parametrize("seen", [*ALL_OF_V2, "vqa-cp-train", "vqa-rephrasings"])
def test_the_unshifted_rows_of_vqa_cp_are_exposed_by_whatever_held_them(seen):
    assert level(seen, "vqa", "cp-train") == {seen: "examples"}


def test_vqa_cp_test_does_not_expose_the_rows_that_vqa_cp_train_holds():
    assert level("vqa-cp-test", "vqa", "cp-train") == {}
    assert level("vqa-cp-train", "vqa", "cp-test") == {}


@pytest.mark.parametrize("seen", ["vqa-cp-train", "vqa-cp-test", "vqa-vs-train", "vqa-vs"])
def test_what_deals_out_val_again_exposes_its_rephrasings(seen):
    assert level(seen, "vqa", "rephrasings") == {seen: "examples"}
    assert level(seen, "vqa", "advqa-val") == {seen: "images"}


def test_whatever_held_questions_of_vqa_vs_test_is_refused():
    seen = [*(name for name in ALL_OF_V2 if name != "vqa-vs-train"), "vqa-cp-train", "vqa-cp-test", "vqa-rephrasings"]
    found = {one["seen"]: one["refused"] for one in exposed(seen, "vqa", ["vs-iid"])}
    assert found == dict.fromkeys(seen, True)
    # Pictures, and the training split of the set itself, are another matter.
    assert not any(one["refused"] for one in exposed(set(SEEN) - set(seen), "vqa", ["vs-iid"]))


def test_pictures_alone_are_told_as_such():
    assert level(["coco-captions-karpathy-train", "clip-wit-400m"], "vqa", "val") == {
        "coco-captions-karpathy-train": "images"
    }
    assert level("flickr30k-all", "snli_ve", "test") == {"flickr30k-all": "images"}


def test_the_table_names_tasks_levels_and_reasons():
    for name, entries in SEEN.items():
        for one in entries:
            assert one.task in ("vcr", "snli_ve", "vqa") and one.level in LEVELS and one.reason and one.what, name


def test_an_unknown_data_set_is_told_with_line_and_hint(tmp_path):
    file = tmp_path / "warm.yaml"
    file.write_text(MODEL.format(seen="vqa2-trian"))
    with pytest.raises(ConfigError) as caught:
        MODELS.load(file)
    assert "did you mean 'vqa2-train'?" in str(caught.value) and f"{file}:6" in str(caught.value)
    assert "snli-train" in str(caught.value)
    file.write_text(MODEL.format(seen="vqa2-train, laion-400m"))
    assert MODELS.load(file).seen == ["vqa2-train", "laion-400m"]
