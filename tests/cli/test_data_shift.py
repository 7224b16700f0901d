"""`madbench data shift` as typed: the authors' results field by field, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent.parent / "data" / "vcr" / "shift_golden.jsonl"
FIXTURES = Path(__file__).parent.parent / "data" / "vcr" / "fixtures"
RULES = {"rule-singular": "singular", "rule-plural": "plural"}
MODES = {
    "adv-top1": "remove_shortcut",
    "keep-top1": "keep_shortcut_1",
    "keep-top3": "keep_shortcut_3",
    "keep-top5": "keep_shortcut_5",
}


def lines_of(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def flat(choice):
    return [word for token in choice for word in ([token] if isinstance(token, str) else [f"tag{t}" for t in token])]


def score_row(line):
    annot, losses = line["annot"], line["losses"]
    row = {"annot_id": annot["annot_id"]}
    for part in ("answer", "rationale"):
        row[f"{part}_label"] = annot[f"{part}_label"]
        row[f"{part}_tokens"] = [flat(choice) for choice in annot[f"{part}_choices"]]
        row[f"{part}_losses"] = losses[part]
    return row


@pytest.fixture(scope="module")
def golden():
    return lines_of(GOLDEN)


@pytest.fixture
def place(tmp_path, golden):
    """val.jsonl and scores.jsonl of the golden rows, and where the output goes."""
    write_lines(tmp_path / "val.jsonl", [line["annot"] for line in golden])
    write_lines(tmp_path / "scores.jsonl", [score_row(line) for line in golden])
    return tmp_path


def shift(madbench, place, name, *more, source="val.jsonl"):
    return madbench("data", "shift", name, "--input", place / source, "--output", place / "out.jsonl", *more)


def same_rows(written, expected):
    assert [list(row.items()) for row in written] == [list(row.items()) for row in expected]


@pytest.mark.parametrize("rule", RULES)
def test_rules_give_the_golden_rows(madbench, place, golden, rule):
    result = shift(madbench, place, rule)
    assert result.code == 0, result.err
    kept = [line for line in golden if line[RULES[rule]] is not None]
    parts = ("answer_choices", "rationale_choices")
    expected = [{**line["annot"], **{part: line[RULES[rule]][part] for part in parts}} for line in kept]
    same_rows(lines_of(place / "out.jsonl"), expected)
    assert f"150 rows read, {len(kept)} kept" in result.out
    assert not list(place.glob(".out*"))


@pytest.mark.parametrize("mode", MODES)
def test_adversarial_modes_give_the_golden_rows(madbench, place, golden, mode):
    result = shift(madbench, place, mode, "--scores", place / "scores.jsonl")
    assert result.code == 0, result.err
    expected = []
    for line in golden:
        hidden = line["adversarial"][MODES[mode]]
        changed = {"answer_choices": hidden["answer"], "rationale_choices": hidden["rationale"]}
        expected.append({**line["annot"], **changed})
    same_rows(lines_of(place / "out.jsonl"), expected)
    assert "150 rows read, 150 kept" in result.out and "without scores" not in result.out


def test_the_correct_choices_can_be_left_alone(madbench, place, golden):
    result = shift(madbench, place, "keep-top1", "--scores", place / "scores.jsonl", "--only-distractors")
    assert result.code == 0, result.err
    for row, line in zip(lines_of(place / "out.jsonl"), golden, strict=True):
        label, before = row["answer_label"], line["annot"]["answer_choices"]
        hidden = line["adversarial"]["keep_shortcut_1"]["answer"]
        assert row["answer_choices"] == [before[at] if at == label else hidden[at] for at in range(4)]


def test_rows_without_scores_stay_and_are_counted(madbench, place, golden):
    write_lines(place / "scores.jsonl", [score_row(line) for line in golden[:100]])
    result = shift(madbench, place, "adv-top1", "--scores", place / "scores.jsonl")
    assert "150 rows read, 150 kept, 100 changed, 50 without scores written unchanged" in result.out
    same_rows(lines_of(place / "out.jsonl")[100:], [line["annot"] for line in golden[100:]])


def test_scores_of_another_split_are_refused(madbench, place, golden):
    write_lines(
        place / "scores.jsonl", [{**score_row(line), "annot_id": f"train-{at}"} for at, line in enumerate(golden)]
    )
    result = shift(madbench, place, "adv-top1", "--scores", place / "scores.jsonl")
    assert result.code == 3 and "none of the 150 rows to change has losses" in result.err
    assert not (place / "out.jsonl").exists()


def test_the_fixtures_keep_every_field_of_the_official_layout(madbench, place):
    rows = lines_of(FIXTURES / "val.jsonl")
    write_lines(place / "official.jsonl", rows)
    assert shift(madbench, place, "rule-singular", source="official.jsonl").code == 0
    before = {row["annot_id"]: row for row in rows}
    for row in lines_of(place / "out.jsonl"):
        original = before[row["annot_id"]]
        assert list(row) == list(original)
        assert all(row[name] == original[name] for name in row if not name.endswith("_choices"))


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("rule-singlar",), 2, "did you mean 'rule-singular'"),
        (("rule-singular", "--scores", "scores.jsonl"), 2, "rule-singular takes no --scores"),
        (("rule-singular", "--only-distractors"), 2, "takes no --only-distractors"),
        (("adv-top1", "--ids", "val.jsonl"), 2, "adv-top1 takes no --ids"),
        (("adv-top1",), 2, "adv-top1 needs --scores"),
        (("adv-top1", "--scores", "absent.jsonl"), 3, "file not found"),
        (("adv-top1", "--scores", "val.jsonl"), 3, "val.jsonl:1"),
    ],
)
def test_wrong_options_are_told(madbench, place, monkeypatch, arguments, code, told):
    monkeypatch.chdir(place)
    result = shift(madbench, place, *arguments)
    assert (result.code, told in result.err) == (code, True), result.err
    assert result.err.splitlines()[-1].startswith("fix: ") and not (place / "out.jsonl").exists()


@pytest.mark.parametrize("output", ["val.jsonl", "there.jsonl", "folder"])
def test_no_file_is_replaced_unasked(madbench, place, output):
    (place / "there.jsonl").write_text("mine")
    (place / "folder").mkdir()
    before = (place / "val.jsonl").read_bytes()
    command = ("data", "shift", "rule-plural", "--input", place / "val.jsonl", "--output", place / output)
    result = madbench(*command)
    assert result.code == 2 and (place / "val.jsonl").read_bytes() == before
    assert (place / "there.jsonl").read_text() == "mine"
    again = madbench(*command, "--overwrite")
    assert again.code == (0 if output == "there.jsonl" else 2)


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda row: row.pop("question"), "'question' is missing"),
        (lambda row: row.update(answer_label=4), "'answer_label' must be 0 to 3"),
        (lambda row: row["answer_choices"].pop(), "'answer_choices' must have 4 choices"),
        (lambda row: row["answer_choices"][0].append([99]), "tag 99"),
        (lambda row: row.update(annot_id="val-16"), "stands already on line 1"),
        (lambda row: [row.pop("answer_label"), row.pop("rationale_label")], "no labels"),
    ],
)
def test_a_bad_row_is_told_with_its_line(madbench, place, golden, edit, told):
    rows = json.loads(json.dumps([line["annot"] for line in golden[:4]]))
    edit(rows[2])
    write_lines(place / "val.jsonl", rows)
    for name, *more in (("rule-plural",), ("adv-top1", "--scores", place / "scores.jsonl")):
        result = shift(madbench, place, name, *more)
        assert result.code == 3 and told in result.err and "val.jsonl:3" in result.err
        assert not (place / "out.jsonl").exists()


def test_unlabelled_files_are_refused(madbench, place):
    (place / "test.jsonl").write_bytes((FIXTURES / "test.jsonl").read_bytes())
    result = shift(madbench, place, "rule-singular", source="test.jsonl")
    assert result.code == 3 and "no labels" in result.err


def test_names_belong_to_one_task_each():
    from madbench.registry import resolve
    from madbench.tasks.shift_files import FILES, FLAGS, TABLES, file_shifts

    tables = {task: resolve(table) for task, table in TABLES.items()}
    assert len(file_shifts()) == sum(map(len, tables.values()))
    for task, table in tables.items():
        for name, one in table.items():
            assert (one.name, one.task) == (name, task)
            assert set(one.needs) <= set(one.takes) <= {*FILES, *FLAGS}
