"""A check as text: one table, then problems, notes, what is not there, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from madbench.tasks.checking.missing import Missing
from madbench.tasks.checking.report import Files, Finding, SourceCheck, SplitCheck
from madbench.tasks.releases import RELEASES

SHOWN = 20  # findings of one kind and split; --json has all


def as_text(report: SourceCheck, registered: bool) -> str:
    """registered: whether the root is the one that runs use."""
    lines = [f"{report.task}: {report.root}", ""]
    lines += _table(report) if report.splits else ["  nothing could be read"]
    lines += _labels(report.splits)
    if report.extras:
        lines += [
            "",
            "files of shifts and answer lists:",
            *(f"  {name}: {path}" for name, path in report.extras.items()),
        ]
    lines += _findings("problem", report.problems)
    lines += _findings("note", report.notes)
    lines += missing_text(report.missing)
    return "\n".join([*lines, "", _verdict(report), *_next(report, registered)])


def missing_text(missing: Sequence[Missing]) -> list[str]:
    """Who has the files that are not there, files of one holder together."""
    lines = []
    for title, some in (
        ("not there, and needed:", [one for one in missing if one.required]),
        ("not there, and only needed for what stands behind it:", [one for one in missing if not one.required]),
    ):
        if some:
            lines += ["", title]
        for holder in dict.fromkeys((one.ask, one.licence) for one in some):
            for one in some:
                if (one.ask, one.licence) == holder:
                    named = "" if one.register_as is None else f" (or register it with --file {one.register_as}=PATH)"
                    lines.append(f"  {one.name}: {_few(one.needed_by) or 'optional'}{named}")
            lines += [f"    ask: {holder[0]}", f"    licence: {holder[1]}"]
    return lines


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _table(report: SourceCheck) -> list[str]:
    group = RELEASES[report.task].group
    columns = ["split", "rows", "official", "images", "official"]
    columns += [group, "official"] if group else []
    files = [name for name in ("pictures", "metadata", "regions") if any(getattr(one, name) for one in report.splits)]
    columns += [{"pictures": "on disk", "metadata": "metadata", "regions": "regions"}[name] for name in files]
    body = []
    for one in report.splits:
        rows = "not there" if not one.files else "not read" if one.rows is None else f"{one.rows:,}"
        line = [one.split, rows, _number(one.official_rows), _number(one.images), _number(one.official_images)]
        line += [_number(one.groups), _number(one.official_groups)] if group else []
        body.append(line + [_files(getattr(one, name)) for name in files])
    widths = [max(len(line[place]) for line in [columns, *body]) for place in range(len(columns))]
    return [
        "  "
        + line[0].ljust(widths[0])
        + "".join(f"  {cell:>{width}}" for cell, width in zip(line[1:], widths[1:], strict=True))
        for line in [columns, *body]
    ]


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _files(files: Files | None) -> str:
    if files is None:
        return "-"
    opened = "" if files.opened is None else f" ({files.opened:,} opened, {files.damaged:,} bad)"
    return f"{files.found:,}{opened}"


def _labels(splits: Iterable[SplitCheck]) -> list[str]:
    lines = []
    for one in splits:
        for field, counts in one.labels.items():
            shares = [f"{value} {number:,}" for value, number in counts.items()]
            lines.append(
                f"  {one.split} {field}: " + (", ".join(shares) if len(shares) <= 6 else f"{len(shares)} values")
            )
    return ["", *lines] if lines else []


def _findings(kind: str, found: Sequence[Finding]) -> list[str]:
    lines = []
    for split in dict.fromkeys(one.split for one in found):
        of_split = [one for one in found if one.split == split]
        lines += [f"{kind}: {one.text()}" for one in of_split[:SHOWN]]
        if len(of_split) > SHOWN:
            lines.append(f"{kind}: and {len(of_split) - SHOWN:,} more of {split or 'the source'}; --json lists all")
    return ["", *lines] if lines else []


def _verdict(report: SourceCheck) -> str:
    count = len(report.problems)
    if count:
        return f"{count:,} problem{'s' if count != 1 else ''}: not as officially released"
    return "as officially released"


def _next(report: SourceCheck, registered: bool) -> list[str]:
    command = f"madbench data check {report.task}" + ("" if registered else f" --root {report.root}")
    if any(one.rows is None and one.files for one in report.splits):
        return [f"next: correct the file (only the first bad line of a file is told), then again: {command}"]
    if report.problems:
        return [
            f"next: get what is missing or differs, then again: {command}",
            "      a run with these files is possible where they can be read; its tables are marked as not official",
        ]
    if not registered:
        return [f"next: madbench data register {report.task} --root {report.root}"]
    return [f"next: madbench plan --model mad --protocol lowshot-1pct --task {report.task}"]
