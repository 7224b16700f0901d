"""`madbench score`: official scorers on files in the official formats."""

from __future__ import annotations

import csv
import json
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
    metrics = json.loads(result.out)["metrics"]
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
    assert json.loads(result.out)["metrics"] == {"q2a": 0.8, "qa2r": 0.8, "q2ar": 0.6}


def test_vcr_text_shows_percent(madbench, vcr_csv):
    assert "q2ar  100.00" in madbench("score", "vcr", "--predictions", vcr_csv(), "--annotations", VCR).out


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [("val-0,", "val-9,", "no prediction for 1 of 5"), ("answer_0", "answr_0", "header"), (",1.0", ",nan", "finite")],
)
def test_a_vcr_file_that_does_not_fit_exits_3(madbench, vcr_csv, old, new, said):
    path = vcr_csv()
    path.write_text(path.read_text().replace(old, new, 1))
    result = madbench("score", "vcr", "--predictions", path, "--annotations", VCR)
    assert result.code == 3 and said in result.err and "vcr.csv" in result.err


def test_a_missing_prediction_is_an_error_and_not_a_wrong_answer(madbench, all_yes):
    all_yes.write_text(json.dumps(json.loads(all_yes.read_text())[1:]))
    result = madbench("score", "vqa", "--predictions", all_yes, "--annotations", VQA)
    assert result.code == 3 and "1 questions have no answer" in result.err


def test_options_of_another_task_are_refused(madbench, vcr_csv):
    result = madbench("score", "vcr", "--predictions", vcr_csv(), "--annotations", VCR, "--version", "2016")
    assert result.code == 2


def test_an_unknown_task_gets_a_did_you_mean(madbench, all_yes):
    result = madbench("score", "vqaa", "--predictions", all_yes, "--annotations", VQA)
    assert result.code == 2 and "did you mean 'vqa'?" in result.err
