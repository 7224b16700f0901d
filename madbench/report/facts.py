"""What a table rests on: hashes, selection rule, draws and seeds, training data, versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from madbench.report.answer_space import ceilings_of, space_of
from madbench.report.records import Record


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
            if (space := space_of(record)).get("ceiling") is not None
            and not ceilings_of(record)  # else a note says more
        }
        if ceilings:
            found[task]["answer space"] = ", ".join(
                f"{n} answers (ceiling {100 * top:.2f})" for n, top in sorted(ceilings)
            )
    return found


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


def _list(values: Iterable[str]) -> str:
    return ", ".join(sorted(set(values)))
