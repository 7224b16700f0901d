"""The whole examination of a model: every check on every task it does, on a world written for the occasion."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from madbench.errors import UsageError
from madbench.harness.conformance.checks import CHECKS, DECLARATIONS, declarations
from madbench.harness.conformance.exam import Exam
from madbench.harness.conformance.outcome import Failed, Meter, Skipped
from madbench.harness.conformance.report import FAIL, PASS, SKIP, CheckResult, Report
from madbench.harness.conformance.watch import everything_kept
from madbench.harness.conformance.world import declared_needs, tasks_of, write_source
from madbench.harness.device import one_thread, resolve_device
from madbench.harness.overrides import parse_overrides
from madbench.harness.specs import resolved_spec
from madbench.models.adapter import source_file
from madbench.models.load import load_model
from madbench.models.spec import ModelFile
from madbench.plugins import load_plugin
from madbench.registry import ADAPTERS, TASKS

OnResult = Callable[[CheckResult], None]


def check_adapter(
    model: str | Path,
    *,
    plugins: Sequence[str | Path] = (),
    tasks: Sequence[str] = (),
    options: Sequence[str] = (),
    device: str = "cpu",
    on_result: OnResult = lambda result: None,
) -> Report:
    """Examine a model: a registered adapter, or a model file by name or path.

    plugins: files or modules whose import registers adapters. tasks: those it can do, unless some are named.
    options: `key.path=value`, as `--set`. device: `cpu`, where scores are compared bit for bit, `cuda` or `auto`.
    on_result: told of every check as it ends.
    Nothing is read from or written to MADBENCH_HOME; the process is left as it was found. Raises MadbenchError when
    there is nothing to examine; what adapter code raises fails a check.
    """
    for plugin in plugins:
        load_plugin(str(plugin))
    file, overrides = load_model(model), parse_overrides(options)
    for task in tasks:
        if task not in TASKS:
            raise TASKS.unknown(task)
    adapter = ADAPTERS.load(file.adapter)
    resolved = resolve_device(device)
    results: list[CheckResult] = []

    def add(result: CheckResult) -> None:
        results.append(result)
        on_result(result)

    add(_result(None, *DECLARATIONS, lambda: declarations(adapter, file)))
    steps, left_out = [], {}
    if results[0].state == PASS:
        chosen, left_out = _chosen(file, tasks)
        for task in chosen:  # before anything is written: a wrong option is told at once
            resolved_spec(file, task, "mini", overrides)
        for task in chosen:
            meter = Meter(task, resolved)
            with tempfile.TemporaryDirectory(prefix="madbench-check-") as folder, everything_kept(f"{folder}/home"):
                one_thread()
                exam = Exam(
                    file=file,
                    adapter=adapter,
                    source=source_file(adapter),
                    data=write_source(task, Path(folder)),
                    needs=declared_needs(file, task, overrides),
                    overrides=overrides,
                    device=resolved,
                    folder=Path(folder),
                    meter=meter,
                )
                _examine(exam, add)
            steps += meter.steps
    origin = ADAPTERS.origin(file.adapter)
    return Report(file.name, file.adapter, origin, resolved, tuple(results), tuple(steps), left_out)


def _examine(exam: Exam, add: OnResult) -> None:
    """Every check in its order; those that stand on a failed one are skipped."""
    failed: set[str] = set()
    for check in CHECKS:
        cause = next((name for name in check.after if name in failed), None)
        if cause is not None:
            result = CheckResult(exam.data.task, check.name, check.why, SKIP, f"`{cause}` is not met")
        else:
            result = _result(exam.data.task, check.name, check.why, lambda check=check: check.make(exam))
        if cause is not None or result.state == FAIL:
            failed.add(check.name)
        add(result)


def _result(task: str | None, name: str, why: str, make: Callable[[], str | None]) -> CheckResult:
    try:
        return CheckResult(task, name, why, PASS, make() or "")
    except Failed as failure:
        return CheckResult(task, name, why, FAIL, str(failure))
    except Skipped as reason:
        return CheckResult(task, name, why, SKIP, str(reason))


def _chosen(file: ModelFile, asked: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    able = list(tasks_of(file))
    unable = {task: f"it does {', '.join(able)} only" for task in (asked or TASKS.names()) if task not in able}
    chosen = [task for task in able if not asked or task in asked]
    if not chosen:
        raise UsageError(f"'{file.name}' does {', '.join(able) or 'no task'} only", fix="choose among these")
    return chosen, unable
