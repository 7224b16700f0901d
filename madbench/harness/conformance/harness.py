"""Checks of a cell as `madbench run` makes it: evaluation points, saved states, the record, a kill, a kept checkpoint.

See `checks` for the table of all.
"""

from __future__ import annotations

from madbench.harness.conformance.exam import ALLOWED, Exam
from madbench.harness.conformance.outcome import Failed, Skipped, adapter_code, told
from madbench.harness.conformance.predicting import ZERO_SHOT
from madbench.harness.conformance.predictions import first_difference
from madbench.harness.conformance.trials import Trial, run_whole, stored_predictions
from madbench.harness.conformance.world import EVAL_POINTS
from madbench.harness.store import Store
from madbench.models.adapter import ModelAdapter


def fits_with_select(exam: Exam) -> str | None:
    exam.first.adapter = None  # nothing is asked of it from here on, and a large model does not fit many times
    whole = exam.whole
    if whole.error is not None and whole.seen.stage in ("construct", "fit"):
        raise Failed(
            f"fit(train, {'select' if exam.selecting[0].uses_select else 'None'}): {told(whole.error, exam.source)}"
        )
    if not exam.first.has_fit:
        raise Skipped(ZERO_SHOT)
    return None if exam.selecting[0].uses_select else "uses_select = False: fitted on train and select together"


def evaluates(exam: Exam) -> str:
    seen, error = exam.whole.seen, exam.whole.error
    if seen.wrong is not None:
        raise Failed(seen.wrong)
    if error is not None and seen.stage == "evaluate":
        raise Failed(f"context.evaluate({seen.steps[-1]}) predicts in the middle of fit: {told(error, exam.source)}")
    if not seen.steps:
        raise Skipped("fit never calls context.evaluate: it is scored once, at the end")
    if len(seen.steps) > EVAL_POINTS:
        raise Failed(
            f"context.evaluate was called {len(seen.steps)} times and context.eval_points is {EVAL_POINTS}: "
            "more points to choose among than others have"
        )
    return f"at {', '.join(map(str, seen.steps))} updates"


def saves(exam: Exam) -> str:
    seen, error = exam.whole.seen, exam.whole.error
    if error is not None and seen.stage == "save":
        raise Failed(f"context.save(state): {told(error, exam.source)}")
    if not seen.saves:
        raise Skipped("fit never calls context.save: an interrupted training begins again")
    return f"{seen.saves} states"


def records(exam: Exam) -> str:
    whole = exam.whole
    if whole.error is not None:
        raise Failed(f"scoring and recording the cell: {told(whole.error, exam.source)}")
    (first, *_) = whole.record["conditions"]
    primary = whole.record["primary"]
    return f"{primary} {first['metrics'][primary]:.3f} on {first['name']}, division {whole.record['division']}"


def resumes(exam: Exam) -> str:
    if not exam.whole.seen.saves:
        raise Skipped("there is no state to go on from")
    cell, store = exam.selecting[0], Store(exam.folder / "killed")
    with exam.meter.step("kill and resume"):
        run_whole(cell, store, exam.device, kill="hook")
        resumed = run_whole(cell, store, exam.device, kill="end")
        last = run_whole(cell, store, exam.device)
    for run in (resumed, last):
        if run.error is not None:
            raise Failed(f"going on from a saved state: {told(run.error, exam.source)}")
        if run.seen.wrong is not None:
            raise Failed(f"going on from a saved state: {run.seen.wrong}")
    folders = exam.store.folder(cell), store.folder(cell)
    steps = [sorted(point["step"] for point in folder.history()) for folder in folders]
    if steps[0] != steps[1]:
        raise Failed(f"evaluated at {steps[1]} updates when killed and resumed, at {steps[0]} when not")
    found = first_difference(*(stored_predictions(exam.first, folder, steps[0][-1]) for folder in folders))
    cure = "save everything that later updates depend on"
    exam.refuse(found, "killed after the first saved state and resumed,", cure)
    if exam.device == "cpu" and folders[0].history() != folders[1].history():
        raise Failed("killed and resumed, an evaluation point before the last has other metrics")
    if not resumed.seen.loaded:
        return "it never asks context.load() for a state: trained again from the beginning, to the same scores"
    return "killed after the first saved state, and after the last update"


def restores(exam: Exam) -> str:
    cell = exam.selecting[0]
    folder = exam.store.folder(cell)
    kept = folder.checkpoints.kept()
    if exam.adapter.restore is ModelAdapter.restore:
        raise Skipped("it defines no restore(state): a condition that is added later trains again")
    if kept is None:
        raise Skipped('no state is kept: save one with {"step": the number of updates} at an evaluation point')
    trial = Trial(cell, exam.folder / "restored", exam.device, exam.source)
    trial.construct()
    with adapter_code("restore(state)", exam.source):
        taken = trial.adapter.restore(kept.read())
    if taken is False:
        raise Skipped("restore(state) returned False: it cannot take this state")
    if taken is not True:
        raise Failed(f"restore(state) returned {taken!r}, expected True when the state was taken")
    found = first_difference(
        trial.predict_rows(), stored_predictions(exam.first, folder, kept.step), ALLOWED[exam.device]
    )
    if found is not None:
        raise Failed(f"restored from its own state, {found}")
    return f"the state of {kept.step} updates"
