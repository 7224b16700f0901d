import json

import pytest

from madbench.errors import DataMalformed
from madbench.tasks.contract import ShiftInputs
from madbench.tasks.snli_ve import reader
from madbench.tasks.snli_ve.shift_files import write_corrected, write_hard
from madbench.tasks.snli_ve.shifts import ve_hard


def test_ve_hard_keeps_lines_byte_for_byte(root, tmp_path):
    said = write_hard(root / "snli_ve_dev.jsonl", tmp_path / "out", {"train": root / "snli_ve_train.jsonl"})
    rows = reader.read_pairs(root / "snli_ve_dev.jsonl")
    hard = ve_hard(rows, ShiftInputs(lambda: reader.read_pairs(root / "snli_ve_train.jsonl")))
    lines = (root / "snli_ve_dev.jsonl").read_bytes().splitlines()
    assert (tmp_path / "out").read_bytes().splitlines() == [
        line for line in lines if json.loads(line)["pairID"] in set(hard)
    ]
    assert said.startswith(f"5 pairs read, {len(hard)} kept")


def test_corrected_labels_change_the_label_and_nothing_else(root, tmp_path):
    labels = tmp_path / "esnlive_dev.csv"
    labels.write_text(
        ",pairID,Flickr30kID,hypothesis,gold_label,explanation\n"
        "0,9100000101.jpg#0r1n,9100000101.jpg,The woman is waiting for her sister.,entailment,x\n"
        "1,9100000101.jpg#0r1e,9100000101.jpg,Someone is outside.,entailment,x\n"
    )
    source, output = root / "snli_ve_dev.jsonl", tmp_path / "out.jsonl"
    said = write_corrected(source, output, {"labels": labels})
    before = {json.loads(line)["pairID"]: line for line in source.read_text().splitlines()}
    after = [json.loads(line) for line in output.read_text().splitlines()]
    assert [one["pairID"] for one in after] == [pair for pair in before if pair.startswith("9100000101.jpg#0r1")][:2]
    for line, record in zip(output.read_text().splitlines(), after, strict=True):
        original = json.loads(before[record["pairID"]])
        assert list(record) == list(original)
        assert {**record, "gold_label": original["gold_label"]} == original
        if record["gold_label"] == original["gold_label"]:
            assert line == before[record["pairID"]]
    assert "2 kept, 1 changed" in said
    assert len(reader.read_pairs(output)) == 2


def test_a_label_file_of_other_pairs_is_refused(root, tmp_path):
    with pytest.raises(DataMalformed, match="not one of the 5 pairs"):
        write_corrected(
            root / "snli_ve_test.jsonl",
            tmp_path / "out.jsonl",
            {"labels": root / "esnlive" / "esnlive_dev.csv"},
        )
