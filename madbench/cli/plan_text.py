"""A plan as text: what `madbench plan` prints."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from madbench.errors import one_line


def plan_text(plan: Any, out: Path | None = None) -> str:
    """One line per cell, then per data set what it is, then what is left out or refused. out: where records may lie."""
    lines = list(plan.notices)
    if plan.cells:
        lines += ["", *_table(plan), ""]
    lines += _data_lines(plan)
    lines += _design_lines(plan, out)
    lines += _audit_lines(plan)
    lines += [f"refused: {one.model} {one.protocol} {one.task}: {one_line(str(one.error))}" for one in plan.refusals]
    states = Counter(planned.state for planned in plan.cells)
    counted = ", ".join(
        f"{count} to {state}" if state != "done" else f"{count} done" for state, count in states.items()
    )
    budget = sum(
        p.cell.protocol.budget[p.cell.task].examples_seen for p in plan.cells if p.state in ("train", "resume")
    )
    lines.append(f"{len(plan.cells)} cells: {counted or 'nothing to do'}; at most {budget:,} examples seen in training")
    return "\n".join(lines) + "\n"


def _table(plan: Any) -> list[str]:
    rows = [("model", "protocol", "task", "source", "draw", "seed", "train", "select", "of pool", "state")]
    for planned in plan.cells:
        cell, digest = planned.cell, planned.cell.digest
        select = "-" if digest["select"] is None else f"{digest['select']['n']:,}"
        rows.append(
            (
                cell.spec.name,
                cell.protocol.id,
                cell.task,
                cell.source.kind,
                str(cell.draw),
                str(cell.seed),
                f"{digest['train']['n']:,}",
                select,
                f"{digest['pool']['n']:,}",
                planned.state,
            )
        )
    return _aligned(rows)


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _data_lines(plan: Any) -> list[str]:
    lines = []
    for planned in plan.cells:
        cell = planned.cell
        conditions = [
            f"{one['name']} {one['n']:,}" if one["available"] else f"{one['name']} NOT AVAILABLE ({one['reason']})"
            for one in cell.digest["conditions"]
            if one["role"] in ("id", "shifted")
        ]
        lines.append(f"{cell.protocol.id} {cell.task}: scored on {', '.join(conditions)}")
        shares = cell.digest["train"]["label_shares"]
        if shares:
            pool = cell.digest["pool"]["label_shares"]
            text = ", ".join(f"{name} {shares.get(name, 0):.1%} ({pool[name]:.1%})" for name in pool)
            lines.append(f"{cell.protocol.id} {cell.task} draw {cell.draw}: train labels (pool): {text}")
        problems = cell.digest["official_problems"]
        if problems and cell.source.kind == "real":
            lines.append(f"{cell.task}: not the official data: {'; '.join(problems)}")
        vocabulary = cell.digest.get("vocabulary")
        if vocabulary is not None:
            rows = " + ".join(f"{count:,} {split}" for split, count in vocabulary["rows"].items())
            note = f"; {vocabulary['note']}" if vocabulary["note"] else ""
            lines.append(
                f"{cell.protocol.id} {cell.task}: closed vocabulary of {vocabulary['n']:,} answers from the "
                f"{vocabulary['origin']}, counted on {rows} rows{note}"
            )
        overlap = cell.digest["overlap"]["images"]
        if overlap:
            lines.append(f"{cell.protocol.id} {cell.task}: images shared by construction: {'; '.join(overlap)}")
    return list(dict.fromkeys(lines))


def _design_lines(plan: Any, out: Path | None) -> list[str]:
    """The smallest difference that each task of a protocol can be expected to find."""
    from madbench.report.planned import Design, design_line

    models = tuple(dict.fromkeys(planned.cell.spec.name for planned in plan.cells))
    draws: dict[tuple, set[int]] = {}
    for planned in plan.cells:
        cell = planned.cell
        reported = [one for one in cell.digest["conditions"] if one["role"] == "id" and one["available"]]
        if reported:
            size = reported[0]["name"], reported[0]["n_images"], reported[0]["n"]
            draws.setdefault((cell.protocol.id, cell.task, cell.source.kind, *size), set()).add(cell.draw)
    designs = [
        Design(protocol, task, source, len(found), condition, images, items, models)
        for (protocol, task, source, condition, images, items), found in draws.items()
    ]
    return [line for one in designs if (line := design_line(one, out)) is not None]


def _audit_lines(plan: Any) -> list[str]:
    """What is shared between train, select and conditions, and what the weights of each model saw of the latter."""
    rows = {}
    for planned in plan.cells:
        cell = planned.cell
        for pair in cell.digest["audit"]:
            if pair["examples"] or pair["images"]:
                texts = "-" if pair["image_texts"] is None else f"{pair['image_texts']:,}"
                first = ", ".join(pair["first_examples"] or pair["first_images"])
                between = " and ".join(pair["between"])
                counts = (f"{pair['examples']:,}", f"{pair['images']:,}", texts)
                rows[cell.protocol.id, cell.task, str(cell.draw), between, *counts, first] = None
    lines = []
    if rows:
        head = ("protocol", "task", "draw", "between", "examples", "images", "image and text", "first")
        lines += ["audit: shared between train, select and conditions:", *_aligned([head, *rows])]
    elif plan.cells:
        lines.append("audit: no example or image is shared between train, select and any condition")
    exposures = [
        f"exposure: {planned.cell.spec.name} on {planned.cell.task} {one['condition']}: its initial weights saw "
        f"{one['seen']} ({one['level']}): {one['reason']}"
        for planned in plan.cells
        for one in planned.cell.exposure
    ]
    return lines + list(dict.fromkeys(exposures))
