"""Comparison tables from records: `madbench.report(...)` and `madbench report`.

records -> board (what stands beside what, with intervals) -> a format. Reads records and predictions; knows no model.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Sequence
from pathlib import Path

from madbench.registry import Registry

FORMATS = Registry(
    "report format",
    {
        "md": "madbench.report.markdown:render",
        "csv": "madbench.report.csv:render",
        "json": "madbench.report.json:render",
    },
)

INTERVALS = ("t", "bootstrap")


def report(
    dirs: Sequence[Path | str] = ("runs",),
    format: str = "md",
    baseline: str = "student",
    out: Path | str | None = None,
    published: str = "facts",
    strict: bool = False,
    check: Path | str | None = None,
    include_limited: bool = False,
    interval: str = "t",
) -> str:
    """The comparison tables of all records below `dirs`, as text; written to `out` too when given.

    baseline: the model the others are compared with. interval: `t`, or `bootstrap` for what rests on the items of one
    run. published: `facts`, `all` or `none`, only beside real data.
    Raises UsageError for an unknown format or baseline, DataMissing without records, DataMalformed for records that
    cannot be believed, NotComparable when `strict` finds anything missing, failed, limited or mixed, or when the file
    `check` differs from the text. The same records give the same bytes.
    """
    from madbench.errors import DataMissing, NotComparable, UsageError, did_you_mean
    from madbench.report import published as papers
    from madbench.report.board import MINI, build_board
    from madbench.report.records import load_runs, no_collection

    if format not in FORMATS:
        hint = did_you_mean(format, FORMATS.names())
        raise UsageError(
            f"no report format '{format}'" + (f"; {hint}" if hint else ""),
            fix=f"choose one of {', '.join(FORMATS.names())}",
        )
    if published not in papers.CHOICES:
        raise UsageError(f"--published is '{published}'", fix=f"choose one of {', '.join(papers.CHOICES)}")
    if interval not in INTERVALS:
        raise UsageError(f"--interval is '{interval}'", fix=f"choose one of {', '.join(INTERVALS)}")
    if check is not None and not Path(check).is_file():
        raise DataMissing(f"no file '{check}' to check", fix="write it first with --out")
    with no_collection():
        board = build_board(load_runs(dirs), baseline=baseline, include_limited=include_limited, interval=interval)
        tasks = sorted({task for table in board.tables if table.source != MINI for task in table.tasks})
        if tasks and published != "none":
            board.published = papers.choose(papers.load_published(), published, tasks)
        text = FORMATS.load(format)(board)
    if strict and board.problems:
        shown = "\n  ".join(board.problems[:10])
        more = f"\n  and {len(board.problems) - 10} more" if len(board.problems) > 10 else ""
        raise NotComparable(
            f"{len(board.problems)} things keep this board from being complete and comparable:\n  {shown}{more}",
            fix="run what is missing, or leave out --strict",
        )
    if check is not None:
        _refuse_stale(Path(check), text)
    if out is not None:
        from madbench.files import write_text

        write_text(Path(out), text)
    return text


def _refuse_stale(path: Path, text: str) -> None:
    """A committed board may carry words of its own above the board's first line; the rest must be equal."""
    import difflib

    from madbench.errors import NotComparable

    old, new = path.read_text(encoding="utf-8").splitlines(), text.splitlines()
    start = old.index(new[0]) if new[0] in old else 0
    changes = [
        line
        for line in difflib.unified_diff(old[start:], new, lineterm="", n=0)
        if not line.startswith(("---", "+++", "@@"))
    ]
    if changes:
        shown = "\n  ".join(line if len(line) <= 200 else line[:197] + "..." for line in changes[:12])
        more = f"\n  and {len(changes) - 12} more" if len(changes) > 12 else ""
        raise NotComparable(
            f"{path} is stale, {len(changes)} lines differ from the records:\n  {shown}{more}",
            fix=f"write it again: the same command with --out {path} instead of --check",
        )


class _CallableModule(types.ModuleType):
    """`madbench.report` is a function to users, and, once this package is imported, also the name of the package.

    Python then hands out the package, so it answers to a call too.
    """

    def __call__(self, *args, **kwargs) -> str:
        return report(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableModule
