"""The conformance suite: does an adapter keep the contract? `madbench adapter check`, and `check_adapter` for a test.

from madbench.harness.conformance import check_adapter

def test_my_model_conforms():
    report = check_adapter("my-model", plugins=["my_model.py"])
    assert report.passed, report.text()
"""

from madbench.harness.conformance.report import CheckResult, Report
from madbench.harness.conformance.suite import check_adapter

__all__ = ["CheckResult", "Report", "check_adapter"]
