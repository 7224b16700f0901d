"""Scorers and files of predictions: what 4.2 and 8.7 refuse, as far as the tests of each format do not show it.

The formats themselves are tested in `<task>/test_submission.py`, the command in `cli/test_score.py`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from madbench.errors import DataError, DataMalformed, DataMissing
from madbench.registry import TASKS
from madbench.tasks.contract import LegPredictions
from madbench.tasks.snli_ve.reader import read_pairs
from madbench.tasks.snli_ve.submission import read_submission as read_snli_ve
from madbench.tasks.vcr.reader import read_rows
from madbench.tasks.vcr.submission import read_scores, write_submission
from madbench.tasks.vcr.submission import read_submission as read_vcr
from madbench.tasks.vqa.reader import read_files
from madbench.tasks.vqa.submission import read_submission as read_vqa

DATA = Path(__file__).parents[1] / "data"
VCR = DATA / "vcr" / "fixtures"


def rows_of(task: str):
    if task == "vcr":
        return read_rows(VCR / "val.jsonl", VCR)
    if task == "snli_ve":
        return read_pairs(DATA / "snli_ve" / "snli_ve_dev.jsonl")
    return read_files(DATA / "vqa" / "v2_mscoco_val2014_annotations.json")


def refused(call, *said: str, kind: type[DataError] = DataMalformed) -> DataError:
    """The one error of a call: one line what, one line how to mend it, every one of `said` in the first."""
    with pytest.raises(kind) as caught:
        call()
    error = caught.value
    assert error.exit_code == 3 and error.fix and len(error.fix.splitlines()) == 1
    for part in said:
        assert part in str(error)
    return error


GOOD = {"vcr": ("q2a", "qa2r", "0"), "snli_ve": ("main", "neutral"), "vqa": ("main", "yes")}
# rule -> task, what to do to five good labels of its first leg, what is said
LABELS = {
    "8.7 missing (vcr)": ("vcr", lambda good: good[:-1], "4 predictions of leg q2a for 5 rows"),
    "8.7 missing (snli_ve)": ("snli_ve", lambda good: good[:-1], "4 predictions for 5 pairs"),
    "8.7 missing (vqa)": ("vqa", lambda good: good[:-1], "4 answers for 5 questions"),
    "8.7 extra (vcr)": ("vcr", lambda good: [*good, "1"], "6 predictions of leg q2a for 5 rows"),
    "8.7 extra (snli_ve)": ("snli_ve", lambda good: [*good, "neutral"], "6 predictions for 5 pairs"),
    "8.7 extra (vqa)": ("vqa", lambda good: [*good, "yes"], "6 answers for 5 questions"),
    "8.7 numbers (vcr)": ("vcr", lambda good: [1, *good[1:]], "leg q2a predicts 1, which is no choice"),
    "8.7 numbers (snli_ve)": ("snli_ve", lambda good: [1, *good[1:]], "is 1, not a class"),
    "8.7 numbers (vqa)": ("vqa", lambda good: [3, *good[1:]], "is 3, not"),
    "8.7 None (vcr)": ("vcr", lambda good: [None, *good[1:]], "leg q2a predicts None, which is no choice"),
    "8.7 None (snli_ve)": ("snli_ve", lambda good: [None, *good[1:]], "is None, not a class"),
    "8.7 None (vqa)": ("vqa", lambda good: [None, *good[1:]], "is None, not"),
    "1.5 four choices": ("vcr", lambda good: ["4", *good[1:]], "leg q2a predicts '4', which is no choice"),
    "3.3 three classes": ("snli_ve", lambda good: ["Neutral", *good[1:]], "is 'Neutral', not a class"),
}


@pytest.mark.parametrize("rule", LABELS)
def test_scorers_refuse_what_is_not_one_prediction_a_row(rule):
    name, change, said = LABELS[rule]
    *legs, label = GOOD[name]
    task, rows = TASKS.load(name), rows_of(name)
    given = {leg: LegPredictions((label,) * 5) for leg in legs}
    assert task.score(rows, given, {}).metrics
    given[legs[0]] = LegPredictions(tuple(change([label] * 5)))
    refused(lambda: task.score(rows, given, {}), said)


@pytest.mark.parametrize("name", GOOD)
def test_scorers_refuse_a_leg_that_the_task_has_not(name):
    rows = rows_of(name)
    refused(lambda: TASKS.load(name).score(rows, {"q2ar": LegPredictions(("0",) * 5)}, {}), "leg", "q2ar")


def test_rows_without_labels_are_not_scored_as_wrong():
    rows = read_rows(VCR / "test.jsonl", VCR)
    given = {leg: LegPredictions(("0",) * len(rows)) for leg in ("q2a", "qa2r")}
    refused(lambda: TASKS.load("vcr").score(rows, given, {}), "has no labels", kind=DataMissing)


# --------------------------------------------------------------------------- files


@pytest.fixture
def vcr_csv(tmp_path) -> tuple[Path, list]:
    rows = rows_of("vcr")
    write_submission(tmp_path / "out.csv", rows, np.full((5, 4), 0.25), np.full((5, 4, 4), 0.25))
    return tmp_path / "out.csv", rows


@pytest.mark.parametrize("text", ["1_000", "\u0663.5", "0x1p-2", "1,5", "0.2 5", "NaN", "+Infinity"])
def test_1_6_a_score_is_a_number_for_every_tool(vcr_csv, text):
    path, rows = vcr_csv
    lines = path.read_text().splitlines()
    cells = lines[2].split(",")
    cells[3] = f'"{text}"'
    path.write_text("\n".join([*lines[:2], ",".join(cells), *lines[3:]]) + "\n", encoding="utf-8")
    error = refused(lambda: read_vcr(path, rows), "answer_2 is", "not a finite number")
    assert error.where == f"{path}:3"


def test_1_6_a_header_alone_has_no_predictions(vcr_csv):
    path, rows = vcr_csv
    path.write_text(path.read_text().splitlines()[0] + "\n")
    refused(lambda: read_scores(path, rows), "no prediction for 5 of 5 rows; the first is annot_id 'val-0'")


def test_an_id_with_a_line_break_is_still_one_error(tmp_path, madbench):
    path = tmp_path / "out.csv"
    path.write_text('pairID,prediction\n"a\n\x1b[31mb",neutral\n')
    result = madbench(
        "score", "snli_ve", "--predictions", path, "--annotations", DATA / "snli_ve" / "snli_ve_dev.jsonl"
    )
    error, fix = result.err.splitlines()
    assert result.code == 3 and error.startswith("error: pairID 'a\\n\\x1b[31mb' is not in") and fix.startswith("fix: ")


@pytest.mark.parametrize(
    ("read", "task", "suffix"),
    [(read_vcr, "vcr", "csv"), (read_snli_ve, "snli_ve", "csv"), (read_vqa, "vqa", "json")],
    ids=["vcr", "snli_ve", "vqa"],
)
def test_what_is_no_file_of_predictions(tmp_path, read, task, suffix):
    rows, path = rows_of(task), tmp_path / f"out.{suffix}"
    refused(lambda: read(path, rows), kind=DataMissing)
    refused(lambda: read(tmp_path, rows), kind=DataMissing)
    path.write_bytes(b"")
    assert refused(lambda: read(path, rows)).where == f"{path}:1"
    path.write_bytes(b"PK\x03\x04\x00\x00\xff\xfe")
    assert refused(lambda: read(path, rows)).where == f"{path}:1"
    path.write_bytes(b"\x00" * 100)
    refused(lambda: read(path, rows))
    path.write_bytes("pairID,prediction\n".encode("utf-16"))
    assert refused(lambda: read(path, rows), "not valid UTF-8").where == f"{path}:1"


def test_4_2_deep_nesting_is_no_crash(tmp_path):
    path = tmp_path / "out.json"
    path.write_text("[" * 200_000 + "]" * 200_000)
    refused(lambda: read_vqa(path, rows_of("vqa")))


def test_4_2_other_fields_of_an_entry_are_let_be(tmp_path):
    path, rows = tmp_path / "out.json", rows_of("vqa")
    entries = ", ".join(f'{{"question_id": {row.example_id}, "answer": "yes", "score": 0.5}}' for row in rows)
    path.write_text(f"[{entries}]")
    assert read_vqa(path, rows) == ["yes"] * 5
