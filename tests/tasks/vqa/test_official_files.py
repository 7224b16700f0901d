import shutil

import pytest

from madbench.errors import DataMissing
from madbench.tasks.vqa.official_files import locate
from madbench.tasks.vqa.reader import read

QUESTIONS = "v2_OpenEnded_mscoco_val2014_questions.json"
ANNOTATIONS = "v2_mscoco_val2014_annotations.json"


def test_folders_of_their_own_are_found(root, tmp_path):
    for folder, name in (("questions", QUESTIONS), ("annotations", ANNOTATIONS)):
        (tmp_path / folder).mkdir()
        shutil.copy(root / name, tmp_path / folder / name)
    shutil.copytree(root / "val2014", tmp_path / "images" / "val2014")
    assert all(row.image_path.is_file() for row in read(locate(tmp_path), "val"))


def test_an_absent_folder_and_absent_files_are_named(tmp_path):
    with pytest.raises(DataMissing, match="nowhere"):
        locate(tmp_path / "nowhere")
    with pytest.raises(DataMissing, match=r"v2_mscoco_train2014_annotations\.json.*v2_OpenEnded_mscoco_test2015"):
        locate(tmp_path)


def test_half_a_split_is_broken_not_absent(root, tmp_path):
    shutil.copy(root / QUESTIONS, tmp_path)
    with pytest.raises(DataMissing, match=f"val split of vqa is incomplete; not there: {ANNOTATIONS}"):
        locate(tmp_path)


@pytest.mark.parametrize("place", ["", "images", "coco", "mscoco", "Images/mscoco"])
def test_pictures_of_coco_are_found_in_the_usual_places(root, tmp_path, place):
    name = "v2_OpenEnded_mscoco_test2015_questions.json"
    (tmp_path / "questions").mkdir()
    shutil.copy(root / name, tmp_path / "questions")
    (tmp_path / place / "test2015").mkdir(parents=True)
    assert locate(tmp_path).images["test"] == tmp_path / place / "test2015"
