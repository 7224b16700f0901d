"""What an adapter is shown at an evaluation point, in which order, and what of its output is accepted."""

import random
from dataclasses import dataclass

import numpy as np
import pytest

from madbench.errors import MadbenchError
from madbench.harness.conditions import build_conditions
from madbench.harness.evaluation import Evaluation, check_output
from madbench.harness.prediction_files import read_predictions
from madbench.harness.store import CellFolder
from madbench.protocols.schema import Condition
from madbench.tasks.contract import (
    AnswerSpace,
    Example,
    Layout,
    LegPredictions,
    Row,
    Scores,
    Shift,
    Task,
    opaque_id,
)
from madbench.tasks.sources import Source

SPACE = AnswerSpace(("0", "1", "2"))


@dataclass(frozen=True)
class ToyRow(Row):
    label: int = 0


class Toy(Task):
    """Two legs; the second shows the gold answer of the first, as vcr does."""

    name = "vcr"
    legs = ("q2a", "qa2r")
    primary = "q2ar"
    splits = ("train", "val")
    text_parts = ("question",)
    input_convention = "toy"
    official_rows = {}
    metric_versions = {"q2ar": "1"}
    unit_label = "image"

    def locate(self, root):
        raise NotImplementedError

    def read(self, layout, split):
        raise NotImplementedError

    def answer_space(self, train, fraction):
        return SPACE

    def examples(self, rows, *, leg, condition, space, rendering, labelled):
        return [
            Example(
                opaque_id(self.name, condition, leg, row.example_id),
                leg,
                None,
                {"question": row.example_id, **({"gold": str(row.label)} if leg == "qa2r" else {})},
                target=row.label if labelled else None,
            )
            for row in rows
        ]

    def shifts(self):
        return {
            "even": Shift(
                "even", "vcr", "transform", 1, "", lambda rows, _: [r for r in rows if int(r.example_id) % 2 == 0]
            ),
            "low": Shift("low", "vcr", "rows", 1, "", lambda rows, _: [r.example_id for r in rows[:3]]),
            "none": Shift("none", "vcr", "rows", 1, "", lambda rows, _: []),
        }

    def score(self, rows, predictions, versions):
        right = {
            leg: np.array([one == str(row.label) for one, row in zip(p.labels, rows, strict=True)], dtype=float)
            for leg, p in predictions.items()
        }
        right["q2ar"] = right["q2a"] * right["qa2r"]
        return Scores({name: float(values.mean()) for name, values in right.items()}, right)


CONDITIONS = [
    Condition(name="val", kind="split"),
    Condition(name="even", kind="transform", of="val"),
    Condition(name="low", kind="rows", of="val"),
    Condition(name="low-even", kind="rows", of="even", shift="low"),
    Condition(name="none", kind="rows", of="val"),
    Condition(name="test", kind="split"),
    Condition(name="of-test", kind="transform", of="test", shift="even"),
]
ROWS = [ToyRow(str(number), f"image{number // 2}", label=number % 3) for number in range(10)]


class Recorder:
    """Predicts the right answer where the id allows, and remembers the order of calls and what lay on disk."""

    def __init__(self, folder):
        self.folder, self.calls = folder, []

    def predict(self, split):
        stored = sorted(file.stem for file in (self.folder / "predictions").glob("*.parquet"))
        self.calls.append((split.leg, len(split), stored))
        assert [one.id for one in split] == sorted(one.id for one in split)
        scores = np.zeros((len(split), 3))
        for place, example in enumerate(split):
            scores[place, int(example.text["question"]) % 3] = 1
            assert example.target is None
        random.random(), np.random.random()
        return scores


@pytest.fixture
def evaluation(tmp_path):
    file = tmp_path / "val.jsonl"
    file.write_text("rows")
    layout = Layout("vcr", tmp_path, {"train": (file,), "val": (file,)}, {})
    source = Source("vcr", "real", tmp_path, layout)
    conditions = build_conditions(Toy(), source, CONDITIONS, lambda split: ROWS, code="x")
    return Evaluation(Toy(), SPACE, "index@1", {}, conditions, ROWS[:4], CellFolder(tmp_path), "toy")


def test_every_q2a_prediction_is_on_disk_before_the_first_qa2r_split_is_handed_out(evaluation, tmp_path):
    adapter = Recorder(tmp_path)
    evaluation.at(adapter, 5)
    legs = [leg for leg, _, _ in adapter.calls]
    assert legs == ["q2a"] * 3 + ["qa2r"] * 3  # select, val, even; the rest is cut out of these
    assert all(stored == ["even@5", "val@5"] for leg, _, stored in adapter.calls if leg == "qa2r")


def test_rows_controls_and_complements_come_from_the_stored_conditions(evaluation, tmp_path):
    point = evaluation.at(Recorder(tmp_path), 1)
    by_name = {one.name: one for one in evaluation.conditions}
    assert [row.example_id for row in by_name["even:control"].rows] == ["0", "2", "4", "6", "8"]
    assert [row.example_id for row in by_name["low"].rows] == ["0", "1", "2"]
    assert [row.example_id for row in by_name["low:complement"].rows] == [str(number) for number in range(3, 10)]
    assert by_name["low-even"].of == "even" and len(by_name["low-even"].rows) == 3
    assert set(point["conditions"]) == {
        *("val", "even", "even:control", "low", "low:complement", "low-even", "low-even:complement"),
    }
    assert all(one["q2ar"] == 1.0 for one in point["conditions"].values())  # rows and predictions stayed aligned
    assert point["select"]["q2ar"] == 1.0


def test_what_the_source_lacks_is_not_available_with_its_reason(evaluation):
    reasons = {one.name: one.reason for one in evaluation.conditions if not one.available}
    assert reasons == {
        "none": "the shift leaves no rows",
        "none:complement": "'none' is not available",
        "test": "the source has no test split",
        "of-test": "'test' is not available",
        "of-test:control": "'of-test' is not available",
    }


def test_predictions_are_read_back_in_the_order_of_the_rows(evaluation, tmp_path):
    evaluation.at(Recorder(tmp_path), 1)
    found = read_predictions(tmp_path / "predictions" / "val@1.parquet", ROWS[::-1], ("q2a", "qa2r"))
    assert found["q2a"].labels == tuple(str(row.label) for row in ROWS[::-1])
    assert found["qa2r"].scores.shape == (10, 3)
    with pytest.raises(MadbenchError, match="10 predictions do not fit 9 rows"):
        read_predictions(tmp_path / "predictions" / "val@1.parquet", ROWS[1:], ("q2a",))


def test_evaluating_does_not_disturb_the_random_numbers_of_the_training(evaluation, tmp_path):
    random.seed(1)
    np.random.seed(1)
    undisturbed = random.random(), np.random.random()
    random.seed(1)
    np.random.seed(1)
    evaluation.at(Recorder(tmp_path), 1)
    assert (random.random(), np.random.random()) == undisturbed


def test_the_lowest_index_wins_a_tie():
    output = check_output(np.array([[1.0, 1.0, 0.0], [0.0, 2.0, 2.0]]), 2, SPACE, "toy")
    assert output.labels == ("0", "1")


def test_strings_are_answers_in_an_open_space_only():
    space = AnswerSpace(("yes", "no"), open=True)
    assert check_output(["maybe"], 1, space, "toy") == LegPredictions(("maybe",))
    with pytest.raises(MadbenchError, match="toy: predict returned strings"):
        check_output(["maybe"], 1, SPACE, "toy")
    with pytest.raises(MadbenchError, match="2 answers for 3 examples"):
        check_output(["a", "b"], 3, space, "toy")


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (np.zeros((2, 2)), r"shape \[2, 2\], expected \[2, 3\]"),
        (np.zeros(6), r"shape \[6\], expected \[2, 3\]"),
        (np.array([[0, 0, 0], [0, np.nan, 0]]), "not finite for example 1"),
        (np.array([[np.inf, 0, 0], [0, 0, 0]]), "not finite for example 0"),
        (None, "predict returned"),
        ([[1, 2, 3], [1]], "no array of numbers"),
    ],
)
def test_output_that_cannot_be_used_is_refused_by_name(output, text):
    with pytest.raises(MadbenchError, match="toy: .*" + text):
        check_output(output, 2, SPACE, "toy")
