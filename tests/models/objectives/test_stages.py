import pytest
from pydantic import ValidationError

from madbench.models.objective_options import ObjectiveOptions, Stage
from madbench.models.objectives.stages import stage_at

TWO = [Stage(name="kd", share=0.3, task=0.0), Stage(name="task", share=0.7, distillation=0.5)]


def test_updates_belong_to_the_stage_whose_share_they_fall_in():
    names = [stage_at(TWO, step, 10).name for step in range(10)]
    assert names == ["kd"] * 3 + ["task"] * 7


def test_without_stages_every_factor_is_one():
    whole = stage_at([], 5, 10)
    assert (whole.task, whole.distillation, whole.self_supervised) == (1, 1, 0)


def test_the_last_stage_takes_what_rounding_leaves():
    thirds = [Stage(name=str(place), share=1 / 3) for place in range(3)]
    assert [stage_at(thirds, step, 4).name for step in range(4)] == ["0", "1", "1", "2"]


@pytest.mark.parametrize(
    ("stages", "text"),
    [
        ([{"name": "a", "share": 0.5}], "sum to 0.5, not 1"),
        ([{"name": "a", "share": 1.0, "task": 0}], "only distils, and there is no teacher"),
        ([{"name": "a", "share": 1.0, "task": 0, "distillation": 0}], "would train nothing"),
    ],
)
def test_stages_that_cannot_be_meant_are_refused(stages, text):
    with pytest.raises(ValidationError, match=text):
        ObjectiveOptions.model_validate({"stages": stages})
