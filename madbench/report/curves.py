"""Low-shot curves: one model's score against the share of training data, across protocols, with what follows from it.

Protocols meet in one curve when they evaluate the same items of the same source with the same metric. The axis is the
logarithm of the share of the training rows whose labels were used. What is computed of a curve: curve_numbers.py.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from madbench.files import sha256_of_lines
from madbench.report.curve_numbers import Crossing, combined, crossing, percent, trapezoid
from madbench.report.inline import codes
from madbench.report.numbers import Standing
from madbench.report.statistics import Estimate


@dataclass(frozen=True)
class Point:
    """One row of one table in one task, on an unshifted condition. standing: None without item scores.

    rank, verdict: those of its cell in the table.
    """

    fraction: float
    title: str
    condition: str
    metric: str
    version: str
    items: int | None
    closed: bool
    spec_hash: str
    estimate: Estimate
    standing: Standing | None
    blind: bool = False
    rank: int | None = None
    verdict: str | None = None


@dataclass
class Line:
    """One model. title: its label with its marks. points, differences (to the baseline): by fraction.

    areas, area_differences: by the fractions they go over, spans of the curve.
    """

    label: str
    title: str
    baseline: bool
    points: dict[float, Point] = field(default_factory=dict)
    differences: dict[float, Estimate] = field(default_factory=dict)
    areas: dict[tuple[float, ...], Estimate] = field(default_factory=dict)
    area_differences: dict[tuple[float, ...], Estimate] = field(default_factory=dict)
    crossing: Crossing | None = None


@dataclass
class Curve:
    """number: tells curves of one source, task and condition apart. fractions: ascending. protocols: by fraction.

    spans: the fractions that areas go over: those that most rows have, and the most that any row has.
    """

    source: str
    task: str
    condition: str
    metric: str
    number: int
    fractions: list[float]
    protocols: dict[float, str]
    spans: list[tuple[float, ...]]
    lines: list[Line]
    notes: list[str]


def rounded(fraction: float) -> float:
    """Two significant digits: draws of 1 % differ in rows, and are 1 % all the same."""
    return float(f"{fraction:.2g}")


def build_curves(tables: Sequence) -> list[Curve]:
    """The curves that tables of a board allow; each needs two fractions. Limited rows and tables apart stay out."""
    families: dict[tuple, dict[str, dict[str, Point]]] = defaultdict(lambda: defaultdict(dict))
    digests: dict[int, str] = {}
    standard: dict[tuple[str, str], set[str]] = defaultdict(set)
    for table in tables:
        for row in [] if table.why else table.rows:
            for task, point in row.points.items():
                if row.limited or point.fraction <= 0:
                    continue
                known = point.standing.items if point.standing else None
                if known is not None and id(known) not in digests:
                    digests[id(known)] = sha256_of_lines(known.ids.tolist())
                items = "" if known is None else digests[id(known)]
                family = (
                    table.source != "mini",
                    table.source,
                    task != "vcr",
                    task,
                    point.condition,
                    point.metric,
                    point.version,
                )
                cell = next(
                    one
                    for column, one in row.cells.items()
                    if (column.task, column.role) == (task, "id")
                    and (column.condition, column.metric) == (point.condition, point.metric)
                )
                point = replace(point, blind=row.blind, rank=cell.rank, verdict=cell.verdict)
                families[(*family, point.closed, point.items or 0, items)][table.protocol][row.label] = point
                if row.baseline:
                    standard[table.source, task].add(row.label)
    curves: list[Curve] = []
    for key in sorted(families):
        chosen, left_out = _one_protocol_a_fraction(families[key])
        seen = Counter(label for _, points in chosen.values() for label in points)
        if any(count > 1 for count in seen.values()):
            number = 1 + sum((one.source, one.task, one.condition) == (key[1], key[3], key[4]) for one in curves)
            labels = standard[key[1], key[3]]
            curves.append(_curve(key, number, chosen, left_out, labels))
    return curves


def _one_protocol_a_fraction(protocols: Mapping[str, Mapping[str, Point]]) -> tuple[dict, list[str]]:
    """fraction -> (protocol, points), the protocol with most rows where several have it; and what was left out."""
    at: dict[float, list[str]] = defaultdict(list)
    for protocol, points in protocols.items():
        at[next(iter(points.values())).fraction].append(protocol)
    chosen, left_out = {}, []
    for fraction in sorted(at):
        first, *others = sorted(at[fraction], key=lambda name: (-len(protocols[name]), name))
        chosen[fraction] = first, protocols[first]
        left_out += [f"{percent(fraction)}: {codes(sorted(others))} stand for the same fraction" for _ in others[:1]]
    return chosen, left_out


def _curve(key, number, chosen, left_out, labels) -> Curve:
    _, source, _, task, condition, metric, *_ = key
    fractions = list(chosen)
    by_label: dict[str, dict[float, Point]] = defaultdict(dict)
    for fraction, (_, points) in chosen.items():
        for label, point in points.items():
            by_label[label][fraction] = point
    single = sorted(label for label, points in by_label.items() if len(points) == 1)
    by_label = {label: points for label, points in by_label.items() if len(points) > 1}
    reference = by_label.get(next(iter(labels))) if len(labels) == 1 else None
    spans = spans_of(list(by_label.values()), reference)
    lines = [_line(label, points, spans, None if label in labels else reference) for label, points in by_label.items()]
    lines.sort(key=lambda line: (not line.baseline, any(one.blind for one in line.points.values()), line.label))
    protocols = {fraction: protocol for fraction, (protocol, _) in chosen.items()}
    return Curve(
        source,
        task,
        condition,
        metric,
        number,
        fractions,
        protocols,
        spans,
        lines,
        _notes(by_label, single, chosen, left_out) + _unpaired(lines, reference),
    )


def spans_of(rows: Sequence[Mapping[float, Point]], reference: Mapping[float, Point] | None) -> list[tuple[float, ...]]:
    """The fractions that areas go over, shortest first. rows: the points of each; reference: those of the baseline."""
    held = [tuple(sorted(fraction for fraction, point in points.items() if point.standing)) for points in rows]
    known = {one for one in held if len(one) > 1}
    if reference is not None:
        known = {one for one in known if set(one) <= set(reference)} or known
    if not known:
        return []
    having = {one: sum(set(one) <= set(other) for other in held) for one in known}
    most = max(known, key=lambda one: (having[one], len(one), one))
    longest = max(known, key=lambda one: (len(one), having[one], one))
    return sorted({most, longest}, key=lambda one: (len(one), one))


def _line(label: str, points: Mapping[float, Point], spans: Sequence[tuple[float, ...]], reference) -> Line:
    line = Line(label, next(iter(points.values())).title, reference is None, dict(points))
    whole = {
        one: (point.standing.rested, point.standing.totals)
        for one, point in points.items()
        if point.standing is not None
    }
    apart: dict[float, tuple] = {}
    for fraction in [] if reference is None else sorted(whole.keys() & reference.keys()):
        theirs = reference[fraction].standing
        if theirs is not None and theirs.rested == whole[fraction][0]:
            apart[fraction] = theirs.rested, whole[fraction][1].minus(theirs.totals)
            line.differences[fraction] = combined([(1.0, apart[fraction])])
    for span in spans:
        for areas, known in ((line.areas, whole), (line.area_differences, apart)):
            if set(span) <= known.keys():
                areas[span] = combined(list(zip(trapezoid(span), [known[one] for one in span], strict=True)))
    if len(apart) > 1:
        line.crossing = crossing(apart)
    return line


def _unpaired(lines: Sequence[Line], reference: Mapping[float, Point] | None) -> list[str]:
    """Where a row and the baseline have other draws or seeds, so that a curve has no difference of the two."""
    found: dict[float, list[str]] = defaultdict(list)
    for line in lines:
        for fraction in [] if line.baseline or reference is None else sorted(line.points.keys() & reference.keys()):
            both = line.points[fraction].standing, reference[fraction].standing
            if fraction not in line.differences and None not in both:
                found[fraction].append(line.label)
    return [
        f"At {percent(fraction)} {codes(found[fraction])} and the baseline have other draws or seeds, so the curve has no "
        "difference there, nor an area of differences; the table below pairs the draws they share."
        for fraction in sorted(found)
    ]


def _notes(by_label, single, chosen, left_out) -> list[str]:
    lines = [f"At {one}, not drawn." for one in left_out]
    once = [
        percent(fraction)
        for fraction, (_, points) in chosen.items()
        if all(point.estimate.runs < 2 for point in points.values())
    ]
    if once:
        lines.append(
            f"One run at {', '.join(once)}: its band counts the items only, not the luck of draw and training."
        )
    changed = sorted(label for label, points in by_label.items() if len({one.spec_hash for one in points.values()}) > 1)
    if changed:
        lines.append(f"Options differ between the points of {codes(changed)}.")
    if single:
        lines.append(f"At one fraction only, so not in the curve: {codes(single)}.")
    bare = sorted(label for label, points in by_label.items() if any(one.standing is None for one in points.values()))
    if bare:
        lines.append(f"Without item scores there is no band, area or crossing: {codes(bare)}.")
    return lines
