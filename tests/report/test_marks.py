"""What tables say about exposure, attacks, foreign trainings and conditions with other metrics."""

import csv
import io
import json

import numpy as np
import pytest

from madbench.report import report

REASON = "SNLI-VE splits SNLI anew by image"


def rows_of(text, label):
    return [line for line in text.splitlines() if line.startswith(f"| {label}")]


def notes(text):
    return [line[2:] for line in text.splitlines() if line.startswith("- ")]


def exposed(content):
    content["model"]["seen"] = ["snli-train"]
    content["exposure"] = [{"condition": "test", "seen": "snli-train", "level": "text", "reason": REASON}]


def test_exposed_values_carry_a_dagger_and_the_note_says_by_what(cells):
    cells.write("student", source="real", scores=np.full(60, 0.5))
    cells.write("warm", source="real", scores=np.full(60, 0.25), shifted=("ve-hard", "rows"), edit=exposed)
    text = report([cells.root], published="none")
    headline = rows_of(text, "warm ")[0].split("|")
    assert headline[2].strip() == "25.00† ± 0.00 (n=1×1) #2"
    assert headline[4].strip() == "25.00 ± 0.00 (n=1×1)", "the shifted condition is not exposed by this record"
    assert headline[5].strip().startswith("0.00† "), "a gap to an exposed number"
    assert "†" not in rows_of(text, "student ")[0]
    assert f"`warm` (SNLI-VE): † on `test`: its initial weights saw snli-train (text): {REASON}." in notes(text)
    lines = csv.DictReader(io.StringIO(report([cells.root], format="csv")))
    marked = {(row["condition"], row["role"]) for row in lines if row["exposed"] == "true"}
    assert {("test", "id"), ("ve-hard", "gap")} <= marked and ("ve-hard", "shifted") not in marked


def test_seen_data_that_exposes_nothing_is_named_without_a_dagger(cells):
    def edit(content):
        content["model"]["seen"], content["exposure"] = ["clip-wit-400m"], []

    cells.write("warm", edit=edit)
    text = report([cells.root])
    assert "†" not in rows_of(text, "warm")[0]
    assert (
        "`warm` (SNLI-VE): its initial weights saw clip-wit-400m, which is not known to expose a condition here."
        in text
    )


def test_records_from_before_the_audit_keep_the_dagger_on_the_name(cells):
    cells.write("warm", edit=lambda content: content["model"].update(seen=["snli-train"]))
    text = report([cells.root])
    assert rows_of(text, "warm†")
    assert "`warm` (SNLI-VE): † its initial weights saw snli-train." in notes(text)


def test_a_training_nobody_saw_has_a_mark_of_its_own(cells):
    def edit(content):
        content["model"]["notes"] = ["training not witnessed", "trained with our code"]
        content["data"]["answer_space"] = None

    cells.write("theirs", "vqa", edit=edit, division="external")
    text = report([cells.root])
    assert rows_of(text, "theirs (external)‡")
    assert [one for one in notes(text) if one.startswith("`theirs")] == [
        "`theirs (external)` (VQA): trained with our code.",
        "`theirs (external)` (VQA): ‡ external: training not witnessed.",
    ]


def attacked(by, **facts):
    def edit(content):
        about = {"attack": by, "origin": "", "rows_without_scores": 2, "scores_sha256": "0" * 64, **facts}
        content["conditions"][1].update(about=about, files=["0" * 64])

    return edit


ATTACK = {"model": "student", "protocol": "full@1", "train_id": "abcdef0123456789"}


def test_an_attack_names_its_model_and_marks_the_one_that_attacks_itself(cells):
    for model in ("student", "mad"):
        cells.write(model, "vcr", shifted=("adv-top1", "transform"), edit=attacked(ATTACK))
    text = report([cells.root])
    assert rows_of(text, "student (baseline, white-box)") and not rows_of(text, "mad (white-box)")
    assert (
        "VCR adv-top1: attack by `student` (full@1, train id abcdef012345). The row marked white-box is the attack model "
        "itself." in notes(text)
    )
    assert "VCR adv-top1: rows without scores 2." in notes(text)


def test_an_attack_by_nobody_known_says_so(cells):
    cells.write("mad", "vcr", shifted=("adv-top1", "transform"), edit=attacked(None))
    assert "VCR adv-top1: attack by a model that the score file does not name." in notes(report([cells.root]))


def test_two_score_files_never_share_a_column(cells):
    def other(content):
        attacked(ATTACK)(content)
        content["conditions"][1]["files"] = ["1" * 64]

    cells.write("student", "vcr", shifted=("adv-top1", "transform"), edit=attacked(ATTACK))
    cells.write("mad", "vcr", shifted=("adv-top1", "transform"), edit=other)
    text = report([cells.root])
    assert "VCR stands apart from the table above: other files behind its shifts." in text


def second_split(name, **changes):
    """The transform of a cell, turned into a split of its own, as `cp-test` and GQA-OOD are."""

    def edit(content):
        split = content["conditions"][1]
        split.update(kind="split", of=None, shift=None, split=name, **changes)
        del content["conditions"][2]

    return edit


@pytest.mark.parametrize("model", ["student", "mad"])
def test_a_shifted_split_of_its_own_has_a_gap_to_the_id_rows(cells, model):
    cells.write(model, "vqa", shifted=("cp-test", "transform"), edit=second_split("cp-test"))
    text = report([cells.root], baseline=model)
    content = json.loads(report([cells.root], format="json", baseline=model))
    by_role = {one["role"]: one["estimate"] for one in content["tables"][0]["rows"][0]["cells"]}
    assert by_role["gap"]["value"] == pytest.approx(by_role["id"]["value"] - by_role["shifted"]["value"])
    assert by_role["gap"]["value"] != 0 and by_role["gap"]["half_width"] > 0
    assert "gap VQA cp-test" in text
    assert not {"selection", "modification", "control"} & set(by_role)


def test_a_condition_with_another_metric_is_shown_by_it_and_has_no_gap(cells):
    def edit(content):
        second_split("gqa-ood-testdev-tail")(content)
        value = content["conditions"][1]["metrics"]["vqa_accuracy"]
        content["conditions"][1].update(metrics={"accuracy": value}, metric_versions={"accuracy": "1"})

    cells.write("student", "vqa", shifted=("gqa-ood-testdev-tail", "transform"), edit=edit)
    cells.write("mad", "vqa", shifted=("gqa-ood-testdev-tail", "transform"), edit=edit)
    text = report([cells.root])
    header = rows_of(text, "model")[0]
    assert "VQA gqa-ood-testdev-tail (shifted), accuracy ↑" in header and "gap" not in header
    content = json.loads(report([cells.root], format="json"))
    found = [one for one in content["tables"][0]["rows"][0]["cells"] if one["condition"] == "gqa-ood-testdev-tail"]
    assert [(one["metric"], one["role"]) for one in found] == [("accuracy", "shifted")]
    assert found[0]["estimate"]["half_width"] > 0
    assert "stored predictions do not give" not in text


def test_metrics_over_groups_stand_in_the_detail_without_an_interval(cells):
    def edit(content):
        second_split("rephrasings")(content)
        content["conditions"][1]["metrics"]["consensus:k=2"] = 0.4321

    cells.write("student", "vqa", shifted=("rephrasings", "transform"), edit=edit)
    text = report([cells.root])
    assert "| 43.21 " in text and "gap VQA rephrasings" in text
