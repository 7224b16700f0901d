"""What single rows declare, and what their marks stand for: notes, exposure, divisions, attacks on a condition."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from madbench.report.inline import code, plain
from madbench.report.records import Record
from madbench.report.titles import task_title

EXTERNAL = "‡"  # the mark of a row whose training nobody here has seen
NOT_WITNESSED = "training not witnessed"


def declared(groups: Mapping) -> list[str]:
    """What single models declare: notes, exposure of their weights, divisions other than closed.

    What not every run of a row declares stands in one line a row, with the number of runs that do.
    """
    said: dict[tuple[str, str], set[str]] = defaultdict(set)
    partly: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for label, by_task in groups.items():
        for task, group in by_task.items():
            counts: Counter[str] = Counter()
            for record in group.runs.values():
                model = record.content["model"]
                division = record.content.get("division", "closed")
                if division == "closed" and not model.get("notes") and not model.get("seen"):
                    continue
                marks = [plain(note) for note in model.get("notes") or [] if note != NOT_WITNESSED]
                marks += _seen(record)
                if division == "external":
                    marks.append(f"{EXTERNAL} external: {NOT_WITNESSED}")
                elif division == "open":
                    marks.append("open division: outside the protocol's budget or rules")
                counts.update(dict.fromkeys(marks, 1))
            for mark in sorted(counts):
                if counts[mark] == len(group.runs):
                    said[label, mark].add(task_title(task))
                else:
                    title = f"{task_title(task)}, {len(group.runs)} runs"
                    partly[label].setdefault(title, []).append(f"{mark} ({counts[mark]})")
    lines = [(label, f" ({', '.join(sorted(tasks))}): {mark}.") for (label, mark), tasks in said.items()]
    for label, by_title in partly.items():
        each = "; ".join(f"{title}: {', '.join(by_title[title])}" for title in sorted(by_title))
        lines.append((label, f", not in every run (in how many stands in brackets): {each}."))
    return [f"{code(label)}{line}" for label, line in sorted(lines)]


def exposure(record: Record) -> list[Mapping[str, str]]:
    """What the initial weights saw of each condition: condition, seen, level, reason."""
    return record.content.get("exposure") or ()


def _seen(record: Record) -> list[str]:
    seen = sorted(record.content["model"].get("seen") or [])
    if not seen:
        return []
    if "exposure" not in record.content:
        return [f"† its initial weights saw {plain(', '.join(seen))}"]
    by_cause: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for one in exposure(record):
        by_cause[one["seen"], one["level"], one["reason"]].append(code(one["condition"]))
    if not by_cause:
        return [f"its initial weights saw {plain(', '.join(seen))}, which is not known to expose a condition here"]
    return [
        f"† on {', '.join(conditions)}: its initial weights saw {plain(data_set)} ({plain(level)}): {plain(reason)}"
        for (data_set, level, reason), conditions in by_cause.items()
    ]


def attack_model(condition: Mapping[str, Any]) -> str | None:
    """The model that a condition was made to mislead, as its score file names it."""
    about = condition.get("about")
    attack = about.get("attack") if about else None
    return attack.get("model") if isinstance(attack, Mapping) else None


def attacks(records: Sequence[Record]) -> list[str]:
    """Whose losses an adversarial condition was made with."""
    said: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for record in records:
        for name, condition in record.conditions.items():
            if not (about := condition.get("about")) or "attack" not in about:
                continue
            attack, model = condition["about"]["attack"], attack_model(condition)
            if model is None:
                said[record.task, "attack by a model that the score file does not name"].add(name)
                continue
            train_id = str(attack.get("train_id") or "unknown")[:12]
            trained = f"{attack['protocol']}," if attack.get("protocol") else ""
            said[
                record.task,
                f"attack by {code(model)} ({plain(trained)}{' ' if trained else ''}train id {plain(train_id)})",
            ].add(name)
    lines = []
    for (task, words), names in sorted(said.items()):
        own = " The row marked white-box is the attack model itself." if "`" in words and _attacked(records) else ""
        lines.append(f"{task_title(task)} {plain(', '.join(sorted(names)))}: {words}.{own}")
    return lines


def _attacked(records: Sequence[Record]) -> bool:
    return any(attack_model(one) == record.model for record in records for one in record.conditions.values())
