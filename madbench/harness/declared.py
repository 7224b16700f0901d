"""Tasks, draws and seeds: what is asked for, among what the protocols declare."""

from __future__ import annotations

from collections.abc import Sequence

from madbench.errors import UsageError
from madbench.protocols.schema import Protocol
from madbench.registry import TASKS

MOST_NUMBERS = 10_000  # of one range: no study has more draws, and a slip of the finger would fill the memory


def named(names: Sequence[str], option: str) -> list[str]:
    """The names given with an option, each once. Raises UsageError where there is none."""
    if not names:
        raise UsageError(f"no {option} given", fix=f"name one with {option}")
    return list(dict.fromkeys(str(name) for name in names))


def tasks_asked(asked: Sequence[str], protocols: Sequence[Protocol]) -> list[str]:
    """The tasks that protocols declare, or those of them that are asked for. Raises UsageError for any other."""
    declared = list(dict.fromkeys(task for protocol in protocols for task in protocol.tasks))
    for task in asked:
        if task not in TASKS:
            raise TASKS.unknown(task)
        if task not in declared:
            raise UsageError(
                f"--task {task}: {', '.join(one.id for one in protocols)} has {', '.join(declared)}",
                fix="choose one of these",
            )
    return [task for task in declared if not asked or task in asked]


def numbers_asked(option: str, text: str | None, declared: Sequence[int], protocols: Sequence[Protocol], field: str):
    """The draws or seeds of one protocol: what is asked for and declared by it. Raises UsageError."""
    if text is None:
        return list(declared[:1])
    if text == "all":
        return list(declared)
    asked = parse_numbers(option, text)
    known = {number for protocol in protocols for number in getattr(protocol, field)}
    unknown = sorted(set(asked) - known)
    chosen = [number for number in declared if number in asked]
    if unknown or not chosen:
        raise UsageError(
            f"{option} {text}: declared are {', '.join(map(str, sorted(known if unknown else declared)))}",
            fix=f"choose among these, or {option} all",
        )
    return chosen


def parse_numbers(option: str, text: str) -> list[int]:
    """`0-2,4` as [0, 1, 2, 4]. Raises UsageError."""
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()) or (dash and int(last) < int(first)):
            raise UsageError(f"{option} {text}: expected numbers such as 0-4 or 0,2, or all", fix=f"e.g. {option} 0-2")
        if int(last or first) - int(first) >= MOST_NUMBERS:
            raise UsageError(f"{option} {part.strip()}: more than {MOST_NUMBERS:,} numbers", fix=f"e.g. {option} 0-2")
        numbers += range(int(first), int(last or first) + 1)
    return list(dict.fromkeys(numbers))


def of_declared(protocol: Protocol, draws: Sequence[int], seeds: Sequence[int]) -> str | None:
    """`NAME@VERSION: 1 of 5 declared draws`, None where all declared draws and seeds are run."""
    parts = []
    for name, chosen, declared in (("draws", draws, protocol.draws), ("seeds", seeds, protocol.seeds)):
        if len(chosen) < len(declared):
            parts.append(f"{len(chosen)} of {len(declared)} declared {name}")
    return f"{protocol.id}: {', '.join(parts)}" if parts else None
