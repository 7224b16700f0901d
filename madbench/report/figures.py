"""The figures of a board, drawn with matplotlib: SVG inside the HTML page, SVG and PNG files with `--figures`.

Rows differ by colour, marker and line style, so that none of the three has to be seen. The colours keep their distance
under the common colour deficiencies (after Okabe and Ito, Color Universal Design, 2008, darkened to a contrast of 3:1 and
more on white). The same board gives the same bytes: no dates, fixed ids, the font that matplotlib brings along.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from madbench.report import blocks, document
from madbench.report.curve_numbers import percent
from madbench.report.tables import Board

INK, LINE = "#1b1f24", "#c9d1d9"
# Light, dark: series by series the same hue. The page has them as CSS variables.
COLOURS = (
    ("#0072b2", "#4fb3f0"),
    ("#c44e00", "#ff9a4d"),
    ("#007a5a", "#3ccb9f"),
    ("#a8477c", "#f08bc0"),
    ("#8a6a00", "#e8c547"),
    ("#5d6b78", "#b4c0cc"),
    ("#5b4eb5", "#a79bff"),
    ("#7a3b1e", "#d9a384"),
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h", "*")
STYLES = ("-", "--", "-.", ":")
WIDTH = 7.2  # inches
BANDS = 6  # lines that may all have one
LONGEST = 28  # signs of a name
SETTINGS = {
    "svg.hashsalt": "madbench",
    "svg.fonttype": "none",
    "text.parse_math": False,  # a name may hold a dollar sign
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 9,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.markersize": 5,
    "savefig.dpi": 160,
}


def write(board: Board, folder: Path) -> list[Path]:
    """Every figure of a board as `<key>.svg` and `<key>.png` on white."""
    from madbench.files import atomic_path

    places, paths = styles(board), []
    for figure in document.figures(board):
        for ending in ("svg", "png"):
            paths.append(folder / f"{figure.key}.{ending}")
            with atomic_path(paths[-1]) as temporary:
                temporary.write_bytes(drawn(figure, places, ending, background="white"))
    return paths


def styles(board: Board) -> dict[str, int]:
    """Row label -> its place among colours and markers, the same in every figure of a board.

    Baselines first, then the rows of curves: only there lines cross, so these are to differ in colour if they can.
    """
    labels = {row.label: row.baseline for table in board.tables for row in table.rows}
    for table in board.tables:
        labels.update({row.label: True for row in table.rows if row.baseline})
    crossing = {line.label for curve in board.curves for line in curve.lines}
    ordered = sorted(labels, key=lambda one: (not labels[one], one not in crossing, one))
    return {label: place for place, label in enumerate(ordered)}


def inline(figure: blocks.Figure, places: Mapping[str, int], prefix: str) -> str:
    """A figure as an <svg> element for a page: ids of its own, no names of other places, colours as CSS variables.

    prefix: letters and digits that no other figure of the page has.
    """
    text = drawn(figure, places, "svg", background="none").decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<style[^>]*>.*?</style>\s*", "", text, flags=re.DOTALL)
    text = (
        re.sub(r'\s(?:xmlns(?::\w+)?|version|width|height)="[^"]*"', "", text.partition(">")[0])
        + text[text.index(">") :]
    )
    text = re.sub(r'\bid="', f'id="{prefix}-', text)
    text = re.sub(r'href="#', f'href="#{prefix}-', text).replace("url(#", f"url(#{prefix}-")
    text = text.replace("xlink:href", "href")
    for place, (light, _) in enumerate(COLOURS):
        text = text.replace(light, f"var(--series-{place})")
    return text.replace(INK, "var(--ink)").replace(LINE, "var(--line)").strip()


def drawn(figure: blocks.Figure, places: Mapping[str, int], ending: str, background: str) -> bytes:
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **SETTINGS}), _quiet():
        canvas = Figure(layout="constrained")
        DRAWINGS[figure.kind](canvas, figure.content, places)
        if background != "none":
            canvas.suptitle(figure.caption, fontsize=9, color=INK, wrap=True)
        buffer = io.BytesIO()
        # Every field None: no date, no version of the drawing program.
        metadata: dict[str, Any] = {"Software": None}
        if ending == "svg":
            metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        canvas.savefig(buffer, format=ending, facecolor=background, metadata=metadata)
    return buffer.getvalue()


@contextmanager
def _quiet() -> Iterator[None]:
    """A sign that the font lacks is drawn as a box; that is no reason to warn."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*[Gg]lyph.*")
        yield


# --------------------------------------------------------------------------- drawings


def _curve(canvas, curve, places: Mapping[str, int]) -> None:
    canvas.set_size_inches(WIDTH, 3.8 + _legend_height([line.label for line in curve.lines]))
    axes = canvas.add_subplot()
    # Many bands upon each other would hide the lines: then only who matters most has one, the others have bars.
    banded = {
        line.label
        for line in curve.lines
        if len(curve.lines) <= BANDS or line.baseline or any(point.rank == 1 for point in line.points.values())
    }
    shade = 0.15 if len(banded) <= 4 else 0.07
    for line in curve.lines:
        points = [(fraction, point.estimate) for fraction, point in sorted(line.points.items())]
        x = [100 * fraction for fraction, _ in points]
        y = [100 * found.value for _, found in points]
        look = _look(places[line.label])
        axes.plot(x, y, label=_short(line.label), linestyle=STYLES[places[line.label] % len(STYLES)], **look)
        bounded = [(at, found) for at, (_, found) in zip(x, points, strict=True) if found.half_width is not None]
        if line.label not in banded:
            for at, found in bounded:
                half = [[100 * (found.value - found.low)], [100 * (found.high - found.value)]]
                axes.errorbar([at], [100 * found.value], yerr=half, capsize=2, linewidth=0.8, color=look["color"])
        elif bounded:
            low, high = (
                [100 * end for end in ends] for ends in zip(*((one.low, one.high) for _, one in bounded), strict=True)
            )
            axes.fill_between([at for at, _ in bounded], low, high, color=look["color"], alpha=shade, linewidth=0)
    axes.set_xscale("log")
    axes.set_xticks([100 * fraction for fraction in curve.fractions], [percent(one) for one in curve.fractions])
    axes.minorticks_off()
    axes.set_xlabel("share of the training data (log scale)")
    bars = "" if len(banded) == len(curve.lines) else " or bar"
    axes.set_ylabel(f"{curve.metric} (%), band{bars}: 95% interval")
    _legend(canvas, axes)


def _differences(canvas, panels: Sequence[tuple[str, Sequence[tuple[str, Any]]]], places: Mapping[str, int]) -> None:
    labels = list(dict.fromkeys(label for _, shown in panels for label, _ in shown))  # as in the table
    columns = min(len(panels), 3)
    rows = -(-len(panels) // columns)
    canvas.set_size_inches(WIDTH, rows * (0.9 + 0.24 * len(labels)))
    grid = canvas.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    for axes, (condition, shown) in zip(grid, panels, strict=False):
        axes.axvline(0, color=INK, linewidth=1)
        for label, found in shown:
            _error_bar(axes, found, labels.index(label), _look(places[label]))
        _rows(axes, labels)
        axes.set_title(_short(condition))
        axes.set_xlabel("points, 95% interval")


def _shifts(canvas, lines: Sequence[tuple[str, Sequence[tuple[str, Any]]]], places: Mapping[str, int]) -> None:
    labels = [label for label, _ in lines]  # as in the table
    conditions = list(dict.fromkeys(condition for _, found in lines for condition, _ in found))
    canvas.set_size_inches(WIDTH, 0.9 + 0.36 * len(labels) + _legend_height(conditions))
    axes = canvas.add_subplot()
    step = 0.6 / max(len(conditions) - 1, 1)
    for label, found in lines:
        for condition, one in found:
            place = conditions.index(condition)
            at = labels.index(label) + (place * step - 0.3 if len(conditions) > 1 else 0)
            _error_bar(axes, one, at, _look(place), label=_short(condition) if label == lines[0][0] else None)
    _rows(axes, labels)
    axes.set_xlabel("score (%), 95% interval")
    _legend(canvas, axes)


def _cost(canvas, points: Sequence[tuple[str, float, Any]], places: Mapping[str, int]) -> None:
    canvas.set_size_inches(WIDTH, 3.4 + _legend_height([label for label, _, _ in points]))
    axes = canvas.add_subplot()
    for label, seconds, found in points:
        half = (
            [[100 * (found.value - found.low)], [100 * (found.high - found.value)]]
            if found.half_width is not None
            else None
        )
        axes.errorbar(
            [seconds],
            [100 * found.value],
            yerr=half,
            linestyle="none",
            capsize=2,
            label=_short(label),
            **_look(places[label]),
        )
    axes.set_xscale("log")
    # The usual labels of a log axis are formulas, and formulas are off.
    axes.xaxis.set_major_formatter(lambda seconds, _: f"{seconds:g}")
    axes.xaxis.set_minor_formatter(lambda *_: "")
    axes.set_xlabel("seconds of training (log scale), teachers included")
    axes.set_ylabel("score (%), 95% interval")
    _legend(canvas, axes)


DRAWINGS: dict[str, Callable] = {"curve": _curve, "differences": _differences, "shifts": _shifts, "cost": _cost}


def _look(place: int) -> dict[str, Any]:
    return {"color": COLOURS[place % len(COLOURS)][0], "marker": MARKERS[place % len(MARKERS)]}


def _error_bar(axes, found, at: float, look: Mapping[str, Any], label: str | None = None) -> None:
    half = None
    if found.half_width is not None:
        half = [[100 * (found.value - found.low)], [100 * (found.high - found.value)]]
    axes.errorbar([100 * found.value], [at], xerr=half, linestyle="none", capsize=2, label=label, **look)


def _rows(axes, labels: Sequence[str]) -> None:
    axes.set_yticks(range(len(labels)), [_short(label) for label in labels])
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)


def _legend(canvas, axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower center", ncols=_legend_columns(labels))


def _legend_columns(labels: Sequence[str]) -> int:
    """As many as fit beside each other: a sign is about 0.075 inches wide, a marker with its margins half an inch."""
    longest = max((len(_short(label)) for label in labels), default=0)
    return max(1, min(4, int(WIDTH / (0.5 + 0.075 * longest))))


def _legend_height(labels: Sequence[str]) -> float:
    """Inches."""
    return 0.2 * -(-len(labels) // _legend_columns(labels)) + 0.1


def _short(name: str) -> str:
    """A name that leaves room for the drawing; the table beside it has the whole. Names tend to differ at both ends."""
    line = " ".join(name.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]}…{line[-LONGEST // 2 + 1 :]}"
