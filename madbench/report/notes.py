"""The words around a table: what it rests on, what to keep in mind, what is not there."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from madbench.errors import NotComparable
from madbench.report.inline import code, codes, plain
from madbench.report.records import Failure, Record

EXTERNAL = "‡"  # the mark of a row whose training nobody here has seen
NOT_WITNESSED = "training not witnessed"
TITLES = {"vcr": "VCR", "snli_ve": "SNLI-VE", "vqa": "VQA"}
OUR_READING = (
    "MAD and CLIP-TD: the abstracts are implemented as stated, everything else is our reading; "
    "see `madbench show model mad`."
)
MINI_LINE = (
    "mini is madbench's own embedded, procedural data: these numbers compare models with each other on it, and say "
    "nothing about the real data sets."
)


def task_title(task: str) -> str:
    return TITLES.get(task, task)


def facts(records: Sequence[Record], tasks: Sequence[str]) -> dict[str, dict[str, str]]:
    """task -> name -> text: hashes, selection rule, draws and seeds, versions."""
    found = {}
    for task in tasks:
        here = [record for record in records if record.task == task]
        found[task] = {
            "protocol hash": here[0].content["protocol"]["task_hash"],
            "data fingerprint": here[0].content["data"]["fingerprint"],
            "selection": _list(record.content["selection_rule"] for record in here),
            "draws": ranges(record.run[0] for record in here),
            "seeds": ranges(record.run[1] for record in here),
            "training data": _training([record.content["data"] for record in here]),
            "madbench": _list((record.content.get("environment") or {}).get("madbench", "?") for record in here),
        }
        stated: dict[str, str] = {}
        for record in here:
            for condition in record.conditions.values():
                stated.update(condition.get("metric_versions") or {})
        versions = {name.partition(":")[0]: version for name, version in stated.items()}
        found[task]["metrics"] = ", ".join(f"{name} v{versions[name]}" for name in sorted(versions))
        ceilings = {
            (space["n"], space["ceiling"])
            for record in here
            if (space := _space(record)).get("ceiling") is not None and not _ceilings(record)  # else a note says more
        }
        if ceilings:
            found[task]["answer space"] = ", ".join(
                f"{n} answers (ceiling {100 * top:.2f})" for n, top in sorted(ceilings)
            )
    return found


def no_baseline(baseline: str) -> str:
    return f"No differences: no single row of the baseline {code(baseline)} is here."


def notes(records: Sequence[Record], groups: Mapping, hidden: Sequence[Record]) -> list[str]:
    """Sentences for below the table, in a fixed order."""
    lines = []
    if records[0].source == "mini":
        lines.append(MINI_LINE)
    if any(record.model.startswith(("mad", "clip-td")) for record in records):
        lines.append(OUR_READING)
    lines += _marks(groups)
    lines += _attacks(records)
    lines += _data_notes(records)
    lines += _vocabularies(records, groups)
    supervised = sorted({record.model for record in records if (record.content.get("labels") or {}).get("teacher")})
    if supervised:
        whose = " (mini: the scene attributes its CLIP was trained on)" if records[0].source == "mini" else ""
        lines.append(
            f"The teachers or frozen encoders of {codes(supervised)} saw supervision from this task's data{whose}; it is counted under "
            "`labels: teacher`."
        )
    if hidden:
        names = sorted({record.model for record in hidden})
        reasons = sorted({reason for record in hidden for reason in record.content.get("not_comparable_because") or []})
        because = f": {plain('; '.join(reasons))}" if reasons else ""
        lines.append(
            f"Hidden: {len(hidden)} limited records of {codes(names)}{because} (`--include-limited` shows them)."
        )
    bare = [record for record in records if not record.has_predictions]
    if bare:
        lines.append(
            f"No predictions lie beside {len(bare)} of {len(records)} records, so their rows have no interval."
        )
    return lines


def incomplete(groups: Mapping, tasks: Sequence[str], failures: Sequence[Failure]) -> list[str]:
    """What rows lack of the runs that some row has, then what failed."""
    lines = []
    for task in tasks:
        grid = sorted({run for by_task in groups.values() if task in by_task for run in by_task[task].runs})
        for label in sorted(groups):
            has = groups[label][task].runs if task in groups[label] else {}
            lacking = [run for run in grid if run not in has]
            if lacking:
                what = "all runs" if not has else ", ".join(f"draw {draw} seed {seed}" for draw, seed in lacking)
                lines.append(f"not run: {label}, {task_title(task)}: {what}")
    return lines + [failure_line(failure) for failure in failures]


def failure_line(failure: Failure) -> str:
    return f"failed: {failure.where()} ({failure.source}): {failure.error}"


def clash(one: Record, other: Record) -> NotComparable:
    return NotComparable(
        f"two different runs claim the same place in a table: {one.where()}",
        where=f"{other.folder} and {one.folder}",
        fix="find the difference with `madbench diff`, then report on one of them",
    )


def ranges(numbers: Iterable[int]) -> str:
    """`0-2, 5` for 0, 1, 2, 5."""
    parts: list[list[int]] = []
    for number in sorted(set(numbers)):
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)


def _training(data: Sequence[Mapping[str, Any]]) -> str:
    """`5 % (2,001 rows, 401 of them select)`, as far as records say it; the mean share, and a range where draws differ."""
    shares = [one["train_fraction"] for one in data if one.get("train_fraction") is not None]
    share = f"{float(f'{100 * sum(shares) / len(shares):.2g}'):g} %" if shares else ""
    rows = [one["n_train"] + (one.get("n_select") or 0) for one in data if one.get("n_train") is not None]
    select = [one.get("n_select") or 0 for one in data]
    counted = f"{_range(rows)} rows" + (f", {_range(select)} of them select" if any(select) else "") if rows else ""
    return f"{share} ({counted})" if share and counted else share or counted


def _range(numbers: Sequence[int]) -> str:
    return "-".join(f"{one:,}" for one in dict.fromkeys((min(numbers), max(numbers))))


def _marks(groups: Mapping) -> list[str]:
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


def _attacks(records: Sequence[Record]) -> list[str]:
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


def _vocabularies(records: Sequence[Record], groups: Mapping) -> list[str]:
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
            if record.task == task and (space := _space(record)).get("closed")
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
            found = _ceilings(record)
            if found:
                tops = ", ".join(f"{name} {100 * top:.2f}" for name, top in found.items())
                labels = of_draw[draw][f"{tops} ({_space(record)['n']:,} answers)"]
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


def _space(record: Record) -> Mapping[str, Any]:
    return record.content["data"].get("answer_space") or {}


def _ceilings(record: Record) -> dict[str, float]:
    """Condition -> ceiling, of the conditions that have rows of their own in a table's headline."""
    return {
        name: one["ceiling"]
        for name, one in record.conditions.items()
        if one.get("ceiling") is not None and one.get("role") in ("id", "shifted")
    }


def _data_notes(records: Sequence[Record]) -> list[str]:
    lines = []
    for task in sorted({record.task for record in records}):
        here = [record.content["data"] for record in records if record.task == task]
        if any(data.get("official") is False for data in here) and records[0].source != "mini":
            problems = sorted({problem for data in here for problem in data.get("official_problems") or []})
            more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
            example = f": {plain(problems[0])}{more}" if problems else ""
            lines.append(f"{task_title(task)}: not official counts{example}.")
        if any(data.get("image_overlap") == "by-construction" for data in here):
            lines.append(
                f"{task_title(task)}: training and evaluation share images by construction of the protocol "
                "(no question is shared)."
            )
        absent = sorted(
            {
                (name, condition.get("reason") or "the source lacks its files")
                for record in records
                if record.task == task
                for name, condition in record.conditions.items()
                if not condition.get("available", True)
            }
        )
        lines += [
            f"{task_title(task)}: condition {code(name)} is not available: {plain(reason)}." for name, reason in absent
        ]
        lines += _counts([record for record in records if record.task == task])
    return lines


def _counts(records: Sequence[Record]) -> list[str]:
    """What the reader was allowed to skip, and what the files of a shift left as it was: rows, told and not lost."""
    said = set()
    for record in records:
        for split, skipped in sorted((record.content["data"].get("skipped") or {}).items()):
            text = _numbers(skipped) if isinstance(skipped, Mapping) else f"{skipped:,}"
            said.add(f"{task_title(record.task)}: rows skipped in {plain(split)}: {text}.")
        for name, condition in record.conditions.items():
            if (about := condition.get("about")) and (text := _numbers(about)):
                said.add(f"{task_title(record.task)} {plain(name)}: {text}.")
    return sorted(said)


def _numbers(facts: Mapping[str, Any]) -> str:
    """`rows without scores 12, relabelled 3` from counts, in their order; whatever is no count is left out."""
    return ", ".join(
        f"{plain(name.replace('_', ' '))} {count:,}" for name, count in facts.items() if type(count) is int
    )


def _list(values: Iterable[str]) -> str:
    return ", ".join(sorted(set(values)))
