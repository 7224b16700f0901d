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
        "latex": "madbench.report.latex:render",
        "html": "madbench.report.html:render",
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
    board: str = "all",
    min_group: int = 50,
    figures: Path | str | None = None,
    mixed: bool = False,
) -> str:
    """The comparison tables of all records below `dirs` (run folders, packed results, archives of records), as text;
    written to `out` too when given.

    baseline: the model the others are compared with. interval: `t`, or `bootstrap` for what rests on the items of one
    run. published: `facts`, `all` or `none`, only beside real data. board: which boards to show (`all` or one of BOARDS).
    min_group: the fewest items of a group that can be the worst one. figures: a folder for SVG and PNG files.
    mixed: records of one protocol name whose protocol, data, metric versions or shift files differ stand in one table,
    each row saying which content it is of, instead of in tables apart; `strict` refuses them either way.
    Raises UsageError for an unknown format or baseline, DataMissing without records, DataMalformed for records that
    cannot be believed, NotComparable when `strict` finds anything missing, failed, limited or mixed, or when the file
    `check` differs from the text. The same records give the same bytes.
    """
    from madbench.errors import DataMissing, NotComparable, UsageError, did_you_mean
    from madbench.report import published as papers
    from madbench.report.board import build_board
    from madbench.report.pack import opened
    from madbench.report.records import load_runs, no_collection
    from madbench.report.tables import BOARDS, MINI, Extent

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
    if board not in ("all", *BOARDS):
        hint = did_you_mean(board, BOARDS)
        raise UsageError(
            f"no board '{board}'" + (f"; {hint}" if hint else ""), fix=f"choose one of {', '.join(BOARDS)}, all"
        )
    if min_group < 1:
        raise UsageError(f"--min-group is {min_group}", fix="give a number of items, 1 or more")
    if check is not None and not Path(check).is_file():
        raise DataMissing(f"no file '{check}' to check", fix="write it first with --out")
    extent = Extent(BOARDS if board == "all" else (board,), min_group)
    with no_collection(), opened(dirs) as folders:
        made = build_board(
            load_runs(folders),
            baseline=baseline,
            include_limited=include_limited,
            interval=interval,
            extent=extent,
            mixed=mixed,
        )
        tasks = sorted({task for table in made.tables if table.source != MINI for task in table.tasks})
        if tasks and published != "none":
            made.published = papers.choose(papers.load_published(), published, tasks)
        text = FORMATS.load(format)(made)
    if strict and made.problems:
        shown = "\n  ".join(made.problems[:10])
        more = f"\n  and {len(made.problems) - 10} more" if len(made.problems) > 10 else ""
        raise NotComparable(
            f"{len(made.problems)} things keep this board from being complete and comparable:\n  {shown}{more}",
            fix="run what is missing, or leave out --strict",
        )
    if check is not None:
        _refuse_stale(Path(check), text)
    if figures is not None:
        from madbench.report.figures import write

        write(made, Path(figures))
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
    # The first two lines name the files; a changed line that begins with dashes looks like them.
    compared = list(difflib.unified_diff(old[start:], new, lineterm="", n=0))[2:]
    changes = [line for line in compared if not line.startswith("@@")]
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
