"""A search from beginning to end: plan, run what is missing, write trials.jsonl and the chosen models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from madbench.errors import MadbenchError, UsageError
from madbench.harness.device import DEVICES
from madbench.harness.execution import Execution
from madbench.harness.executor import execute
from madbench.harness.progress import make_display
from madbench.harness.runner import Settings
from madbench.harness.tuning import TunePlan, TuneRequest, failed, plan_tuning, tuned_models
from madbench.harness.tuning_files import check_replaceable, write_model, write_trials
from madbench.models.spec import ModelFile
from madbench.models.tuned import Tuned
from madbench.plugins import load_plugin

# Name of a model file -> where its tuned one goes; None: nowhere.
Place = Callable[[str], Path | None]


@dataclass(frozen=True)
class TuneResult:
    """found: model as given -> (file, search record), where every task has a score. errors: of failed cells.

    trials, written: the files that were written.
    """

    plan: TunePlan
    found: Mapping[str, tuple[ModelFile, Tuned]]
    trials: Sequence[Path]
    written: Sequence[Path]
    errors: Sequence[MadbenchError]


def tune(
    request: TuneRequest,
    *,
    device: str = "auto",
    jobs: int | None = 1,
    on_error: str = "stop",
    plugins: Sequence[str] = (),
    place: Place = lambda name: None,
    quiet: bool = False,
    verbose: bool = False,
) -> TuneResult:
    """Search, or go on where a search stopped: trials that are done are not run again.

    on_error `continue`: a trial that fails counts and has no score. place: where tuned models are written, which needs
    all trials to be over. Raises MadbenchError before anything has started.
    """
    for option, value, known in (("--device", device, DEVICES), ("--on-error", on_error, ("stop", "continue"))):
        if value not in known:
            raise UsageError(f"{option} {value}: expected {', '.join(known)}", fix=f"use {option} {known[0]}")
    if jobs is not None and jobs < 1:
        raise UsageError(f"--jobs {jobs}: expected at least 1", fix="leave it out")
    for plugin in plugins:
        load_plugin(plugin)
    plan = plan_tuning(request)
    for row in plan.rows:
        target = place(row)
        if target is not None:
            check_replaceable(target)
    plan.store.check_writable()
    cells = plan.to_do()
    settings = Settings(device, keep_checkpoint="none")
    how = Execution(plan.store, settings, jobs, on_error == "continue", tuple(plugins), verbose=verbose)
    with make_display(len(cells), quiet, plain=verbose) as display, how.logged():
        for line in plan.notices:
            display.say(line)
        trials = sum(len(search.trials) for search in plan.searches)
        display.say(f"{trials} trials, {len(cells)} cells to do")
        try:
            outcome = execute(cells, how, display)
            failed(plan, outcome.failed)
        finally:
            written = write_trials(plan)
    errors = [error for _, error in outcome.failed]
    if outcome.not_started or (errors and on_error == "stop"):
        return TuneResult(plan, {}, written, (), errors)
    models, files = {}, []
    for given, (file, tuned, chosen) in tuned_models(plan).items():
        models[given] = (file, tuned)
        target = place(file.name)
        if target is not None:
            files.append(write_model(target, given, file, tuned, chosen))
    return TuneResult(plan, models, written, files, errors)
