"""Precision is part of what was trained; the default and models that know only one are as they always were."""

import pytest

from madbench.harness.plan import Request, make_plan


@pytest.fixture(scope="module")
def train_ids(tmp_path_factory):
    def found(model, precision):
        request = Request(
            models=[model],
            protocols=["lowshot-1pct"],
            tasks=["snli_ve"],
            data=["mini"],
            out=tmp_path_factory.mktemp("out"),
            precision=precision,
        )
        (planned,) = make_plan(request).cells
        return planned.cell.train_id, planned.cell.precision

    return found


def test_another_precision_is_another_training(train_ids):
    default, low = train_ids("student", "fp32"), train_ids("student", "bf16")
    assert default[0] != low[0]
    assert (default[1], low[1]) == ("fp32", "bf16")


def test_a_model_without_precisions_is_the_same_whatever_is_asked(train_ids):
    assert train_ids("majority", "bf16") == train_ids("majority", "fp32")
