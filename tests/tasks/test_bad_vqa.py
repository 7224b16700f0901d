"""VQA v2 and the sets derived from it: one damaged file for each rule of their releases."""

from __future__ import annotations

import json
import logging
import shutil
import zipfile
from pathlib import Path

import pytest

from madbench.errors import DataMalformed, DataMissing
from madbench.tasks import cache
from madbench.tasks.vqa import TASK, gqa
from madbench.tasks.vqa.counterexamples import read_ids

FIXTURES = Path(__file__).parents[1] / "data" / "vqa"
QUESTIONS = "v2_OpenEnded_mscoco_val2014_questions.json"
ANNOTATIONS = "v2_mscoco_val2014_annotations.json"
KEYS = {QUESTIONS: "questions", ANNOTATIONS: "annotations"}
INDEX = 2  # of five: the damaged element


@pytest.fixture
def root(tmp_path) -> Path:
    return Path(shutil.copytree(FIXTURES, tmp_path / "vqa"))


def put(**values):
    return lambda element: element.update(values)


def drop(name):
    return lambda element: element.pop(name) and None


def answers(**values):
    """Change one of the ten answers."""
    return lambda element: element["answers"][4].update(values)


def write(file: Path, content, key: str | None) -> None:
    """As JSON with one element a line, the first on line 2."""
    elements = content if key is None else content[key]
    lines = "[\n" + ",\n".join(map(json.dumps, elements)) + "\n]"
    if key is not None:
        rest = json.dumps({name: value for name, value in content.items() if name != key})
        lines = f'{rest[:-1]}, "{key}": {lines}' + "}"
    file.write_text(lines + "\n")


def edit(file: Path, change, index: int | None = INDEX, key: str | None = None) -> None:
    """Change one element of a file (index None: its whole content)."""
    content = json.loads(file.read_text("utf-8-sig"))
    change(content if index is None else (content if key is None else content[key])[index])
    write(file, content, key)


def listing(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(call, *said: str) -> DataMalformed:
    """The one error of a call: one line what, one line how to mend it, every one of `said` in the first."""
    with pytest.raises(DataMalformed) as caught:
        call()
    error = caught.value
    assert len(str(error).splitlines()) == len(error.fix.splitlines()) == 1
    for part in said:
        assert part in str(error)
    return error


def read(root: Path, split: str = "val"):
    return TASK.read(TASK.locate(root), split)


# --------------------------------------------------------------------------- 4.1, 8.4: VQA v2

TWICE = {"question_id": 910101000, "image_id": 910101}
Q, A = QUESTIONS, ANNOTATIONS
RULES = {
    "4.1 question_id of a question": (Q, drop("question_id"), "'question_id' is missing"),
    "4.1 question_id of a question is whole": (Q, put(question_id=9.0), "'question_id' must be a whole number, got 9.0"),
    "4.1 question_id of a question is no text": (Q, put(question_id="9"), "'question_id' must be a whole number"),
    "4.1 question_id is no truth value": (Q, put(question_id=True), "'question_id' must be a whole number"),
    "4.1 image_id of a question": (Q, drop("image_id"), "'image_id' is missing"),
    "4.1 image_id of a question is whole": (Q, put(image_id="910102"), "'image_id' must be a whole number"),
    "4.1 image_id has at most 12 digits, no sign": (Q, put(image_id=-910102), "'image_id' is negative"),
    "4.1 question is there": (Q, drop("question"), "'question' is missing"),
    "4.1 question is text": (Q, put(question=None), "'question' must be text, got None"),
    "4.1 a question is an object": (Q, "a question", "questions[2]: not an object"),
    "4.1 an annotation is an object": (A, ["x"], "annotations[2]: not an object"),
    **{
        f"4.1 {name} of an annotation": (A, drop(name), f"'{name}' is missing")
        for name in ("question_type", "multiple_choice_answer", "answers", "image_id", "answer_type", "question_id")
    },
    "4.1 question_type is text": (A, put(question_type=7), "'question_type' must be text"),
    "4.1 multiple_choice_answer is text": (A, put(multiple_choice_answer=3), "'multiple_choice_answer' must be text"),
    "4.1 answers is a list": (A, put(answers={"answer": "yes"}), "'answers' must be a list"),
    "4.1 image_id of an annotation is whole": (A, put(image_id=None), "'image_id' must be a whole number"),
    "4.1 question_id of an annotation is whole": (A, put(question_id="x"), "'question_id' must be a whole number"),
    "4.1 answer_type is text": (A, put(answer_type=None), "'answer_type' must be text"),
    "4.1 answer_type is one of three": (A, put(answer_type="yesno"), "'answer_type' is 'yesno', not one of yes/no, num"),
    "4.1 an answer is an object": (A, lambda one: one["answers"].__setitem__(4, "yes"), "'answers' lacks 'answer'"),
    "4.1 an answer has its text": (A, lambda one: one["answers"][4].pop("answer"), "'answers' lacks 'answer'"),
    "4.1 an answer is text": (A, answers(answer=3), "'answers' lacks 'answer' (text)"),
    "4.1 an answer is not null": (A, answers(answer=None), "'answers' lacks 'answer' (text)"),
    "4.1 an answer has an id": (A, lambda one: one["answers"][4].pop("answer_id"), "lacks 'answer' (text) or 'answer_id"),
    "4.1 answer_confidence is yes, maybe or no": (A, answers(answer_confidence="sure"), "'answer_confidence' is 'sure'"),
    "4.1 answer_confidence is text": (A, answers(answer_confidence=1), "'answer_confidence' is 1, not yes, maybe"),
    "4.1 joined by question_id (no question)": (A, put(question_id=910102999), "question_id 910102999 has no question"),
    "4.1 one image for a question": (A, put(image_id=910103), "image_id 910103 of question_id 910102000 is 910102"),
    "8.4 ten answers": (A, lambda one: one["answers"].pop(), "'answers' has 9 entries, not ten"),
    "8.4 not eleven": (A, lambda one: one["answers"].append(one["answers"][0]), "'answers' has 11 entries, not ten"),
    "8.4 ids 1..10": (A, answers(answer_id=11), "the answer_ids are [1, 2, 3, 4, 11, 6, 7, 8, 9, 10], not 1 to 10"),
    "8.4 ids differ": (A, answers(answer_id=1), "the answer_ids are [1, 2, 3, 4, 1,"),
    "8.4 ids are numbers": (A, answers(answer_id="5"), "the answer_ids are [1, 2, 3, 4, '5'"),
    "8.4 ids are whole": (A, answers(answer_id=5.5), "the answer_ids are [1, 2, 3, 4, 5.5"),
    "8.4 a question stands once": (Q, put(**TWICE), "question_id 910101000 occurs a second time"),
    "8.4 an annotation stands once": (A, put(**TWICE), "question_id 910101000 occurs a second time"),
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_an_element_that_breaks_a_rule_is_named_by_line_and_field(root, rule):
    name, change, said = RULES[rule]
    key = KEYS[name]
    if callable(change):
        edit(root / name, change, key=key)
    else:
        edit(root / name, lambda content: content[key].__setitem__(INDEX, change), index=None, key=key)
    before = listing(root)
    error = refused(lambda: read(root), said)
    assert error.where == f"{root / name}:{INDEX + 2}"
    assert listing(root) == before


def test_8_4_the_two_files_have_the_same_ids(root):
    edit(root / A, lambda content: content["annotations"].pop(INDEX), index=None, key="annotations")
    error = refused(lambda: read(root), "question_id 910102000 has no annotation", "(1 such questions)")
    assert error.where.startswith(f"{root / Q}:")


@pytest.mark.parametrize("name", [Q, A])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda raw: raw[: len(raw) // 2], "not valid JSON"),
        (lambda raw: raw[:-3], "not valid JSON"),
        (lambda raw: raw.replace(b'_id": 910102000', b'_id": NaN'), "'NaN' is not a number JSON knows"),
        (lambda raw: raw.replace(b'_id": 910102000', b'_id": 1e999'), "'1e999' is not a number JSON knows"),
        (lambda raw: raw.replace(b'"val2014"', b'"val\xff2014"'), "not valid UTF-8"),
        (lambda raw: raw.replace(b'"data_subtype"', b'"\\ud800"', 1), "no character"),
        (lambda raw: b"[" + raw + b"]", "the file is not an object with"),
        (lambda raw: raw + raw, "not valid JSON"),
        (lambda raw: b"", "not valid JSON"),
        (lambda raw: b"{}", "is missing"),
    ],
    ids=[
        "8.6 half", "8.6 without its end", "8.6 NaN", "8.6 infinity", "8.6 UTF-8", "8.6 whole characters",
        "4.1 an object", "8.6 one value", "zero bytes", "4.1 the list is there",
    ],
)  # fmt: skip
def test_8_6_a_file_that_is_damaged_is_named(root, name, change, said):
    raw = (root / name).read_bytes()
    damaged = change(raw)
    assert damaged != raw
    (root / name).write_bytes(damaged)
    error = refused(lambda: read(root), said)
    assert error.where.startswith(f"{root / name}")


@pytest.mark.parametrize("name", [Q, A])
def test_4_1_the_list_is_a_list_and_has_elements(root, name):
    edit(root / name, lambda content: content[KEYS[name]].clear(), index=None, key=KEYS[name])
    refused(lambda: read(root), *(["the file has no rows"] if name == Q else ["has no annotation"]))
    (root / name).write_text(json.dumps({KEYS[name]: {"1": 2}}))
    error = refused(lambda: read(root), f"'{KEYS[name]}' must be a list")
    assert error.where == f"{root / name}:1"


def test_4_1_what_stands_around_the_lists_is_not_needed(root):
    expected = read(root)
    for name, key in KEYS.items():
        content = json.loads((root / name).read_text())
        (root / name).write_text(json.dumps({key: content[key]}))
    assert read(root) == expected


def test_4_1_answer_confidence_is_not_needed(root):
    expected = read(root)
    edit(root / A, lambda one: [answer.pop("answer_confidence") for answer in one["answers"]], key="annotations")
    assert read(root) == expected


def test_4_1_files_are_joined_by_id_not_by_position(root):
    expected = read(root)
    edit(root / Q, lambda content: content["questions"].reverse(), index=None, key="questions")
    assert read(root) == expected


DOUBTS = {
    "8.4 image_id * 1000 <= question_id": (
        {"question_id": 7}, f"{Q}: 1 question_ids are not image_id * 1000 + k",
    ),
    "4.1 multiple_choice_answer is one of the ten": (
        {"multiple_choice_answer": "?!"}, f"{A}: 1 times 'multiple_choice_answer' is none of the ten answers",
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", DOUBTS)
def test_what_is_true_of_official_files_alone_is_a_warning(root, rule, caplog):
    values, said = DOUBTS[rule]
    for name, key in KEYS.items():
        edit(root / name, lambda one: one.update({k: v for k, v in values.items() if k in one}), key=key)
    with caplog.at_level(logging.WARNING):
        assert len(read(root)) == 5
    assert [record.getMessage() for record in caplog.records] == [said]


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: b"\xef\xbb\xbf" + raw,
        lambda raw: raw.replace(b"\n", b"\r\n"),
        lambda raw: raw.rstrip(b"\n"),
    ],
    ids=["8.6 BOM", "8.6 CRLF", "8.6 no final newline"],
)
def test_how_a_file_was_saved_makes_no_difference(root, change):
    expected = read(root)
    for name, key in KEYS.items():
        write(root / name, json.loads((root / name).read_text()), key)
        (root / name).write_bytes(change((root / name).read_bytes()))
    assert read(root) == expected
    edit(root / A, put(answer_type="x"), key="annotations")
    (root / A).write_bytes(change((root / A).read_bytes()))
    assert refused(lambda: read(root), "'answer_type'").where == f"{root / A}:{INDEX + 2}"


def test_4_1_half_a_split_is_missing_not_shorter(root):
    (root / A).unlink()
    with pytest.raises(DataMissing, match="the val split of vqa is incomplete"):
        read(root)


def test_a_bad_element_is_found_in_a_zip(root):
    edit(root / A, put(answer_type="x"), key="annotations")
    with zipfile.ZipFile(root / "v2_Annotations_Val_mscoco.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(root / A, A)
    (root / A).unlink()
    error = refused(lambda: read(root), "'answer_type'")
    assert error.where == f"{root}/v2_Annotations_Val_mscoco.zip/{A}:{INDEX + 2}"


def test_an_element_that_turns_bad_is_found_though_the_good_file_is_remembered(root, monkeypatch, tmp_path):
    monkeypatch.setenv("MADBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(cache, "SMALLEST", 0)
    for _ in range(2):
        assert len(read(root)) == 5
    edit(root / A, put(answer_type="x"), key="annotations")
    remembered = listing(tmp_path / "home" / "cache" / "rows")
    assert remembered
    for _ in range(2):
        refused(lambda: read(root), "'answer_type'", f":{INDEX + 2}")
    assert listing(tmp_path / "home" / "cache" / "rows") == remembered


def test_ids_too_long_for_a_column_are_read_all_the_same(root, monkeypatch, tmp_path):
    monkeypatch.setenv("MADBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(cache, "SMALLEST", 0)
    for name, key in KEYS.items():
        edit(root / name, put(question_id=10**25), key=key)
    assert [read(root)[INDEX].example_id for _ in range(2)] == [str(10**25)] * 2


# --------------------------------------------------------------------------- 5, 8.5: derived sets

CP_Q, CP_A = "vqacp/vqacp_v2_test_questions.json", "vqacp/vqacp_v2_test_annotations.json"
RE_Q = "rephrasings/v2_OpenEnded_mscoco_valrep2014_humans_og_questions.json"
RE_A = "rephrasings/v2_mscoco_valrep2014_humans_og_annotations.json"
VS_Q, VS_A = "vqavs/Val-Ques.json", "vqavs/Val-Ans.json"
DERIVED = {
    "8.5 every question has coco_split": ("cp-test", CP_Q, drop("coco_split"), "'coco_split' is missing"),
    "8.5 every annotation has coco_split": ("cp-test", CP_A, drop("coco_split"), "'coco_split' is missing"),
    "8.5 coco_split is text": ("cp-test", CP_A, put(coco_split=2014), "'coco_split' must be text"),
    "8.5 coco_split is one of both files": ("cp-test", CP_A, put(coco_split="x"), "coco_split x of question_id"),
    "8.5 questions are VQA v2's": ("cp-test", CP_Q, drop("question"), "'question' is missing"),
    "8.5 annotations are VQA v2's": ("cp-test", CP_A, answers(answer=1), "'answers' lacks 'answer' (text)"),
    "8.5 ten answers": ("cp-test", CP_A, lambda one: one["answers"].pop(), "'answers' has 9 entries, not ten"),
    "8.5 answer ids": ("cp-test", CP_A, answers(answer_id=9), "the answer_ids are"),
    "8.5 confidences": ("cp-test", CP_A, answers(answer_confidence=None), "'answer_confidence' is None"),
    "8.5 answer types": ("cp-test", CP_A, put(answer_type="none"), "'answer_type' is 'none'"),
    "8.5 images are numbers": ("cp-test", CP_Q, put(image_id=-1), "'image_id' is negative"),
    "8.5 ids are those of the questions": ("cp-test", CP_A, put(question_id=5), "question_id 5 has no question in"),
    "5 rephrasing_of is a number": ("rephrasings", RE_Q, put(rephrasing_of="1"), "'rephrasing_of' ('1')"),
    "5 rephrasing_of is the original": ("rephrasings", RE_Q, put(rephrasing_of=5), "is not ten times 'rephrasing_of' (5)"),
    "5 rephrasings are VQA v2's": ("rephrasings", RE_A, drop("answers"), "'answers' is missing"),
    "5 questions of VQA-VS are VQA v2's": ("vs-val", VS_Q, put(question=3), "'question' must be text"),
    "5 answers of VQA-VS are VQA v2's": ("vs-val", VS_A, put(answer_type="x"), "'answer_type' is 'x'"),
}  # fmt: skip


@pytest.fixture
def derived(root):
    (root / "vqavs").rename(root / "VQA-VS")
    return root


def place(root: Path, name: str) -> Path:
    return root / name.replace("vqavs/", "VQA-VS/")


@pytest.mark.parametrize("rule", DERIVED)
def test_an_element_of_a_derived_set_is_named_by_line_and_field(derived, rule):
    split, name, change, said = DERIVED[rule]
    file = place(derived, name)
    content = json.loads(file.read_text())
    key = next((key for key in ("questions", "annotations") if isinstance(content, dict) and key in content), None)
    edit(file, change, key=key)
    assert refused(lambda: read(derived, split), said).where == f"{file}:{INDEX + 2}"


@pytest.mark.parametrize(
    ("content", "said"),
    [({"questions": []}, "the file is not a list"), ([], "the file has no rows"), (["x"], "element[0]: not an object")],
    ids=["8.5 the top level is a list", "not empty", "objects"],
)
def test_8_5_the_file_is_a_list_of_objects(derived, content, said):
    (derived / CP_Q).write_text(json.dumps(content))
    assert refused(lambda: read(derived, "cp-test"), said).where == f"{derived / CP_Q}:1"


IDS = {
    "5 a list": ({"1": 2}, "the file is not a list of question ids", 1),
    "5 ids are whole numbers": ([1, 2, "3"], "element 2 is '3', not a question id", 4),
    "5 ids are no fractions": ([1, 2, 3.0], "element 2 is 3.0, not a question id", 4),
    "5 ids differ": ([1, 2, 1], "question id 1 stands twice", 4),
}


@pytest.mark.parametrize("rule", IDS)
def test_lists_of_counterexamples_are_named_by_line(tmp_path, rule):
    content, said, line = IDS[rule]
    file = tmp_path / "hard.json"
    file.write_text(json.dumps(content, indent=0) if line > 1 else json.dumps(content))
    assert refused(lambda: read_ids(file), said).where == f"{file}:{line}"


GQA = {"imageId": "n1", "question": "Is it?", "answer": "yes"}
GQA_RULES = {
    "5 a record is an object": ("yes", "question 202 is not an object"),
    "5 imageId is there": ({**GQA, "imageId": None}, "question 202: field 'imageId' must be text"),
    "5 imageId names a picture": ({**GQA, "imageId": ""}, "question 202: field 'imageId' is ''"),
    "5 imageId stays in its folder": (
        {**GQA, "imageId": "../n1"},
        "question 202: field 'imageId': file name '../n1.jpg",
    ),
    "5 pictures lie in one folder": ({**GQA, "imageId": "a/n1"}, "question 202: field 'imageId' is 'a/n1'"),
    "5 question is text": ({**GQA, "question": 3}, "question 202: field 'question' must be text"),
    "5 answer is text": ({**GQA, "answer": True}, "question 202: field 'answer' must be text"),
}


@pytest.mark.parametrize("rule", GQA_RULES)
def test_records_of_gqa_are_named_by_line_id_and_field(tmp_path, rule):
    record, said = GQA_RULES[rule]
    file = tmp_path / "ood_testdev_all.json"
    lines = [f"{json.dumps(str(number))}: {json.dumps(one)}" for number, one in ((101, GQA), (202, record), (303, GQA))]
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    assert refused(lambda: gqa.read(file, None), said).where == f"{file}:3"


def test_a_file_of_gqa_is_an_object_with_records(tmp_path):
    file = tmp_path / "ood_testdev_all.json"
    for content, said in (("[]", "not an object of question ids"), ("{}", "no rows"), ("{", "not valid JSON")):
        file.write_text(content)
        assert refused(lambda: gqa.read(file, None), said).where == f"{file}:1"
