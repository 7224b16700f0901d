import csv
import io
import json
import shutil

import pytest

import madbench
import madbench.report
from madbench.errors import DataMissing, NotComparable, UsageError
from madbench.report import report
from madbench.report.cells import percent


def line(text: str, start: str) -> str:
    return next(one for one in text.splitlines() if one.startswith(start))


def test_the_headline_has_id_shifted_gap_and_the_paired_difference(study):
    text = report([study.root])
    section = text.partition("### VCR, q2ar")[2]
    header = line(section, "| model ")
    assert [part.strip() for part in header.strip("|").split("|")] == [
        "model",
        "n",
        "val (id) ↑",
        "Δ val",
        "rule-singular (shifted) ↑",
        "Δ rule-singular",
        "gap rule-singular",
    ]
    assert "| majority (blind)   | 1×1 |" in text
    assert "(n=3×1)" in text and "Δ: the row minus the baseline, `student`" in text
    assert "Items only (one draw; the interval is clustered by image" in text


def test_bold_means_rank_one_and_a_tie_is_called_one(cells):
    import numpy as np

    alternating = np.array([1.0, 0.0] * 30)
    better = np.array([1.0] * 40 + [1.0, 0.0] * 10)
    swapped = alternating[::-1]
    for draw in range(2):
        cells.write("student", draw=draw, scores=alternating)
        cells.write("good", draw=draw, scores=better)
        cells.write("bad", draw=draw, scores=np.zeros(60))
        cells.write("same", draw=draw, scores=swapped)
    text = report([cells.root])
    assert "| **83.33 ± " in line(text, "| good ") and "#1** " in line(text, "| good ")
    assert "| +33.33 ± " in line(text, "| good ")
    assert line(text, "| good ").rstrip(" |").endswith("better")
    assert "#4" in line(text, "| bad ") and "-50.00 ± " in line(text, "| bad ") and "**" not in line(text, "| bad ")
    assert line(text, "| bad ").rstrip(" |").endswith("worse")
    # 33 points below the best and still rank 1: it and `good` differ by one or by minus a third on each image.
    assert "#1** " in line(text, "| same ") and line(text, "| same ").rstrip(" |").endswith("tie")


def test_what_users_must_know_is_said(study):
    study.write("text-only")
    text = report([study.root])
    for words in (
        "everything else is our reading; see `madbench show model mad`",
        "`text-only` (SNLI-VE): from scratch.",
        "counted under `labels: teacher`",
        "evaluation sets: val 60 items, 20 images",
        "draws 0-2; seeds 0; training data 1 % (400 rows); madbench 0.1.0",
        "not run: text-only, VCR: all runs",
        "ceiling 98.00",
    ):
        assert words in text, words


def test_real_data_that_is_not_official_and_shared_images_are_marked(cells):
    def mark(content):
        content["data"].update(official=False, official_problems=["val has 10 rows, 26534 expected"])
        content["data"].update(image_overlap="by-construction")

    cells.write("random", "vcr", source="real", edit=mark)
    text = report([cells.root])
    assert "VCR: not official counts: val has 10 rows, 26534 expected." in text
    assert "share images by construction" in text


@pytest.mark.parametrize("format", ["md", "csv", "json", "latex", "html"])
def test_the_same_records_give_the_same_bytes_wherever_they_lie(study, tmp_path, format):
    study.fail("clip-td")
    first = report([study.root], format=format)
    copy = tmp_path / "another" / "place"
    shutil.copytree(study.root, copy)
    assert report([copy], format=format) == first
    assert str(tmp_path) not in first


def test_csv_and_json_carry_every_digit(study):
    record = json.loads(next(study.root.glob("mad/domainshift@1/vqa/*/record.json")).read_text())
    exact = record["conditions"][0]["metrics"]["vqa_accuracy"]
    rows = [
        row
        for row in csv.DictReader(io.StringIO(report([study.root], format="csv")))
        if (row["model"], row["protocol"], row["task"], row["role"]) == ("mad", "domainshift@1", "vqa", "id")
    ]
    assert [float(row["value"]) for row in rows] == [exact]
    assert float(rows[0]["low"]) < exact < float(rows[0]["high"])
    assert float(rows[0]["difference"]) != 0
    content = json.loads(report([study.root], format="json"))
    values = [
        one["estimate"]["value"]
        for row in content["tables"][0]["rows"]
        if row["model"] == "mad"
        for one in row["cells"]
        if (one["task"], one["role"]) == ("vqa", "id")
    ]
    assert values == [exact]


def test_csv_and_json_leave_unknown_empty(cells):
    cells.write("mad", predictions=False)
    row = next(csv.DictReader(io.StringIO(report([cells.root], format="csv"))))
    assert (row["half_width"], row["difference"], row["basis"]) == ("", "", "")
    found = json.loads(report([cells.root], format="json"))["tables"][0]["rows"][0]["cells"][0]
    assert found["estimate"]["half_width"] is None and found["difference"] is None


def test_published_results_stand_only_on_boards_of_real_data(study):
    assert "Published" not in report([study.root])
    study.write("student", "snli_ve", source="real")
    text = report([study.root])
    before, _, after = text.partition("## Published (not measured here; other splits and data)")
    assert "lowshot-1pct@1 on mini data" in before and "lowshot-1pct@1 on real data" in before
    assert before.rindex("on real data") > before.rindex("on mini data"), "mini must not be next to published results"
    assert "80.32" in after and "MAD" in after
    assert "q2a 79.60" not in after, "no real vcr data here"
    assert "confidence)" not in after
    assert "recall (high confidence)" in report([study.root], published="all")
    assert "Published" not in report([study.root], published="none")


def test_unknown_formats_name_what_exists(study):
    with pytest.raises(UsageError) as caught:
        report([study.root], format="docx")
    assert "no report format 'docx'" in str(caught.value)
    assert caught.value.fix == "choose one of csv, html, json, latex, md"
    with pytest.raises(UsageError, match="--published is 'some'"):
        report([study.root], published="some")


def test_no_records_say_what_to_run(tmp_path):
    with pytest.raises(DataMissing, match="no records to report on") as caught:
        report([tmp_path])
    assert "madbench run" in caught.value.fix


def test_strict_takes_a_whole_board_and_refuses_a_hole(study):
    assert report([study.root], strict=True) == report([study.root])
    study.write("clip-td", draw=0)
    with pytest.raises(NotComparable) as caught:
        report([study.root], strict=True)
    assert "not run: clip-td, SNLI-VE: draw 1 seed 0, draw 2 seed 0" in str(caught.value)
    assert caught.value.exit_code == 4


def test_strict_refuses_what_would_vanish(cells):
    cells.write("student")
    cells.write("mad", protocol="lowshot-5pct", comparable=False)
    with pytest.raises(NotComparable) as caught:
        report([cells.root], strict=True)
    assert "limited: lowshot-5pct@1 on mini: 1 records of mad are hidden" in str(caught.value)
    assert "limited: lowshot-5pct@1 on mini" in report([cells.root])


def test_strict_refuses_conditions_that_some_runs_lack_and_rows_without_item_scores(cells):
    def lose(content):
        content["conditions"][1] |= {"available": False, "metrics": None, "reason": "no file"}

    for draw in range(2):
        cells.write("student", draw=draw, shifted=("ve-hard", "rows"))
        cells.write("mad", draw=draw, shifted=("ve-hard", "rows"), edit=lose if draw else None)
    with pytest.raises(NotComparable) as caught:
        report([cells.root], strict=True)
    assert "not scored: mad, SNLI-VE: ve-hard in draw 1 seed 0" in str(caught.value)
    cells.write("clip-td", draw=0, predictions=False)
    cells.write("clip-td", draw=1, predictions=False)
    with pytest.raises(NotComparable, match="no item scores: clip-td, lowshot-1pct@1, snli_ve, draw 0"):
        report([cells.root], strict=True)


def test_draws_that_the_protocol_declares_and_nobody_ran_are_said_and_refused(cells):
    from madbench.protocols import load_protocol

    known = load_protocol("lowshot-1pct").hash
    for draw in (0, 2):
        cells.write("student", draw=draw, edit=lambda content: content["protocol"].update(hash=known))
    assert "draws 0, 2 of 5 declared; seeds 0;" in report([cells.root])
    with pytest.raises(NotComparable, match="not run: draws 1, 3-4 of the 5 declared"):
        report([cells.root], strict=True)


def test_a_condition_that_no_source_has_is_no_evaluation_set(cells):
    def lose(content):
        content["conditions"][1] |= {"available": False, "metrics": None, "n": None, "n_images": None}
        del content["conditions"][2:]

    cells.write("student", shifted=("ve-hard", "rows"), edit=lose)
    text = report([cells.root])
    assert "differing number" not in text and "SNLI-VE evaluation sets: test 60 items, 20 images" in text
    assert "condition `ve-hard` is not available" in text


def test_check_accepts_its_own_output_below_any_preface_and_shows_what_changed(study, tmp_path):
    board = tmp_path / "mini.md"
    text = report([study.root], out=board)
    assert board.read_text() == text
    board.write_text("`madbench run --model mad`\n\n" + text)
    report([study.root], check=board)
    study.fail("clip-td")
    with pytest.raises(NotComparable) as caught:
        report([study.root], check=board)
    assert "is stale" in str(caught.value)
    assert "+- failed: clip-td" in str(caught.value)
    (study.root / "clip-td").rename(tmp_path / "elsewhere")
    board.write_text(text + "---\n-- mad wins everywhere\n++ and so on\n")
    with pytest.raises(NotComparable, match="3 lines differ"):
        report([study.root], check=board)
    with pytest.raises(DataMissing, match="no file"):
        report([study.root], check=tmp_path / "absent.md")


def test_the_package_can_be_called_like_the_function_it_is_named_after(study):
    # `madbench.report` is the function until this package is imported, and the package afterwards.
    assert madbench.report([study.root]) == report([study.root])


def test_percent_has_two_decimals_and_no_negative_zero():
    assert [percent(0.12345), percent(-0.00001), percent(-0.00001, sign=True)] == ["12.35", "0.00", "0.00"]
    assert [percent(0.5, sign=True), percent(-0.5, sign=True)] == ["+50.00", "-50.00"]


def test_what_all_tables_say_is_said_once_above_them(study):
    text = report([study.root])
    assert text.count("say nothing about the real data sets") == 1
    assert text.index("On all tables of mini data:") < text.index("## domainshift@1")
    assert "On all tables" not in report([study.root / "mad" / "lowshot-1pct@1"]), "one table keeps its notes"


def test_a_row_says_its_runs_once_and_a_cell_only_where_it_rests_on_others(cells):
    for draw in range(3):
        for task in ("vcr", "snli_ve", "vqa"):
            for model in ("student", "mad"):
                cells.write(model, task, draw=draw, shifted=("rule-singular", "transform"))
    section = report([cells.root], board="protocol").partition("### VCR, q2ar")[2].partition("###")[0]
    assert "(n=" not in section and line(section, "| mad ").split("|")[2].strip() == "3×1"


def test_marks_of_some_runs_are_counted_in_one_line_a_row(cells):
    for draw, off in enumerate([1, 1, 3]):
        note = f"gates off {off} of 3"
        cells.write("mad", draw=draw, edit=lambda content, note=note: content["model"].update(notes=[note, "warm"]))
    found = [one for one in report([cells.root]).splitlines() if one.startswith("- `mad`")]
    assert found == [
        "- `mad` (SNLI-VE): warm.",
        "- `mad`, not in every run (in how many stands in brackets): SNLI-VE, 3 runs: gates off 1 of 3 (2), gates off 3 of 3 (1).",
    ]


def test_costs_that_are_nowhere_are_named_and_take_no_column(cells):
    cells.write("student")
    text = report([cells.root], board="cost")
    header = line(text, "| model ")
    assert "labels: train" in header and "labels: tune" not in header and "peak GPU memory" not in header
    assert "0 in every row: labels: select, labels: tune, labels: teacher, unlabelled." in text
    assert "Not recorded: cached teacher s, peak GPU memory, labels: vocabulary." in text
