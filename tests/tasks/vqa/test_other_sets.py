import json
import shutil
from pathlib import Path

import pytest

from madbench.errors import DataMalformed, DataMissing
from madbench.tasks import cache
from madbench.tasks.sources import locate, unofficial
from madbench.tasks.table import RowTable
from madbench.tasks.vqa import other_sets, rephrasings
from madbench.tasks.vqa.coco import CocoImages
from madbench.tasks.vqa.task import TASK
from madbench.tasks.vqa.varying_shortcuts import OUT_OF_DISTRIBUTION, split_name


@pytest.fixture
def layout(root):
    return locate(TASK, root)


def rewrite(path: Path, change) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_the_sets_beside_vqa_v2_are_found(layout):
    assert set(layout.files) == {"train", "val", "test", "test-dev", "cp-train", "cp-test", "rephrasings", "vs-val"}
    assert layout.has_images("cp-test") and layout.has_images("rephrasings")


def test_vqa_v2_itself_is_read_as_before(layout):
    assert next(row.example_id for row in TASK.read(layout, "val")) == "910101000"
    with pytest.raises(DataMissing, match="no gqa-ood-val-all split"):
        TASK.read(layout, "gqa-ood-val-all")


def test_vqa_cp_finds_each_picture_in_the_folder_that_its_row_names(layout, root):
    rows = TASK.read(layout, "cp-train")
    assert [row.image_path for row in rows] == [
        root / "train2014" / "COCO_train2014_000000910001.jpg",
        root / "train2014" / "COCO_train2014_000000910001.jpg",
        root / "train2014" / "COCO_train2014_000000910002.jpg",
        root / "val2014" / "COCO_val2014_000000910102.jpg",
        root / "val2014" / "COCO_val2014_000000910103.jpg",
    ]
    assert all(row.image_path.is_file() for row in (*rows, *TASK.read(layout, "cp-test")))
    ids = {row.example_id for row in rows}
    assert ids.isdisjoint(row.example_id for row in TASK.read(layout, "cp-test"))


def test_vqa_cp_rows_name_their_folder(root, tmp_path):
    shutil.copytree(root / "vqacp", tmp_path / "vqacp")
    for kind in ("questions", "annotations"):
        rewrite(tmp_path / "vqacp" / f"vqacp_v2_test_{kind}.json", lambda all_: all_[0].update(coco_split="test2015"))
    found = other_sets.locate(tmp_path)
    with pytest.raises(DataMalformed, match="'coco_split' is 'test2015'") as caught:
        other_sets.read(found, "cp-test")
    assert caught.value.where.endswith("vqacp_v2_test_annotations.json:1")


def test_only_the_sum_of_vqa_cp_is_known():
    assert unofficial(TASK, "real", {"cp-train": 438_183, "cp-test": 219_928}) == []
    assert unofficial(TASK, "real", {"cp-train": 4, "cp-test": 6}) == [
        "cp-train and cp-test: 10 rows together, officially 658,111"
    ]
    assert unofficial(TASK, "real", {"cp-train": 4}) == []


def test_a_root_with_vqa_cp_alone_is_a_source(root, tmp_path):
    shutil.copytree(root / "vqacp", tmp_path / "VQA-CP")
    found = locate(TASK, tmp_path)
    assert set(found.files) == {"cp-train", "cp-test"}
    assert TASK.read(found, "cp-test")[0].image_path is None


def test_half_of_vqa_v2_is_still_refused(root, tmp_path):
    shutil.copytree(root / "vqacp", tmp_path / "vqacp")
    shutil.copy(root / "v2_OpenEnded_mscoco_val2014_questions.json", tmp_path)
    with pytest.raises(DataMissing, match="the val split of vqa is incomplete"):
        other_sets.locate(tmp_path)
    with pytest.raises(DataMissing, match="no VQA v2 files found"):
        other_sets.locate(root / "train2014")


def test_rephrasings_are_known_by_their_original_and_k(layout):
    rows = TASK.read(layout, "rephrasings")
    assert [(row.example_id, row.group) for row in rows] == [
        ("910101000", "910101000"),
        ("910101000:1", "910101000"),
        ("910101000:2", "910101000"),
        ("910101000:3", "910101000"),
        ("910102000", "910102000"),
    ]
    assert rows[0].example_id == TASK.read(layout, "val")[0].example_id  # so that training on it is found out


@pytest.fixture
def rephrased(root, tmp_path):
    """A copy of the rephrasings' files, changed: `rephrased(questions change, annotations change)` -> rows."""

    def make(change_questions, change_annotations=lambda all_: None):
        files = []
        for name, change in zip(rephrasings.NAMES, (change_questions, change_annotations), strict=True):
            shutil.copy(root / "rephrasings" / name, tmp_path)
            rewrite(tmp_path / name, change)
            files.append(tmp_path / name)
        return rephrasings.read(tuple(files), CocoImages({}))

    return make


def test_a_rephrasing_whose_id_is_that_of_another_original(rephrased):
    """9101010001 is both a rephrasing of 910101000 and the original question 1 of image 9101010."""

    def questions(content):
        content["questions"].append({"image_id": 9101010, "question": "Another one?", "question_id": 9101010001})

    def annotations(content):
        content["annotations"].append({**content["annotations"][4], "image_id": 9101010, "question_id": 9101010001})

    rows = rephrased(questions, annotations)
    assert len({row.example_id for row in rows}) == 6
    assert (rows[5].example_id, rows[5].image_id, rows[5].question) == ("9101010001", "9101010", "Another one?")
    assert (rows[1].example_id, rows[1].question) == ("910101000:1", "Rephrasing 1 of the kettle question?")


def test_empty_questions_are_kept(rephrased):
    def empty(content):
        content["questions"][1]["question"] = ""
        content["questions"][2]["question"] = "?"

    assert [row.question for row in rephrased(empty)][1:3] == ["", "?"]


def test_a_rephrasing_with_a_wrong_id(rephrased):
    def wrong(content):
        content["questions"][1]["rephrasing_of"] = 910101001

    with pytest.raises(DataMalformed, match="is not ten times 'rephrasing_of'"):
        rephrased(wrong)


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("Val-Ques.json", "vs-val"),
        ("Training/Training-Ques.json", "vs-train"),
        ("train/Train-Ques.json", "vs-train"),
        ("IID-Test/IID-Test-Ques.json", "vs-iid"),
        ("OOD-Test/QT/QT-Ques.json", "vs-qt"),
        ("OOD-Test/QT+KW/QT+KW-Ques.json", "vs-qt-kw"),
        ("OOD_Test/KW_KO/OOD_Test-Ques.json", "vs-kw-ko"),
        ("OOD-Test/KOP/Ques.json", "vs-kop"),
        ("OOD-Test/QT+KW+KO/OOD-Test-QT+KW+KO-Ques.json", "vs-qt-kw-ko"),
    ],
)
def test_vqa_vs_folders_in_any_spelling(path, split):
    assert split_name(Path(path)) == split


def test_vqa_vs_splits_are_listed_as_found_and_pictures_looked_up(root, tmp_path):
    for split in ("Training", "IID-Test", "OOD-Test/QT+KW"):
        name = split.rpartition("/")[2]
        folder = tmp_path / "VQA-VS" / split
        folder.mkdir(parents=True)
        for part in ("Ques", "Ans"):
            shutil.copy(root / "vqavs" / f"Val-{part}.json", folder / f"{name}-{part}.json")
    (tmp_path / "VQA-VS" / "OOD-Test" / "KW-Ques.json").write_text("[]")  # no answers: no split
    shutil.copytree(root / "val2014", tmp_path / "val2014")
    (tmp_path / "train2014").mkdir()
    found = other_sets.locate(tmp_path)
    assert set(found.files) == {"vs-train", "vs-iid", "vs-qt-kw"}
    assert "vs-qt-kw" in OUT_OF_DISTRIBUTION
    rows = other_sets.read(found, "vs-qt-kw")
    assert len(rows) == 5 and all(row.image_path.parent.name == "val2014" for row in rows)
    next((tmp_path / "val2014").glob("*910101.jpg")).unlink()
    assert other_sets.read(found, "vs-qt-kw")[0].image_path.parent.name == "train2014"


def test_two_vqa_vs_files_of_one_split(root, tmp_path):
    for folder in ("Val", "Validation"):
        (tmp_path / "vqa-vs" / folder).mkdir(parents=True)
        for part in ("Ques", "Ans"):
            shutil.copy(root / "vqavs" / f"Val-{part}.json", tmp_path / "vqa-vs" / folder / f"{folder}-{part}.json")
    with pytest.raises(DataMalformed, match="come to the split vs-val"):
        other_sets.locate(tmp_path)


@pytest.mark.parametrize("split", ["cp-test", "rephrasings", "vs-qt", "gqa-ood-testdev-tail"])
def test_each_set_has_a_card(split):
    card = other_sets.card_of(split)
    assert "Source:" in card and "Leak:" in card and "Sizes:" in card
    assert other_sets.card_of("val") is None


def test_regions_are_named_after_the_picture(root, tmp_path):
    shutil.copytree(root / "vqacp", tmp_path / "vqacp")
    (tmp_path / "regions").mkdir()
    rows = TASK.read(locate(TASK, tmp_path), "cp-test")
    assert rows[0].region_path == tmp_path / "regions" / "COCO_train2014_000000910002.npz"


@pytest.mark.parametrize("split", ["cp-train", "cp-test", "rephrasings", "vs-val"])
def test_remembered_rows_are_those_of_the_files(layout, split, tmp_path, monkeypatch):
    read = list(TASK.read(layout, split))
    monkeypatch.setenv("MADBENCH_HOME", str(tmp_path))
    monkeypatch.setattr(cache, "SMALLEST", 0)
    for _ in range(2):
        rows = TASK.read(layout, split)
        assert isinstance(rows, RowTable)
        assert list(rows) == read


def test_remembered_rows_find_pictures_that_came_later(root, tmp_path, monkeypatch):
    shutil.copytree(root / "vqacp", tmp_path / "cp" / "vqacp")
    monkeypatch.setenv("MADBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(cache, "SMALLEST", 0)
    assert TASK.read(locate(TASK, tmp_path / "cp"), "cp-train")[4].image_path is None
    for folder in ("train2014", "val2014"):
        shutil.copytree(root / folder, tmp_path / "cp" / folder)
    rows = TASK.read(locate(TASK, tmp_path / "cp"), "cp-train")
    assert [row.image_path.parent.name for row in rows] == ["train2014"] * 3 + ["val2014"] * 2
    assert all(row.image_path.is_file() for row in rows)
