"""What a table rests on: hashes, selection rule, draws and seeds, training data, versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
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
            "draws": _of_declared(here, 0),
            "seeds": _of_declared(here, 1),
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


def undeclared(records: Sequence[Record]) -> list[str]:
    """Draws and seeds that the protocol of a table declares and no row has."""
    declared = _declared(records[0])
    lines = []
    for place, what in enumerate(("draws", "seeds")):
        lacking = set(declared[place]) - {one.run[place] for one in records} if declared else ()
        if lacking:
            lines.append(f"not run: {what} {ranges(lacking)} of the {len(declared[place])} declared")
    return lines


def _of_declared(records: Sequence[Record], place: int) -> str:
    """`0-2`, or `0 of 5 declared` where the protocol has more. place: 0 for draws, 1 for seeds."""
    found = {record.run[place] for record in records}
    declared = _declared(records[0])
    more = declared is not None and set(declared[place]) - found
    return ranges(found) + (f" of {len(declared[place])} declared" if more else "")


def _declared(record: Record) -> tuple[Sequence[int], Sequence[int]] | None:
    """The draws and seeds of a record's protocol; None where the protocol at hand is not the one that was run."""
    stated = record.content["protocol"]
    return _declared_by(f"{stated['name']}@{stated['version']}", stated.get("hash", ""))


@cache
def _declared_by(name: str, sha256: str) -> tuple[Sequence[int], Sequence[int]] | None:
    from madbench.errors import MadbenchError
    from madbench.protocols import load_protocol

    try:
        protocol = load_protocol(name)
    except MadbenchError:
        return None
    return (protocol.draws, protocol.seeds) if protocol.hash == sha256 else None


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
