"""Fields that are changed and sealed anew: what can be worked out once more is, and the contradiction is named."""

import shutil

import pytest

from madbench.files import read_json, write_json
from madbench.harness.digests import sealed
from madbench.harness.verifier import Verifier, sources_at_hand
from madbench.harness.verify import verify_cell


@pytest.fixture(scope="module")
def verifier(sealed_cell):
    """One for all tests: it remembers the data."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(sealed_cell[0].parent)
        patch.setenv("MADBENCH_HOME", str(sealed_cell[0].parent / "home"))
        yield Verifier(sources_at_hand([sealed_cell[2]], {("vqa", "real")}))


@pytest.fixture
def problems(sealed_cell, verifier, tmp_path, monkeypatch):
    out, cell, _ = sealed_cell
    monkeypatch.chdir(out.parent)
    folder = tmp_path / cell.name
    shutil.copytree(cell, folder)

    def call(change):
        record, manifest = read_json(folder / "record.json"), read_json(folder / "manifest.json")
        change(record, manifest)
        write_json(folder / "manifest.json", manifest)
        record = sealed(folder, record)
        write_json(folder / "record.json", record)
        return verify_cell("it", folder, record, verifier).problems

    return call


def test_a_cell_that_is_sealed_as_it_was_has_no_problem(problems):
    assert problems(lambda record, manifest: None) == []


def put(path, value):
    def change(record, _):
        *above, last = path.split(".")
        for name in above:
            record = record[int(name) if name.isdigit() else name]
        record[last] = value

    change.__name__ = path
    return change


def official(record, _):
    record["data"].update(official=True, official_problems=[])


def limited(record, manifest):
    manifest["limit"] = 3


def unscored(record, _):
    for one in record["conditions"]:
        one.update(available=False, reason="gone", metrics={}, metric_versions={})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (limited, "marked comparable, and the manifest says --limit 3"),
        (unscored, "no condition is scored"),
        (put("data.official", True), "data.official is not what data.official_problems say"),
        (official, "data.official is true, the data say: "),
        (put("data.n_pool", 1000), "data.n_pool is 1000, the manifest says 120"),
        (put("data.train_fraction", 0.001), "data.train_fraction is 0.001, small@1 gives 0.5"),
        (put("data.image_overlap", "by-construction"), 'data.image_overlap is "by-construction", small@1 gives "refused"'),
        (put("data.answer_space.n", 99), "data.answer_space: no labels of the training rows give these 99"),
        (put("data.answer_space.ceiling", 0.5), "data.answer_space: the ceiling is 0.5, its labels give 1.0"),
        (put("data.answer_space.closed", {}), "data.answer_space.closed is not what the data give"),
        (put("conditions.0.split", "test"), 'val: split is "test", the data give "val"'),
        (put("conditions.0.n_images", 5), "val: n_images is 5, the data give 12"),
        (put("conditions.0.role", "shifted"), 'val: role is "shifted", the data give "id"'),
        (put("conditions.0.ceiling", 0.25), "val: the ceiling is 0.25, its labels give 1.0"),
        (put("conditions.1.shift", "ce-hard"), 'changed-prior: shift is "ce-hard", the data give "changed-prior"'),
        (put("conditions.1.shift_version", 7), "changed-prior: shift_version is 7, the data give 1"),
        (put("conditions.1.of", "test"), 'changed-prior: of is "test", the data give "val"'),
        (put("conditions.1.kind", "transform"), 'changed-prior: kind is "transform", the data give "rows"'),
        (put("conditions.1.n", 1), "changed-prior: n is 1, the data give"),
        (put("protocol.hash", "0" * 64), "protocol.hash is 000000000000, small@1 gives"),
        (put("primary", "vqa_accuracy_simple"), 'primary is "vqa_accuracy_simple", small@1 gives "vqa_accuracy"'),
        (put("usage.max_examples", 10**6), "usage.max_examples is 1000000, small@1 gives 100"),
        (put("division", "open"), "division is open, and 6 examples were seen where the protocol allows 100"),
        (put("usage.examples_seen", 101), "division is closed, and 101 examples were seen"),
        (put("conditions.0.metric_versions.vqa_accuracy", "2016"), "val: vqa_accuracy is in version 2016, small@1 asks for 2021"),
        (put("conditions.0.metric_versions.vqa_accuracy_simple", "9"), "val: there is no version 9 of vqa_accuracy_simple"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)  # fmt: skip
def test_what_contradicts_the_rest_is_named(problems, change, said):
    assert any(one.startswith(said) for one in problems(change)), problems(lambda record, manifest: None)
