"""The table of checks of the conformance suite, in the order in which they are made; each needs the ones it names.

A check is a function of an `Exam`. It returns a note or nothing, or raises `Failed` or `Skipped`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from madbench.errors import did_you_mean
from madbench.harness.conformance import harness, predicting, training
from madbench.harness.conformance.exam import Exam
from madbench.harness.conformance.outcome import Failed
from madbench.harness.device import PRECISIONS
from madbench.models.adapter import NEEDS, ModelAdapter
from madbench.models.spec import ModelFile
from madbench.registry import TASKS


@dataclass(frozen=True)
class Check:
    """why: what goes wrong for a user without it. after: checks that must not have failed."""

    name: str
    why: str
    make: Callable[[Exam], str | None]
    after: tuple[str, ...] = ()


DECLARATIONS = ("declarations", "the plan trusts what the class says before any data is read")

CHECKS = (
    Check("constructs", "every cell makes a fresh instance from spec, task and context", predicting.constructs),
    Check(
        "fits",
        "protocols without a select split (lowshot-1pct) call fit(train, None)",
        predicting.fits,
        ("constructs",),
    ),
    Check("labels-withheld", "predict gets examples whose target is None", predicting.labels_withheld, ("fits",)),
    Check(
        "predicts",
        "every condition and leg needs a finite score for each choice, or (vqa) a string",
        predicting.predicts,
        ("fits", "labels-withheld"),
    ),
    Check(
        "unchanged-examples",
        "the same examples are shown at every evaluation point",
        predicting.unchanged_examples,
        ("predicts",),
    ),
    Check(
        "repeats",
        "a condition is predicted again at later points and from kept states",
        predicting.repeats,
        ("predicts",),
    ),
    Check("row-order", "rows come in the order of opaque ids, which mean nothing", predicting.row_order, ("repeats",)),
    Check("other-rows", "a split may be predicted in parts, by several processes", predicting.other_rows, ("repeats",)),
    Check(
        "needs",
        "the plan offers sources without images or regions to models that need none",
        training.needs,
        ("predicts",),
    ),
    Check("same-seed", "a number that cannot be made again is no result", training.same_seed, ("repeats",)),
    Check(
        "global-state",
        "a result must not depend on what ran before in the process",
        training.global_state,
        ("same-seed",),
    ),
    Check("account", "records and tables say what a training cost", training.account, ("fits",)),
    Check("budget", "a row that saw more than the budget stands in the open division", training.budget, ("account",)),
    Check(
        "fits-with-select",
        "the other protocols call fit(train, select)",
        harness.fits_with_select,
        ("predicts", "unchanged-examples"),
    ),
    Check(
        "evaluates",
        "every condition is scored there, and id-val chooses among them",
        harness.evaluates,
        ("fits-with-select",),
    ),
    Check("saves", "states go to the disk as tensors and JSON, never as pickle", harness.saves, ("fits-with-select",)),
    Check("records", "a cell without a record never happened", harness.records, ("evaluates", "saves", "account")),
    Check(
        "resumes",
        "a run that was killed goes on and ends with the same scores",
        harness.resumes,
        ("records", "global-state"),
    ),
    Check(
        "restores",
        "a condition that is added later is predicted, not trained for",
        harness.restores,
        ("records", "global-state"),
    ),
)


def declarations(adapter: Any, file: ModelFile) -> str | None:
    """Not of an exam: without these there is none."""
    if not isinstance(adapter, type) or not issubclass(adapter, ModelAdapter):
        raise Failed(f"'{file.adapter}' is {adapter!r}, no subclass of madbench.ModelAdapter")
    if adapter.predict is ModelAdapter.predict:
        raise Failed(f"{adapter.__name__} defines no predict(split)")
    for name, known, value in (
        ("needs", sorted(NEEDS), adapter.needs),
        ("tasks", TASKS.names(), adapter.tasks),
        ("precisions", [one for one in PRECISIONS if one != "auto"], adapter.precisions),
    ):
        if name == "tasks" and value is None:
            continue
        if isinstance(value, str) or not isinstance(value, (frozenset, set, tuple, list)):
            raise Failed(f"{name} is {value!r}, expected several names out of {', '.join(known)}")
        for one in value:
            if one not in known:
                hint = did_you_mean(str(one), known)
                raise Failed(f"{name} names {one!r}; " + (hint or f"known are {', '.join(known)}"))
    for name in ("uses_select", "data_parallel"):
        if not isinstance(getattr(adapter, name), bool):
            raise Failed(f"{name} is {getattr(adapter, name)!r}, expected True or False")
    options = adapter.options
    if options is not None and not (isinstance(options, type) and issubclass(options, BaseModel)):
        raise Failed(f"options is {options!r}, expected a pydantic class, or None to take any options")
    return f"needs {', '.join(sorted(adapter.needs)) or 'nothing'}; options {'unchecked' if options is None else 'checked'}"
