"""What the conformance suite found, as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from madbench.harness.conformance.outcome import Step

PASS, FAIL, SKIP = "pass", "FAIL", "skip"
_STATES = {PASS: "passed", FAIL: "failed", SKIP: "skipped"}


@dataclass(frozen=True)
class CheckResult:
    """One check on one task (None: of the class, whatever the task). reason: what was seen, or why it was skipped."""

    task: str | None
    check: str
    why: str
    state: Literal["pass", "FAIL", "skip"]
    reason: str = ""

    def lines(self) -> list[str]:
        first = f"{self.state}  {self.check:<19} {self.why}"
        return [first, f"      {self.reason}"] if self.reason else [first]


@dataclass(frozen=True)
class Report:
    """origin: where the adapter was registered. left_out: task -> why it was not examined."""

    model: str
    adapter: str
    origin: str
    device: str
    results: tuple[CheckResult, ...]
    steps: tuple[Step, ...]
    left_out: dict[str, str]

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        return tuple(one for one in self.results if one.state == FAIL)

    @property
    def passed(self) -> bool:
        """Nothing failed. Skipped checks say why."""
        return not self.failures

    def text(self) -> str:
        """Everything, task by task; then time and memory, and the count."""
        lines: list[str] = []
        previous: str | None = None
        for one in self.results:
            lines += [*task_heading(one.task, previous), *one.lines()]
            previous = one.task
        return "\n".join([*lines, *self.ending()]) + "\n"

    def ending(self) -> list[str]:
        """What follows the checks; the last line stands alone."""
        left_out = [f"left out: {task}: {why}" for task, why in self.left_out.items()]
        where = f"model {self.model}, adapter {self.adapter} ({self.origin}), on {self.device}"
        return ["", *_costs(self.steps), *left_out, f"{where}: {self.summary()}"]

    def summary(self) -> str:
        """`2 failed, 40 passed, 3 skipped`, with the failed checks by name."""
        counts = {state: sum(one.state == state for one in self.results) for state in (FAIL, PASS, SKIP)}
        said = ", ".join(f"{count} {_STATES[state]}" for state, count in counts.items() if count)
        failed = ", ".join(f"{one.task}: {one.check}" if one.task else one.check for one in self.failures)
        return said + (f" ({failed})" if failed else "")

    def content(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "model": self.model,
            "adapter": self.adapter,
            "origin": self.origin,
            "device": self.device,
            "passed": self.passed,
            "results": [{**asdict(one), "state": one.state.lower()} for one in self.results],
            "steps": [asdict(one) for one in self.steps],
            "left_out": self.left_out,
        }


def task_heading(task: str | None, previous: str | None) -> list[str]:
    """The lines before the first check of a task."""
    return [] if task is None or task == previous else ["", task]


def _costs(steps: Sequence[Step]) -> list[str]:
    """Seconds and highest memory of each step, a row per step and a column per task."""
    if not steps:
        return []
    tasks = list(dict.fromkeys(one.task for one in steps))
    names = list(dict.fromkeys(one.name for one in steps))
    by = {(one.name, one.task): _cost(one) for one in steps}
    rows = [["time, memory", *tasks], *([name, *(by.get((name, task), "-") for task in tasks)] for name in names)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(tasks) + 1)]
    return [
        *("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows),
        "",
    ]


def _cost(step: Step) -> str:
    memory = "" if step.memory_mb is None else f" {step.memory_mb:,.0f} MiB"
    cuda = "" if step.cuda_mb is None else f" + {step.cuda_mb:,.0f} MiB GPU"
    return f"{step.seconds:.2f} s{memory}{cuda}"
