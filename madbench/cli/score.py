"""`madbench score TASK`: the official scorer on a file in the official submission format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from madbench.tasks.contract import Row, Scores

    Scored = tuple[Sequence[Row], Scores, dict[str, Any]]  # rows, their scores, what the official tool prints


def score_command(
    task: Annotated[str, typer.Argument(help="vcr, snli_ve or vqa.")],
    predictions: Annotated[Path, typer.Option(help="Predictions in the task's submission format.")],
    annotations: Annotated[
        Path, typer.Option(help="The official annotation file with the labels; also FILE.zip/MEMBER, left zipped.")
    ],
    questions: Annotated[
        Path | None, typer.Option(help="vqa: the question file, checked against the annotations.")
    ] = None,
    version: Annotated[str | None, typer.Option(help="vqa: 2021 (default) or 2016.", metavar="2021|2016")] = None,
    rounding: Annotated[
        str | None,
        typer.Option(help="vqa: exact halves as on Python 3 (default, to even) or Python 2 (up).", metavar="py3|py2"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, unrounded, with every question.")] = False,
) -> None:
    """Score a predictions file officially.

    Formats: the leaderboard csv for vcr, csv `pairID,prediction` for snli_ve, the results json for vqa.
    Shown are the numbers that the official tool prints, rounded as it rounds them; --json has them unrounded too.
    """
    import orjson

    result = score_file(task, predictions, annotations, questions, version, rounding)
    typer.echo(orjson.dumps(result, option=orjson.OPT_INDENT_2) if as_json else as_text(result))


def score_file(
    task: str,
    predictions: Path,
    annotations: Path,
    questions: Path | None = None,
    version: str | None = None,
    rounding: str | None = None,
) -> dict[str, Any]:
    """`{task, n, metrics, metric_versions, official, per_question}` of a predictions file.

    metrics: fractions, unrounded. official: what the official tool prints, rounded as there. per_question: example id
    -> its score, unrounded; for vcr one score a leg and the joint one.
    Raises UsageError for options the task does not have, DataError for files that do not fit.
    """
    from madbench.errors import UsageError
    from madbench.registry import TASKS
    from madbench.tasks.reading import without_collector

    known = TASKS.load(task)
    if task != "vqa":
        given = {"--questions": questions, "--version": version, "--rounding": rounding}
        foreign = [option for option, value in given.items() if value is not None]
        if foreign:
            raise UsageError(f"{task} has no {' and no '.join(foreign)}", fix="leave it out; it belongs to vqa")
    versions = dict(known.metric_versions)
    if version is not None:
        versions[known.primary] = version
    _check_options(version, rounding)
    with without_collector():
        rows, scores, official = _SCORERS[task](known, predictions, annotations, questions, versions, rounding or "py3")
        per_question = _per_question(rows, scores.correct)
    used = {name: versions.get(name.partition(":")[0], "1") for name in scores.metrics}
    return {
        "task": task,
        "n": len(rows),
        "metrics": dict(scores.metrics),
        "metric_versions": used,
        "official": official,
        "per_question": per_question,
    }


def as_text(result: dict[str, Any]) -> str:
    """The official numbers, one a line."""
    title = f"{result['task']}, {result['n']:,} rows"
    official, metrics = result["official"], result["metrics"]
    if result["task"] == "vqa":
        version = result["metric_versions"].get("vqa_accuracy")
        lines = [f"{title}, official accuracy (version {version}), percent", *_line("overall", official["overall"])]
        for kind in ("perAnswerType", "perQuestionType"):
            lines += ["", kind, *(line for name, value in official[kind].items() for line in _line(name, value, "  "))]
        return "\n".join([*lines, "", *_line("simple: min(n/3, 1)", 100 * metrics["vqa_accuracy_simple"])])
    if result["task"] == "vcr":
        lines = [
            f"{name:<4}  {100 * value:6.2f}  (printed by r2c: {official[name]:.3f})" for name, value in metrics.items()
        ]
        return "\n".join([title, *lines])
    return "\n".join([f"{title}, percent", *(line for name, value in official.items() for line in _line(name, value))])


def _line(name: str, percent: float, indent: str = "") -> list[str]:
    return [f"{indent + name:<34}{percent:6.2f}"]


def _check_options(version: str | None, rounding: str | None) -> None:
    """Before files of hundreds of megabytes are read."""
    from madbench.tasks.vqa.score import VERSIONS, rounded, unknown_version

    if version is not None and version not in VERSIONS:
        raise unknown_version(version)
    if rounding is not None:
        rounded(0.0, rounding)


def _per_question(rows: Sequence[Row], correct: Mapping[str, Any]) -> dict[str, Any]:
    ids = [row.example_id for row in rows]
    if set(correct) == {"main"}:
        return dict(zip(ids, correct["main"].tolist(), strict=True))
    columns = [values.tolist() for values in correct.values()]
    return {name: dict(zip(correct, values, strict=True)) for name, *values in zip(ids, *columns, strict=True)}


# --------------------------------------------------------------------------- one function a task


def _vcr(task: Any, predictions: Path, annotations: Path, _: Path | None, versions: dict, rounding: str) -> Scored:
    from madbench.tasks.vcr.reader import read_rows
    from madbench.tasks.vcr.submission import read_submission

    # Only ids and labels are looked at, so a file that `data shift adv-top1` wrote will do as well.
    rows = read_rows(annotations, annotations.parent, allow_masked=True)
    scores = task.score(rows, read_submission(predictions, rows), versions)
    # r2c prints fractions with three decimals.
    return rows, scores, {name: round(value, 3) for name, value in scores.metrics.items()}


def _snli_ve(task: Any, predictions: Path, annotations: Path, _: Path | None, versions: dict, rounding: str) -> Scored:
    from madbench.tasks.contract import LegPredictions
    from madbench.tasks.snli_ve.reader import read_pairs
    from madbench.tasks.snli_ve.submission import read_submission

    rows = read_pairs(annotations)
    scores = task.score(rows, {"main": LegPredictions(tuple(read_submission(predictions, rows)))}, versions)
    # There is no official tool; papers print percent with two decimals.
    return rows, scores, {name: round(100 * value, 2) for name, value in scores.metrics.items()}


def _vqa(
    task: Any, predictions: Path, annotations: Path, questions: Path | None, versions: dict, rounding: str
) -> Scored:
    from madbench.tasks.contract import LegPredictions
    from madbench.tasks.vqa.reader import read_files
    from madbench.tasks.vqa.score import official_table
    from madbench.tasks.vqa.submission import read_submission

    rows = read_files(annotations, questions)
    scores = task.score(rows, {"main": LegPredictions(tuple(read_submission(predictions, rows)))}, versions)
    return rows, scores, official_table(rows, scores.correct["main"], rounding)


_SCORERS = {"vcr": _vcr, "snli_ve": _snli_ve, "vqa": _vqa}
