"""What a spec needs follows from its options where its student can read images in two ways."""

import pytest

from madbench.harness.needs import needs_of
from madbench.models.spec import ModelSpec

DECLARED = frozenset({"image", "text"})
CLIP = {"kind": "clip-image", "weights": "mini:clip"}


@pytest.mark.parametrize(
    ("options", "needs"),
    [
        ({}, {"image", "text"}),
        ({"student": {"regions": "patches"}}, {"image", "text"}),
        ({"student": {"regions": "detector"}}, {"regions", "text"}),
        ({"student": {"regions": "detector"}, "objective": {"teachers": [CLIP]}}, {"image", "regions", "text"}),
    ],
)
def test_a_region_student_needs_regions_and_pictures_only_for_its_teachers(options, needs):
    assert needs_of(DECLARED, ModelSpec("x", 1, "finetune", options)) == needs


def test_another_adapter_is_taken_at_its_word():
    assert needs_of(DECLARED, ModelSpec("x", 1, "own", {"student": {"regions": "detector"}})) == DECLARED
