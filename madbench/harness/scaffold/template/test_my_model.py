"""my-model keeps the contract of madbench: every check of the conformance suite, on a very small world."""

from pathlib import Path

import pytest

from madbench.harness.conformance import check_adapter

PLUGIN = Path(__file__).with_name("my_model.py")


@pytest.mark.parametrize("task", ["vcr", "snli_ve", "vqa"])
def test_my_model_conforms(task):
    report = check_adapter("my-model", plugins=[PLUGIN], tasks=[task])
    assert report.passed, report.text()
