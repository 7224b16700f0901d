import numpy as np
import pytest

from madbench.errors import DataMalformed
from madbench.report.predictions import Predictions, leg_of
from madbench.report.records import read_record


def test_scores_come_in_the_order_of_ids_whatever_the_order_of_the_file(cells):
    scores = np.arange(60) / 59
    first = read_record(cells.write("mad", scores=scores))
    second = read_record(cells.write("student", scores=scores))
    reader = Predictions()
    mine, theirs = reader.scored(first, "test"), reader.scored(second, "test")
    assert list(mine.items.ids) == sorted(mine.items.ids)
    assert np.array_equal(mine.scores["main"], scores)
    assert theirs.items is mine.items


def test_rows_complement_and_control_are_parts_of_the_id_file(cells):
    reader = Predictions()
    rows = read_record(cells.write("mad", shifted=("ve-hard", "rows")))
    assert len(reader.scored(rows, "ve-hard").items.ids) == 40
    assert len(reader.scored(rows, "ve-hard:complement").items.ids) == 20
    moved = read_record(cells.write("mad", "vcr", shifted=("rule-singular", "transform")))
    reader = Predictions()
    for record, condition, leg in [
        (rows, "ve-hard", "main"),
        (rows, "ve-hard:complement", "main"),
        (moved, "rule-singular", "q2ar"),
        (moved, "rule-singular:control", "q2ar"),
    ]:
        metric = "accuracy" if leg == "main" else leg
        found = reader.scored(record, condition).scores[leg].mean()
        assert found == pytest.approx(record.conditions[condition]["metrics"][metric]), condition


def test_images_are_shared_between_conditions(cells):
    record = read_record(cells.write("mad", "vcr", shifted=("rule-singular", "transform")))
    reader = Predictions()
    whole, part = reader.scored(record, "val").items, reader.scored(record, "rule-singular").items
    by_id = dict(zip(whole.ids, whole.units, strict=True))
    assert [by_id[one] for one in part.ids] == list(part.units)


def test_no_file_gives_none(cells):
    assert Predictions().scored(read_record(cells.write("mad", predictions=False)), "test") is None


def test_a_broken_file_is_named(cells):
    folder = cells.write("mad")
    (folder / "predictions" / "test@100.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataMalformed, match=r"test@100\.parquet"):
        Predictions().scored(read_record(folder), "test")


def test_only_means_over_all_items_have_item_scores():
    assert leg_of("accuracy", "accuracy") == "main"
    assert leg_of("qa2r", "q2ar") == "qa2r"
    assert leg_of("recall:neutral", "accuracy") is None
    assert leg_of("vqa_accuracy_simple", "vqa_accuracy") is None
