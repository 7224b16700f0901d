"""`report --mixed`: contents that stand apart by default, in one table that says which row is of which."""

import csv
import io
import json

import numpy as np
import pytest

from madbench.errors import NotComparable
from madbench.report import report

FORMATS = ["md", "csv", "json", "latex", "html"]
OTHER_PROTOCOL, OTHER_DATA = "e" * 64, "f" * 64


def other_protocol(content):
    content["protocol"].update(task_hash=OTHER_PROTOCOL)


def other_data(content):
    content["data"].update(fingerprint=OTHER_DATA)


@pytest.fixture
def two_contents(cells):
    """student, mad and clip-td of one content; mad and naive-kd of another protocol hash."""
    right = np.ones(60)
    for model, scores in (("student", np.zeros(60)), ("mad", right), ("clip-td", right)):
        cells.write(model, scores=scores)
    for model in ("mad", "naive-kd"):
        cells.write(model, scores=right, train_id="b", edit=other_protocol)
    return cells


def tables(cells, **options):
    return json.loads(report([cells.root], format="json", **options))["tables"]


def first_cells(table):
    """label -> its cell of the unshifted condition."""
    return {row["model"]: row["cells"][0] for row in table["rows"]}


def test_the_default_keeps_contents_in_tables_apart(two_contents):
    assert [[row["model"] for row in table["rows"]] for table in tables(two_contents)] == [
        ["student", "clip-td", "mad"],
        ["mad", "naive-kd"],
    ]


def test_mixed_puts_them_in_one_table_and_each_row_says_its_content(two_contents):
    (table,) = tables(two_contents, mixed=True)
    assert {row["model"]: row["content"] for row in table["rows"]} == {
        "student": "A",
        "clip-td": "A",
        "mad": "A",
        "mad [B]": "B",
        "naive-kd [B]": "B",
    }
    assert [one["letter"] for one in table["contents"]] == ["A", "B"]
    assert table["contents"][1]["tasks"]["snli_ve"]["protocol hash"] == OTHER_PROTOCOL
    assert "another protocol hash" in table["contents"][1]["differs_from_a"]


def test_across_contents_nothing_is_compared(two_contents):
    apart = tables(two_contents)
    (table,) = tables(two_contents, mixed=True)
    found, alone = first_cells(table), first_cells(apart[0])
    for label in ("student", "mad", "clip-td"):
        assert found[label] == alone[label], "rows of the baseline's content are what they were"
    for label, before in first_cells(apart[1]).items():
        other = found[f"{label} [B]"]
        assert (other["verdict"], other["difference"], other["rank"]) == ("mixed", None, None)
        assert other["estimate"] == before["estimate"]
    # Rank 1 of its own table, and perfect: here nobody may say that it beats anybody.
    assert first_cells(apart[1])["mad"]["rank"] == 1


def test_markdown_names_each_content_in_full_and_shows_no_difference_across(two_contents):
    text = report([two_contents.root], mixed=True)
    headline = text.partition("### ")[0]
    lines = {line.split("|")[1].strip(): line for line in headline.splitlines() if line.startswith("| ")}
    assert f"B {OTHER_PROTOCOL[:8]}/" in lines["mad [B]"]
    assert "mixed" in lines["mad [B]"] and "#" not in lines["mad [B]"] and "**" not in lines["mad [B]"]
    assert "better" in lines["mad"] and "#1**" in lines["mad"]
    legend = next(line for line in text.splitlines() if line.startswith("- **B**"))
    assert f"protocol hash `{OTHER_PROTOCOL}`" in legend and "not as A: another protocol hash" in legend
    assert "among the rows of content A only, that of the baseline" in text


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_tells_contents_apart_and_is_the_same_each_time(two_contents, format):
    text = report([two_contents.root], format=format, mixed=True)
    assert text == report([two_contents.root], format=format, mixed=True)
    assert "naive-kd [B]" in text and OTHER_PROTOCOL in text and "mixed" in text
    assert "naive-kd [B]" not in report([two_contents.root], format=format)


@pytest.mark.parametrize("format", FORMATS)
def test_without_a_second_content_mixed_changes_nothing(study, format):
    assert report([study.root], format=format, mixed=True) == report([study.root], format=format)


def test_csv_has_the_hashes_of_each_row(two_contents):
    rows = csv.DictReader(io.StringIO(report([two_contents.root], format="csv", mixed=True)))
    found = {(row["model"], row["content"], row["protocol_hash"] == OTHER_PROTOCOL) for row in rows if row["model"]}
    assert ("mad", "A", False) in found and ("mad [B]", "B", True) in found
    assert {one[1:] for one in found} == {("A", False), ("B", True)}


def test_strict_refuses_mixed_contents_either_way(two_contents):
    for mixed in (False, True):
        with pytest.raises(NotComparable, match="mixed: SNLI-VE: another protocol hash") as caught:
            report([two_contents.root], strict=True, mixed=mixed)
        assert caught.value.exit_code == 4


def test_check_compares_with_what_mixed_writes(two_contents, tmp_path):
    path = tmp_path / "board.md"
    report([two_contents.root], mixed=True, out=path)
    report([two_contents.root], mixed=True, check=path)
    with pytest.raises(NotComparable, match="is stale"):
        report([two_contents.root], check=path)


def test_the_content_of_the_baseline_is_compared_though_another_has_more_records(cells):
    for model in ("mad", "clip-td", "naive-kd"):
        cells.write(model, scores=np.ones(60))
    cells.write("student", scores=np.zeros(60), edit=other_data)
    cells.write("mad", scores=np.ones(60), train_id="b", edit=other_data)
    (table,) = tables(cells, mixed=True)
    found = first_cells(table)
    assert (found["mad"]["verdict"], found["mad"]["rank"]) == ("mixed", None)
    assert (found["mad [B]"]["verdict"], found["mad [B]"]["rank"]) == ("better", 1)
    assert "content B only, that of the baseline" in report([cells.root], mixed=True)


def test_without_a_baseline_ranks_are_those_of_the_content_with_most_records(cells):
    for model in ("mad", "clip-td"):
        cells.write(model)
    cells.write("naive-kd", edit=other_data)
    (table,) = tables(cells, mixed=True)
    found = first_cells(table)
    assert found["mad"]["rank"] is not None and found["naive-kd [B]"]["rank"] is None
    assert found["naive-kd [B]"]["verdict"] is None
    text = report([cells.root], mixed=True)
    assert "content A only, which has most records" in text and "No differences: no row of" in text


def test_contents_may_differ_by_task_and_by_what_hashes_do_not_show(cells):
    for model in ("student", "mad"):
        cells.write(model)
        cells.write(model, "vqa")
    cells.write("clip-td", edit=lambda content: content["conditions"][0]["metric_versions"].update(accuracy="2"))
    cells.write("clip-td", "vqa", edit=other_data)
    text = report([cells.root], mixed=True)
    assert "metrics accuracy v2" in text and "not as A: other metric versions" in text
    parts = text.split("### ")
    snli_ve = next(part for part in parts if part.startswith("SNLI-VE, accuracy"))
    vqa = next(part for part in parts if part.startswith("VQA, vqa_accuracy"))
    assert "clip-td [B]" in snli_ve and "clip-td [C]" not in snli_ve
    assert "clip-td [C]" in vqa and "clip-td [B]" not in vqa


def test_missing_runs_are_those_of_a_content(cells):
    for model in ("student", "mad"):
        cells.write(model, draw=0)
    cells.write("clip-td", draw=1, edit=other_data)
    cells.write("mad", draw=1, train_id="b", edit=other_data)
    cells.write("clip-td", draw=2, edit=other_data)
    (table,) = tables(cells, mixed=True)
    assert table["incomplete"] == ["not run: mad, SNLI-VE: draw 2 seed 0 of content A"]


def test_shifts_that_one_content_lacks_are_empty_there(cells):
    def without_shifts(content):
        other_protocol(content)
        content["conditions"] = content["conditions"][:1]

    for model in ("student", "mad"):
        cells.write(model, "vcr", shifted=("rule-singular", "transform"))
    cells.write("clip-td", "vcr", edit=without_shifts)
    (table,) = tables(cells, mixed=True)
    row = next(row for row in table["rows"] if row["model"] == "clip-td [B]")
    states = {(cell["condition"], cell["role"]): cell["state"] for cell in row["cells"]}
    assert states["val", "id"] == "done" and states["rule-singular", "shifted"] == "missing"
    assert next(cell for cell in row["cells"] if cell["role"] == "id")["items"] == 60


def test_mini_and_real_stay_apart_and_curves_are_of_the_main_content(study):
    study.write("mad", source="real")
    # 1 % and, by another protocol, 5 %: a curve.
    for model in ("student", "mad"):
        study.write(model, protocol="lowshot-5pct", edit=lambda content: content["data"].update(train_fraction=0.05))
    study.write("mad", "snli_ve", train_id="b", edit=other_data)
    plain, mixed = (json.loads(report([study.root], format="json", mixed=one)) for one in (False, True))
    assert mixed["curves"] == plain["curves"] != []
    assert {table["source"] for table in mixed["tables"]} == {"mini", "real"}
    assert len(mixed["tables"]) == len(plain["tables"]) - 1
