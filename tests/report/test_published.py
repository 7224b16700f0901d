import pytest

from madbench.errors import ConfigError
from madbench.report.published import choose, load_published


def test_the_shipped_rows_load_and_hold_what_is_known_of_mad():
    rows = load_published()
    mad = [(row.task, row.split, row.metric, row.value, row.status) for row in rows if row.model == "MAD"]
    assert mad == [
        ("snli_ve", "test", ["accuracy"], [80.32], "fact"),
        ("vcr", "test", ["q2a"], [79.6], "fact"),
    ]
    assert all(row.source for row in rows)
    assert {row.task for row in rows} == {"vcr", "snli_ve", "vqa"}


def test_no_two_rows_state_one_number_of_one_system_with_the_same_standing():
    seen = set()
    for row in load_published():
        for metric in row.metric:
            key = (row.model, row.variant, row.task, row.split, metric, row.status, row.conditions)
            assert key not in seen, key
            seen.add(key)


def test_q2ar_never_exceeds_its_legs():
    for row in load_published():
        values = dict(zip(row.metric, row.value, strict=True))
        if "q2ar" in values:
            assert values["q2ar"] <= min(values.values()), row


def test_facts_leave_recalled_rows_out():
    rows = load_published()
    facts = choose(rows, "facts", ["vcr"])
    assert facts and all((row.task, row.status) == ("vcr", "fact") for row in facts)
    assert len(choose(rows, "all", ["vcr"])) > len(facts)
    assert choose(rows, "none", ["vcr"]) == []


@pytest.mark.parametrize(
    "row, message",
    [
        ("{model: A, task: vcr, split: val, metric: q2a, value: 79.6, status: recall, source: s}", "confidence"),
        (
            "{model: A, task: vcr, split: val, metric: [q2a, qa2r], value: 79.6, status: fact, source: s}",
            "2 metrics but 1",
        ),
        ("{model: A, task: vcr, split: val, status: fact, source: s}", "or a claim"),
        ("{model: A, task: vcr, split: val, metric: q2a, value: 790, status: fact, source: s}", "percent"),
        ("{model: A, task: vcr, split: val, metric: q2a, value: 79, status: fact}", "source"),
        ("{model: A, task: nlvr2, split: val, metric: q2a, value: 79, status: fact, source: s}", "task"),
    ],
)
def test_a_bad_row_is_named(tmp_path, row, message):
    path = tmp_path / "published.yaml"
    path.write_text(f"- {row}\n")
    with pytest.raises(ConfigError) as caught:
        load_published(path)
    assert message in str(caught.value) and "row 1" in str(caught.value)
