"""An archive of records: the same bytes each time, the same boards as from the folder, nothing that should not be shared."""

import gzip
import json

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from madbench.errors import DataMalformed, UsageError
from madbench.files import read_json, write_json
from madbench.report import report
from madbench.report.archive import CODES, read_archive, write_archive
from madbench.report.predictions import Predictions
from madbench.report.records import load_runs


@pytest.fixture
def archive(study, tmp_path):
    study.fail("mad", draw=3)
    path = tmp_path / "board.records.jsonl.gz"
    assert write_archive([study.root], path) == (36, 1)
    return path


@pytest.mark.parametrize("format", ["md", "csv", "json"])
def test_a_board_from_an_archive_is_that_of_the_folder_byte_for_byte(study, archive, format):
    assert report([archive], format=format) == report([study.root], format=format)


def test_the_same_records_give_the_same_bytes_and_an_archive_can_be_archived(study, archive, tmp_path):
    for place, source in enumerate((study.root, archive)):
        again = tmp_path / f"again-{place}.records.jsonl.gz"
        write_archive([source], again)
        assert again.read_bytes() == archive.read_bytes()


def test_a_folder_and_an_archive_stand_side_by_side(study, archive, cells, tmp_path):
    # A record that is in both counts once.
    assert len(load_runs([archive, study.root]).records) == 36


def test_item_scores_come_back_to_the_last_bit(cells, tmp_path):
    values = np.random.default_rng(0).random(60)
    cells.write("student", "vqa", scores=values)
    cells.write("mad", "vqa", scores=np.full(60, 1 / 3))
    path = tmp_path / "b.jsonl.gz"
    write_archive([cells.root], path)
    read = {record.model: record for record in read_archive(path)[0]}
    for record in load_runs([cells.root]).records:
        was, now = (Predictions().scored(one, "val").scores["main"] for one in (record, read[record.model]))
        assert np.array_equal(was, now)


def test_columns_keep_their_order_and_groups_their_names(cells, tmp_path):
    file = cells.write("student", "vqa") / "predictions" / "val@100.parquet"
    table = pyarrow.parquet.read_table(file)
    for kind, names in (
        ("question_type", ["is the", "how many", None]),
        ("answer_type", ["yes/no", "number", "other"]),
    ):
        column = pyarrow.array((names * 20)[: table.num_rows]).dictionary_encode()
        table = table.append_column(f"group_{kind}", column)
    pyarrow.parquet.write_table(table, file)
    write_archive([cells.root], tmp_path / "b.jsonl.gz")
    ((record,), _) = read_archive(tmp_path / "b.jsonl.gz")
    kept = record.archived.table("val")
    wanted = [name for name in table.column_names if name not in ("main_prediction", "main_scores")]
    assert sorted(kept.column_names) == sorted(wanted)
    assert [name for name in kept.column_names if name.startswith("group_")] == [
        "group_question_type",
        "group_answer_type",
    ]
    for name in wanted:
        assert kept[name].to_pylist() == table[name].to_pylist()


def test_records_without_predictions_say_so_from_an_archive_too(cells, tmp_path):
    cells.write("student", predictions=False)
    write_archive([cells.root], tmp_path / "b.jsonl.gz")
    assert report([tmp_path / "b.jsonl.gz"]) == report([cells.root])
    assert "No predictions lie beside 1 of 1 records" in report([tmp_path / "b.jsonl.gz"])


def test_no_path_and_no_prediction_is_in_an_archive(cells, tmp_path):
    def reason(content):
        content["conditions"].append(
            {"name": "x", "kind": "split", "role": "shifted", "available": False, "reason": "no /home/ada/flickr/x.csv"}
        )
        content["model"]["options"] = {"weights": "C:\\Users\\ada\\w.safetensors"}

    folder = cells.write("student", edit=reason)
    write_archive([cells.root], tmp_path / "b.jsonl.gz")
    text = gzip.decompress((tmp_path / "b.jsonl.gz").read_bytes()).decode()
    assert not any(word in text for word in ("home/", "Users", str(tmp_path), "_prediction"))
    assert "no <path>/x.csv" in text
    assert "/home/ada" in (folder / "record.json").read_text()


def lines_of(path):
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def write_lines(path, lines):
    path.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode()))


def test_a_spoiled_archive_is_told_with_its_line(archive):
    whole, lines = archive.read_bytes(), lines_of(archive)
    place = next(at for at, line in enumerate(lines) if line["kind"] == "record")
    for spoil, words in (
        (lambda: archive.write_bytes(whole[: len(whole) // 2]), "not an archive of records"),
        (lambda: write_lines(archive, [{**lines[0], "form": 2}, *lines[1:]]), "in form 1"),
        (lambda: write_lines(archive, [*lines, {"kind": "surprise"}]), "a line of kind 'surprise'"),
        (lambda: write_lines(archive, [one for one in lines if one["kind"] != "items"]), "KeyError"),
        (
            lambda: write_lines(archive, [*lines, {**lines[place], "record": {"schema_version": 2}}]),
            "schema_version is 2",
        ),
    ):
        spoil()
        with pytest.raises(DataMalformed, match="records") as caught:
            report([archive])
        assert words in str(caught.value)


def test_another_name_is_refused_before_anything_is_read(cells, tmp_path):
    with pytest.raises(UsageError, match=r"packed as \.jsonl\.gz"):
        write_archive([cells.root], tmp_path / "records.json")


def test_there_is_a_character_for_each_of_the_65_question_types():
    assert len(set(CODES)) == len(CODES) >= 66 and CODES.isascii() and not set(CODES) & set('"\\ ')


def test_the_committed_board_is_that_of_the_committed_records(madbench, repository, monkeypatch):
    """Changed words or figures must be committed together with the board: see the command above its tables."""
    monkeypatch.chdir(repository)
    records = "leaderboards/mini.records.jsonl.gz"
    assert (repository / records).stat().st_size < 5 << 20
    result = madbench("report", records, "--check", "leaderboards/mini.md")
    assert result.code == 0, result.err


def test_the_committed_records_hold_no_paths(repository):
    from madbench.report.redaction import without_paths

    for line in lines_of(repository / "leaderboards" / "mini.records.jsonl.gz"):
        assert without_paths({name: value for name, value in line.items() if name != "scores"})[1] == []


def test_a_manifest_that_is_gone_only_takes_the_rows_with_it(study, tmp_path):
    folder = study.write("overlap", protocol="domainshift", shifted=("ve-hard", "rows"))
    (folder / "manifest.json").unlink()
    write_archive([study.root], tmp_path / "b.jsonl.gz")
    assert report([tmp_path / "b.jsonl.gz"]) == report([study.root])


def test_what_lies_in_a_record_is_not_changed_by_reading(study, archive):
    record = next(one for one in read_archive(archive)[0] if one.model == "mad")
    folder = next(one for one in load_runs([study.root]).records if one.content["run_id"] == record.content["run_id"])
    assert record.content == folder.content == read_json(folder.folder / "record.json")
    write_json(folder.folder / "record.json", record.content)
