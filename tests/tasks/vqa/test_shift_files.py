import json

import pytest

from madbench.errors import DataMalformed, UsageError
from madbench.tasks.shift_files import shift_file
from madbench.tasks.vqa.reader import read_files

QUESTIONS = "v2_OpenEnded_mscoco_val2014_questions.json"
ANNOTATIONS = "v2_mscoco_val2014_annotations.json"


@pytest.mark.parametrize(("name", "key"), [(QUESTIONS, "questions"), (ANNOTATIONS, "annotations")])
def test_elements_are_kept_as_they_are_and_everything_around_them(root, tmp_path, name, key):
    said = shift_file("ce-easy", root / name, tmp_path / "out.json", {"ids": root / "vqace"})
    before, after = json.loads((root / name).read_text()), json.loads((tmp_path / "out.json").read_text())
    assert list(after) == list(before)
    assert [one["question_id"] for one in after[key]] == [910101001, 910102000]
    assert after[key] == [one for one in before[key] if one["question_id"] in (910101001, 910102000)]
    assert json.dumps(after[key][0]) == json.dumps(before[key][1])
    assert {**after, key: before[key]} == before
    assert said == f"5 {key} read, 2 kept, 0 changed"


def test_both_files_of_a_set_fit_together(root, tmp_path):
    for name in (QUESTIONS, ANNOTATIONS):
        shift_file("ce-counterexamples", root / name, tmp_path / name, {"ids": root / "vqace" / "counterexamples.json"})
    assert [row.example_id for row in read_files(tmp_path / ANNOTATIONS, tmp_path / QUESTIONS)] == [
        "910101000",
        "910103000",
    ]


def test_ce_easy_needs_both_lists(root, tmp_path):
    with pytest.raises(UsageError, match="needs both") as caught:
        shift_file("ce-easy", root / QUESTIONS, tmp_path / "out.json", {"ids": root / "vqace" / "hard.json"})
    assert "folder" in caught.value.fix
    assert not (tmp_path / "out.json").exists()


def test_lists_of_another_split(root, tmp_path):
    train = root / "v2_OpenEnded_mscoco_train2014_questions.json"
    with pytest.raises(DataMalformed, match="not in the split"):
        shift_file("ce-hard", train, tmp_path / "out.json", {"ids": root / "vqace"})


def test_changed_prior_from_two_annotation_files(row, tmp_path):
    def write(name, rows):
        content = {
            "info": {},
            "annotations": [
                {
                    "question_type": one.question_type,
                    "multiple_choice_answer": one.multiple_choice_answer,
                    "answers": [{"answer": answer, "answer_id": at + 1} for at, answer in enumerate(one.answers)],
                    "image_id": int(one.image_id),
                    "answer_type": one.answer_type,
                    "question_id": int(one.example_id),
                }
                for one in rows
            ],
        }
        (tmp_path / name).write_text(json.dumps(content))
        return tmp_path / name

    train = write("train.json", [row(n, "yes" if n < 6 else "no") for n in range(10)])
    val = write("val.json", [row(1000 + n, "yes" if n < 9 else "no") for n in range(12)])
    said = shift_file("changed-prior", val, tmp_path / "out.json", {"train": train})
    kept = [one["multiple_choice_answer"] for one in json.loads((tmp_path / "out.json").read_text())["annotations"]]
    assert (kept.count("no"), kept.count("yes")) == (3, 3 * 4 // 6)
    assert said == "12 annotations read, 5 kept, 0 changed"


def test_a_file_of_neither_kind(root, tmp_path):
    (tmp_path / "in.json").write_text('{"info": {}}')
    with pytest.raises(DataMalformed, match="neither questions nor annotations"):
        shift_file("ce-hard", tmp_path / "in.json", tmp_path / "out.json", {"ids": root / "vqace"})
