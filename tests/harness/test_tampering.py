"""One edit at a time, of every field of a record and every kind of file: verify finds it and names it."""

import json
import shutil

import pytest

from madbench.cli.app import run_app
from madbench.files import read_json, write_json
from madbench.harness.digests import sealed
from madbench.harness.record_schema import CHOICE, CONDITION, FIELDS, LATER


@pytest.fixture
def copy(sealed_cell, tmp_path, monkeypatch):
    """A copy of a finished cell, to be spoiled."""
    out, cell, _ = sealed_cell
    monkeypatch.chdir(out.parent)
    shutil.copytree(out, tmp_path / "runs")
    return tmp_path / "runs" / cell.relative_to(out)


def verify(folder, capsys, *options):
    code = run_app(["verify", str(folder.parents[3]), *options])
    return code, [line for line in capsys.readouterr().out.splitlines() if line.startswith("problem: ")]


def other(value):
    """Something else of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    if isinstance(value, str):
        return value[:-1] + ("0" if value[-1:] != "0" else "1")
    if isinstance(value, list):
        return [*value, "one more"]
    if isinstance(value, dict):
        return {**value, "one more": 1}
    return "no longer null"


def place_of(record, path):
    """(holder, key) of a dotted path, through the first element of a list."""
    *above, last = path.split(".")
    for name in above:
        record = record[name]
        record = record[0] if isinstance(record, list) else record
    return record, last


PATHS = [
    *(path for path in {**FIELDS, **LATER} if path != "history"),  # history is there after a rescore
    *(f"conditions.{name}" for name in CONDITION),
    *(f"selection.{name}" for name in CHOICE),
]


@pytest.mark.parametrize("path", PATHS)
def test_every_field_that_is_changed_is_named(copy, capsys, path):
    record = read_json(copy / "record.json")
    holder, name = place_of(record, path)
    holder[name] = other(holder[name])
    write_json(copy / "record.json", record)
    code, problems = verify(copy, capsys)
    assert code == 4
    assert any(name in problem or path.partition(".")[0] in problem for problem in problems), problems


@pytest.mark.parametrize("path", PATHS)
def test_every_field_that_is_removed_is_named(copy, capsys, path):
    record = read_json(copy / "record.json")
    holder, name = place_of(record, path)
    del holder[name]
    write_json(copy / "record.json", record)
    code, problems = verify(copy, capsys)
    assert code == 4
    assert any(name in problem or path.partition(".")[0] in problem for problem in problems), problems


def leaves(value, path=()):
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from leaves(inner, (*path, name))
    elif isinstance(value, list) and value:
        for place, inner in enumerate(value):
            yield from leaves(inner, (*path, place))
    else:
        yield path


def test_every_leaf_of_the_record_is_covered_and_named(copy):
    """Beyond the fields of the form: each single value, by the digests alone."""
    from madbench.harness.digests import broken_digests

    original = read_json(copy / "record.json")
    assert broken_digests(copy, original) == []
    seen = 0
    for path in leaves(original):
        record = json.loads(json.dumps(original))
        holder = record
        for name in path[:-1]:
            holder = holder[name]
        holder[path[-1]] = other(holder[path[-1]])
        problems = broken_digests(copy, record)
        assert problems and all(path[0] in problem for problem in problems), (path, problems)
        seen += 1
    assert seen > 100


FILES = ["manifest.json", "history.jsonl", "predictions", "digests.json", "checkpoint"]


def file_of(folder, kind):
    return folder / kind if (folder / kind).is_file() else sorted((folder / kind).iterdir())[-1]


@pytest.mark.parametrize("kind", FILES)
def test_a_changed_file_of_each_kind_is_named(copy, capsys, kind):
    file = file_of(copy, kind)
    file.write_bytes(file.read_bytes() + b"\n")
    # Whitespace at the end of digests.json changes none of what it says.
    if kind == "digests.json":
        file.write_text(file.read_text().replace('"manifest.json":"', '"manifest.json":"0', 1))
    code, problems = verify(copy, capsys)
    assert code == 4 and any(file.name in problem for problem in problems), problems


@pytest.mark.parametrize("kind", [one for one in FILES if one != "checkpoint"])
def test_a_missing_file_of_each_kind_is_named(copy, capsys, kind):
    file = file_of(copy, kind)
    file.unlink()
    code, problems = verify(copy, capsys)
    assert code == 4 and any(file.name in problem for problem in problems), problems


def test_a_file_more_is_named(copy, capsys):
    (copy / "predictions" / "extra@6.parquet").write_bytes(b"")
    code, problems = verify(copy, capsys)
    assert code == 4 and any("predictions/extra@6.parquet was added" in problem for problem in problems)


def test_a_checkpoint_may_be_deleted(copy, capsys):
    shutil.rmtree(copy / "checkpoint")
    assert run_app(["verify", str(copy.parents[3])]) == 0
    assert "checkpoint not kept" in capsys.readouterr().out


def metric(record, manifest):
    record["conditions"][0]["metrics"]["vqa_accuracy"] -= 1e-6


def draw(record, manifest):
    record["draw"] = 1


def protocol(record, manifest):
    record["protocol"]["task_hash"] = "0" * 64


def trained(record, manifest):
    record["train_id"] = "0" * 64


def options(record, manifest):
    record["model"]["options"]["updates"] = 7


def step(record, manifest):
    record["selection"][0]["step"] -= 1


def labels(record, manifest):
    record["labels"]["train"] -= 1


def overlap(record, manifest):
    manifest["train"]["ids"][0] = "1000000"


def contents(record, manifest):
    manifest["contents"]["val"] = "0" * 64


def shares(record, manifest):
    manifest["pool"]["n"] += 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (metric, "the metrics in record.json are not those of its history"),
        (draw, "run_id is not the hash of"),
        (protocol, "run_id is not the hash of"),
        (trained, "run_id is not the hash of"),
        (options, "model.spec_hash is not that of"),
        (step, "selection: the rule"),
        (labels, "labels.train is"),
        (overlap, "val: 1 of its rows also train, 1000000 for one"),
        (contents, "run_id is not the hash of"),
        (shares, "manifest.json: pool is not what the data gives"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_digests_made_anew_do_not_hide_what_contradicts_itself(copy, sealed_cell, capsys, change, words):
    record, manifest = read_json(copy / "record.json"), read_json(copy / "manifest.json")
    change(record, manifest)
    write_json(copy / "manifest.json", manifest)
    write_json(copy / "record.json", sealed(copy, record))
    code, problems = verify(copy, capsys, "--data", sealed_cell[2])
    assert code == 4 and any(words in problem for problem in problems), problems
