"""`madbench diff`: field by field why two runs are comparable or not, in agreement with the tables."""

import copy
import json

import pytest

from madbench.report.difference import GROUPS, compare, flat
from madbench.report.grouping import split_by_content
from madbench.report.records import Record


@pytest.fixture
def pair(cells):
    folders = [cells.write(model, "vqa", shifted=("changed-prior", "rows")) for model in ("student", "mad")]
    records = [json.loads((folder / "record.json").read_text()) for folder in folders]
    for record in records:
        record["data"].update(train_ids_sha256="1" * 64, select_ids_sha256="2" * 64)
        record["conditions"][1].update(shift="changed-prior", shift_version=1)
    return records


def changed(record, change):
    content = copy.deepcopy(record)
    change(content)
    return content


CHANGES = {
    "task hash": (lambda one: one["protocol"].update(task_hash="0" * 64), "the protocols ask for something else"),
    "fingerprint": (lambda one: one["data"].update(fingerprint="0" * 64), "the annotation files are not the same"),
    "metric version": (
        lambda one: [condition["metric_versions"].update(vqa_accuracy="2016") for condition in one["conditions"]],
        "two versions of vqa_accuracy",
    ),
    "files of a shift": (lambda one: one["conditions"][1].update(files=["0" * 64]), "was made from other files"),
    "version of a shift": (
        lambda one: one["conditions"][1].update(shift="changed-prior", shift_version=2),
        "two versions of the shift 'changed-prior', 1 and 2",
    ),
    "rows of a condition": (lambda one: one["conditions"][0].update(n=5), "rows in one and 5 in the other"),
    "training rows": (lambda one: one["data"].update(train_ids_sha256="0" * 64), "draw 0 trains on other rows"),
    "rows that select": (lambda one: one["data"].update(select_ids_sha256="0" * 64), "draw 0 selects on other rows"),
    "limited": (lambda one: one.update(comparable=False), "one of the two is limited"),
    "source": (lambda one: one["data"].update(source="real"), "mini and real data never share a table"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_breaks_comparability_is_named(pair, name):
    change, words = CHANGES[name]
    found = compare(pair[0], changed(pair[1], change))
    assert not found.comparable and words in found.verdict
    assert any(one.breaks and words in one.breaks for one in found.differences)


@pytest.mark.parametrize("name", [name for name in CHANGES if name not in ("limited", "source")])
def test_the_verdict_is_that_of_the_tables(pair, name, tmp_path):
    other = changed(pair[1], CHANGES[name][0])
    for second in (pair[1], other):
        together = len(split_by_content([Record(tmp_path, pair[0]), Record(tmp_path, second)])) == 1
        assert together == compare(pair[0], second).comparable


def test_runs_that_differ_in_the_model_are_comparable_and_paired(pair):
    found = compare(*pair)
    assert found.comparable and found.verdict == "comparable: the same training rows: differences are paired"
    assert {one.group for one in found.differences} <= set(GROUPS)
    assert "model.name" in {one.field for one in found.differences}
    assert compare(pair[0], pair[0]).verdict == "comparable: the same run"
    assert compare(pair[0], pair[0]).differences == ()


def test_other_draws_share_a_column_and_no_pair(pair):
    other = changed(pair[1], lambda one: one.update(draw=3, division="external"))
    verdict = compare(pair[0], other).verdict
    assert "other draws (0 and 3): one column, and no paired difference" in verdict
    assert "divisions closed and external" in verdict


def test_other_draws_may_train_on_other_rows(pair):
    other = changed(pair[1], lambda one: one.update(draw=3, data={**one["data"], "train_ids_sha256": "0" * 64}))
    assert compare(pair[0], other).comparable
    assert len(split_by_content([Record("a", pair[0]), Record("b", other)])) == 1


def test_one_run_id_with_other_numbers_is_not_the_same_run(pair):
    edited = changed(pair[0], lambda one: one["conditions"][0]["metrics"].update(vqa_accuracy=0.9))
    found = compare(pair[0], edited)
    assert found.verdict == (
        "not comparable: the same run id with other numbers: edited, or made in another environment"
    )
    rescored = changed(edited, lambda one: one["conditions"][0]["metric_versions"].update(vqa_accuracy="2022"))
    assert "edited" not in compare(pair[0], rescored).verdict


def test_the_table_apart_says_what_is_odd(pair):
    """The rows of most records are the usual ones; limited runs have fewer, and are marked for that."""
    odd = changed(pair[1], lambda one: (one["conditions"][0].update(n=5), one["model"].update(name="odd")))
    old = changed(pair[1], lambda one: one["conditions"][1].update(shift_version=2))
    limited = changed(pair[1], lambda one: (one["conditions"][0].update(n=5), one.update(comparable=False)))
    records = [pair[0], changed(pair[0], lambda one: one["model"].update(name="third")), odd, old, limited]
    main, *apart = split_by_content([Record(str(place), one) for place, one in enumerate(records)])
    assert len(main.records) == 3 and main.records[-1].limited
    assert sorted(part.reasons.partition(" (")[0] for part in apart) == [
        "another version of the shift behind changed-prior",
        "other rows in val",
    ]


def test_every_leaf_that_differs_is_listed_once(pair):
    other = changed(pair[0], lambda one: one["timing"].update(fit_s=99.0))
    (difference,) = compare(pair[0], other).differences
    assert (difference.group, difference.field, difference.second) == ("environment", "timing.fit_s", 99.0)
    assert flat({"conditions": [{"name": "val", "n": 1}]}) == {"conditions[val].name": "val", "conditions[val].n": 1}


def test_the_command_says_why_and_exits_4(madbench, cells):
    first = cells.write("student", "vqa")
    second = cells.write("mad", "vqa", protocol="domainshift")
    result = madbench("diff", first, second / "record.json")
    assert result.code == 4
    lines = result.out.splitlines()
    assert any(line.startswith("  protocol.task_hash:") and "<- the protocols ask" in line for line in lines)
    assert lines[-1].startswith("not comparable: ")
    assert madbench("diff", first, first).code == 0
    told = json.loads(madbench("diff", first, second, "--json").out)
    assert told["comparable"] is False and told["reasons"]


def test_shipped_protocols_are_compared_field_by_field(madbench, cells):
    from madbench.protocols import load_protocol

    def stated(name):
        protocol = load_protocol(name)

        def edit(content):
            content["protocol"].update(hash=protocol.hash, task_hash=protocol.task_hash("vqa"))

        return edit

    folders = [
        cells.write("mad", "vqa", protocol=name, edit=stated(name)) for name in ("lowshot-5pct", "lowshot-10pct")
    ]
    out = madbench("diff", *folders).out
    assert "in the protocols: subset.fraction: 0.05 | 0.1" in out


def test_what_is_no_record_is_told(madbench, tmp_path):
    result = madbench("diff", tmp_path, tmp_path)
    assert result.code == 3 and "no record.json in" in result.err
