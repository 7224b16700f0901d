"""What the answer vocabulary costs each run at most, and what a closed one was counted on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from madbench.report.inline import codes, plain
from madbench.report.records import Record
from madbench.report.titles import task_title


def vocabularies(records: Sequence[Record], groups: Mapping) -> list[str]:
    """What the answer space costs each run at most, and what a closed one was counted on."""
    lines = []
    for task in sorted({record.task for record in records}):
        here = {label: by_task[task] for label, by_task in sorted(groups.items()) if task in by_task}
        said = _ceiling_parts(here)
        if said:
            lines.append(f"{task_title(task)}: oracle ceiling of the answer vocabulary: {'; '.join(said)}.")
        closed = {
            (space["n"], tuple(sorted(space["closed"]["rows"].items())), space["closed"]["note"])
            for record in records
            if record.task == task and (space := space_of(record)).get("closed")
        }
        for n, rows, note in sorted(closed, key=str):
            counted = " + ".join(f"{count:,} {split}" for split, count in rows)
            reported = {one.get("split") for record in records for one in record.conditions.values()}
            both = sorted(split for split, _ in rows if split in reported)
            leak = f", the reported {', '.join(both)} among them" if both else ""
            lines.append(
                f"{task_title(task)}: the answer vocabulary is closed: {n:,} answers counted on {counted} annotated "
                f"rows{leak}; they are booked as `labels: vocabulary`." + (f" It is {plain(note)}." if note else "")
            )
    return lines


def _ceiling_parts(groups: Mapping) -> list[str]:
    """One part for each draw: what most rows have, then the rows that differ. One in all when no draw differs."""
    of_draw: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for label, group in groups.items():
        for (draw, _), record in group.runs.items():
            found = ceilings_of(record)
            if found:
                tops = ", ".join(f"{name} {100 * top:.2f}" for name, top in found.items())
                labels = of_draw[draw][f"{tops} ({space_of(record)['n']:,} answers)"]
                labels += [label] if label not in labels else []
    usual = {draw: max(found, key=lambda text: (len(found[text]), text)) for draw, found in of_draw.items()}
    if len(set(usual.values())) == 1 and all(len(found) == 1 for found in of_draw.values()):
        return [next(iter(usual.values()))]
    parts = []
    for draw in sorted(of_draw):
        parts.append(f"draw {draw} {usual[draw]}")
        for text, labels in sorted(of_draw[draw].items()):
            if text != usual[draw]:
                parts.append(f"draw {draw}, {codes(labels)}, {text}")
    return parts


def space_of(record: Record) -> Mapping[str, Any]:
    return record.content["data"].get("answer_space") or {}


def ceilings_of(record: Record) -> dict[str, float]:
    """Condition -> ceiling, of the conditions that have rows of their own in a table's headline."""
    return {
        name: one["ceiling"]
        for name, one in record.conditions.items()
        if one.get("ceiling") is not None and one.get("role") in ("id", "shifted")
    }
