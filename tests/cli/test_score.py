"""`madbench score`: official scorers on files in the official formats."""

from __future__ import annotations

import csv
import json
import zipfile
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parent.parent / "data"
VQA = DATA / "vqa" / "v2_mscoco_val2014_annotations.json"
VQA_QUESTIONS = DATA / "vqa" / "v2_OpenEnded_mscoco_val2014_questions.json"
SNLI_VE = DATA / "snli_ve" / "snli_ve_test.jsonl"
VCR = DATA / "vcr" / "fixtures" / "val.jsonl"


@pytest.fixture
def all_yes(tmp_path):
    """The official tool gives 20.00 to "yes" for each of the five questions."""
    ids = [one["question_id"] for one in json.loads(VQA.read_text())["annotations"]]
    path = tmp_path / "results.json"
    path.write_text(json.dumps([{"question_id": number, "answer": "yes"} for number in ids]))
    return path


@pytest.mark.parametrize("more", [(), ("--questions", VQA_QUESTIONS)])
def test_vqa_as_the_official_tool_scores_it(madbench, all_yes, more):
    result = madbench("score", "vqa", "--predictions", all_yes, "--annotations", VQA, *more, "--json")
    assert result.code == 0, result.err
    scored = json.loads(result.out)
    assert scored["metrics"]["vqa_accuracy"] == pytest.approx(0.2, abs=1e-12)
    assert scored["n"] == 5 and scored["metric_versions"]["vqa_accuracy"] == "2021"


@pytest.fixture(params=[("vqa_golden.jsonl", "2021"), ("vqa_golden_pre2021.jsonl", "2016")], ids=lambda one: one[1])
def golden(request, tmp_path):
    """1,000 questions as the official tool of either version scored them, and its three files as options."""
    name, version = request.param
    lines = [json.loads(line) for line in (DATA / "vqa" / name).read_text().splitlines()]
    questions, annotations, predictions = [], [], []
    for line in lines:
        ids = {"question_id": line["question_id"], "image_id": line["question_id"] // 1000}
        questions.append({**ids, "question": "What is it?"})
        answers = [
            {"answer": one, "answer_confidence": "yes", "answer_id": n} for n, one in enumerate(line["answers"], 1)
        ]
        kinds = {"question_type": line["question_type"], "answer_type": line["answer_type"]}
        annotations.append({**ids, **kinds, "multiple_choice_answer": line["answers"][0], "answers": answers})
        predictions.append({"question_id": line["question_id"], "answer": line["prediction"]})
    contents = {
        # Joined by id, so their order must not matter; that of the annotations does.
        "questions": {"questions": questions[::-1]},
        "annotations": {"annotations": annotations},
        "predictions": predictions[500:] + predictions[:500],
    }
    options = []
    for option, content in contents.items():
        path = tmp_path / f"{option}.json"
        path.write_text(json.dumps(content))
        options += [f"--{option}", path]
    return lines, ("score", "vqa", *options, "--version", version)


def official(lines, rounding):
    """The official tables from the official accuracies: added from left to right, groups as they first appear."""

    def percent(members):
        total = 0.0
        for one in members:
            total += one["accuracy"]
        value = 100 * total / len(members)
        if rounding == "py3":
            return round(value, 2)
        return float(Decimal(value).quantize(Decimal("0.01"), ROUND_HALF_UP))

    def by(kind):
        groups = {}
        for line in lines:
            groups.setdefault(line[kind], []).append(line)
        return {name: percent(members) for name, members in groups.items()}

    return {"overall": percent(lines), "perAnswerType": by("answer_type"), "perQuestionType": by("question_type")}


@pytest.mark.parametrize("rounding", ["py3", "py2"])
def test_vqa_equals_the_official_tool_to_the_last_bit(madbench, golden, rounding):
    lines, command = golden
    result = madbench(*command, "--rounding", rounding, "--json")
    assert result.code == 0, result.err
    scored = json.loads(result.out)
    assert scored["per_question"] == {str(line["question_id"]): line["accuracy"] for line in lines}
    expected = official(lines, rounding)
    assert scored["official"] == expected
    for kind in ("perAnswerType", "perQuestionType"):
        assert list(scored["official"][kind]) == list(expected[kind])


def test_vqa_text_is_the_official_table(madbench, golden):
    lines, command = golden
    shown = madbench(*command).out
    table = official(lines, "py3")
    figures = {**table["perAnswerType"], **table["perQuestionType"], "overall": table["overall"]}
    for name, value in figures.items():
        assert any(line.strip().startswith(name) and line.endswith(f" {value:.2f}") for line in shown.splitlines()), (
            name
        )


def test_vqa_rounding_is_that_of_one_python_or_the_other(madbench, all_yes):
    result = madbench("score", "vqa", "--predictions", all_yes, "--annotations", VQA, "--rounding", "py4")
    assert result.code == 2 and "py4" in result.err and "fix: use py3 or py2" in result.err


def test_annotations_may_stay_zipped(madbench, all_yes, tmp_path):
    with zipfile.ZipFile(tmp_path / "annotations.zip", "w") as archive:
        archive.write(VQA, VQA.name)
    zipped = tmp_path / "annotations.zip" / VQA.name
    result = madbench("score", "vqa", "--predictions", all_yes, "--annotations", zipped, "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["official"]["overall"] == 20.0


def test_vqa_files_may_be_bare_lists_as_those_of_vqa_cp(madbench, all_yes, tmp_path):
    def bare(path, key, change=lambda elements: None):
        elements = json.loads(path.read_text())[key]
        change(elements)
        out = tmp_path / path.name
        out.write_text("[\n" + ",\n".join(map(json.dumps, elements)) + "\n]")
        return out

    questions, annotations = bare(VQA_QUESTIONS, "questions"), bare(VQA, "annotations")
    result = madbench("score", "vqa", "--predictions", all_yes, "--annotations", annotations, "--questions", questions)
    as_released = madbench("score", "vqa", "--predictions", all_yes, "--annotations", VQA)
    assert result.code == 0 and result.out == as_released.out
    annotations = bare(VQA, "annotations", lambda elements: elements[1].update(answer_type="colour"))
    result = madbench("score", "vqa", "--predictions", all_yes, "--annotations", annotations)
    assert result.code == 3 and f"{annotations}:3" in result.err and "element[1]" in result.err


def test_vqa_has_two_versions_and_no_third(madbench, all_yes):
    line = ("score", "vqa", "--predictions", all_yes, "--annotations", VQA)
    assert json.loads(madbench(*line, "--version", "2016", "--json").out)["metric_versions"]["vqa_accuracy"] == "2016"
    result = madbench(*line, "--version", "2017")
    assert result.code == 2 and "2017" in result.err


def test_snli_ve_with_recall_per_class(madbench, tmp_path):
    rows = [json.loads(line) for line in SNLI_VE.read_text().splitlines()]
    path = tmp_path / "predictions.csv"
    path.write_text("pairID,prediction\n" + "".join(f"{row['pairID']},entailment\n" for row in rows))
    result = madbench("score", "snli_ve", "--predictions", path, "--annotations", SNLI_VE, "--json")
    assert result.code == 0, result.err
    scored = json.loads(result.out)
    metrics = scored["metrics"]
    assert scored["per_question"] == {row["pairID"]: float(row["gold_label"] == "entailment") for row in rows}
    assert scored["official"]["accuracy"] == round(100 * metrics["accuracy"], 2)
    share = sum(row["gold_label"] == "entailment" for row in rows) / len(rows)
    assert metrics["accuracy"] == share
    assert metrics["recall:entailment"] == 1 and metrics["recall:neutral"] == 0


@pytest.fixture
def vcr_csv(tmp_path):
    """A leaderboard file that gives the correct choice the highest score, but for what `change` does to a row."""
    from madbench.tasks.vcr.submission import HEADER

    def write(change=lambda number, answer, rationale: (answer, rationale)):
        path = tmp_path / "vcr.csv"
        with open(path, "w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(HEADER)
            for number, line in enumerate(VCR.read_text().splitlines()):
                row = json.loads(line)
                answer, rationale = change(number, row["answer_label"], row["rationale_label"])
                scores = [float(choice == answer) for choice in range(4)]
                for conditioned in range(4):
                    # Only the block of the correct answer counts; the others hold something else.
                    best = rationale if conditioned == row["answer_label"] else (rationale + 1) % 4
                    scores += [float(choice == best) for choice in range(4)]
                writer.writerow([row["annot_id"], *scores])
        return path

    return write


def test_vcr_judges_rationales_in_the_block_of_the_correct_answer(madbench, vcr_csv):
    result = madbench("score", "vcr", "--predictions", vcr_csv(), "--annotations", VCR, "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["metrics"] == {"q2a": 1.0, "qa2r": 1.0, "q2ar": 1.0}


def test_vcr_q2ar_is_the_conjunction(madbench, vcr_csv):
    def one_wrong_each(number, answer, rationale):
        return ((answer + 1) % 4 if number == 0 else answer), ((rationale + 1) % 4 if number == 1 else rationale)

    result = madbench("score", "vcr", "--predictions", vcr_csv(one_wrong_each), "--annotations", VCR, "--json")
    scored = json.loads(result.out)
    assert scored["metrics"] == scored["official"] == {"q2a": 0.8, "qa2r": 0.8, "q2ar": 0.6}
    assert [list(one.values()) for one in scored["per_question"].values()] == [[0, 1, 0], [1, 0, 0], *[[1, 1, 1]] * 3]
    assert scored["per_question"]["val-0"] == {"q2a": 0.0, "qa2r": 1.0, "q2ar": 0.0}


def test_vcr_text_shows_percent(madbench, vcr_csv):
    shown = madbench("score", "vcr", "--predictions", vcr_csv(), "--annotations", VCR).out
    assert "q2ar  100.00  (printed by r2c: 1.000)" in shown


def test_vcr_takes_the_file_that_hides_words_from_models(madbench, vcr_csv, tmp_path):
    """`data shift adv-top1` changes choices only, and a score follows from ids and labels."""
    shifted = tmp_path / "adv-top1.jsonl"
    rows = [json.loads(line) for line in VCR.read_text().splitlines()]
    for row in rows:
        row["answer_choices"][0] = [[10_000], "[MASK]", "."]
    shifted.write_text("".join(json.dumps(row) + "\n" for row in rows))
    given = [
        madbench("score", "vcr", "--predictions", vcr_csv(), "--annotations", file, "--json") for file in (VCR, shifted)
    ]
    assert given[1].code == 0, given[1].err
    assert given[0].out == given[1].out


# task -> (a valid file, what to replace in it, by what, what is said)
UNFIT = [
    ("vcr", "val-0,", "val-9,", "annot_id 'val-9' is not in the annotation file"),
    ("vcr", "answer_0", "answr_0", "the header is not"),
    ("vcr", ",1.0", ",nan", "not a finite number"),
    ("snli_ve", ",entailment", ",maybe", "not a class"),
    ("snli_ve", "pairID", "id", "the header is not"),
    ("vqa", '"yes"', "1", "field 'answer'"),
    ("vqa", '"yes"', "NaN", "not a number JSON knows"),
    ("vqa", "}]", "}", "not valid JSON"),
]


@pytest.mark.parametrize(("task", "old", "new", "said"), UNFIT)
def test_a_file_that_does_not_fit_exits_3_with_its_line_and_a_cure(
    madbench, vcr_csv, all_yes, tmp_path, task, old, new, said
):
    if task == "vcr":
        path, annotations = vcr_csv(), VCR
    elif task == "vqa":
        path, annotations = all_yes, VQA
    else:
        path, annotations = tmp_path / "out.csv", SNLI_VE
        pairs = [json.loads(line)["pairID"] for line in SNLI_VE.read_text().splitlines()]
        path.write_text("pairID,prediction\n" + "".join(f"{pair},entailment\n" for pair in pairs))
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new, 1))
    before = sorted(tmp_path.iterdir())
    result = madbench("score", task, "--predictions", path, "--annotations", annotations)
    assert result.code == 3 and result.out == ""
    error, fix = result.err.splitlines()
    assert error.startswith("error: ") and said in error and f"({path}:" in error
    assert fix.startswith("fix: ") and len(fix) > 8
    assert sorted(tmp_path.iterdir()) == before


def test_a_missing_prediction_is_an_error_and_not_a_wrong_answer(madbench, all_yes):
    all_yes.write_text(json.dumps(json.loads(all_yes.read_text())[1:]))
    result = madbench("score", "vqa", "--predictions", all_yes, "--annotations", VQA)
    assert result.code == 3 and "1 of 5 questions have no answer" in result.err


@pytest.mark.parametrize(
    "option", [("--version", "2016"), ("--rounding", "py2"), ("--questions", VQA_QUESTIONS)], ids=lambda one: one[0]
)
def test_options_of_another_task_are_refused(madbench, vcr_csv, option):
    result = madbench("score", "vcr", "--predictions", vcr_csv(), "--annotations", VCR, *option)
    assert result.code == 2 and f"vcr has no {option[0]}" in result.err


def test_an_unknown_task_gets_a_did_you_mean(madbench, all_yes):
    result = madbench("score", "vqaa", "--predictions", all_yes, "--annotations", VQA)
    assert result.code == 2 and "did you mean 'vqa'?" in result.err
