"""`madbench score TASK`: the official scorer on a file in the official submission format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from madbench.tasks.contract import Scores


def score_command(
    task: Annotated[str, typer.Argument(help="vcr, snli_ve or vqa.")],
    predictions: Annotated[Path, typer.Option(help="Predictions in the task's submission format.")],
    annotations: Annotated[Path, typer.Option(help="The official annotation file with the labels.")],
    questions: Annotated[
        Path | None, typer.Option(help="vqa: the question file, checked against the annotations.")
    ] = None,
    version: Annotated[str | None, typer.Option(help="vqa: 2021 (default) or 2016.", metavar="2021|2016")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, unrounded.")] = False,
) -> None:
    """Score a predictions file officially.

    Formats: the leaderboard csv for vcr, csv `pairID,prediction` for snli_ve, the results json for vqa.
    """
    import json

    result = score_file(task, predictions, annotations, questions, version)
    typer.echo(json.dumps(result, indent=1) if as_json else as_text(result))


def score_file(
    task: str, predictions: Path, annotations: Path, questions: Path | None = None, version: str | None = None
) -> dict[str, Any]:
    """Metrics of a predictions file: `{task, n, metrics, metric_versions}`, fractions, unrounded.

    Raises UsageError for options the task does not have, DataError for files that do not fit.
    """
    from madbench.errors import UsageError
    from madbench.registry import TASKS

    known = TASKS.load(task)
    if task != "vqa" and (questions is not None or version is not None):
        raise UsageError(f"{task} has neither --questions nor --version", fix="leave them out; they belong to vqa")
    versions = dict(known.metric_versions)
    if version is not None:
        versions[known.primary] = version
    rows, scores = _SCORERS[task](known, predictions, annotations, questions, versions)
    used = {name: versions.get(name.partition(":")[0], "1") for name in scores.metrics}
    return {"task": task, "n": len(rows), "metrics": dict(scores.metrics), "metric_versions": used}


def as_text(result: dict[str, Any]) -> str:
    """Percent with two decimals, one metric a line."""
    width = max((len(name) for name in result["metrics"]), default=0)
    lines = [f"{result['task']}, {result['n']:,} rows"]
    for name, value in result["metrics"].items():
        lines.append(f"{name:<{width}}  {100 * value:6.2f}  (version {result['metric_versions'][name]})")
    return "\n".join(lines)


def _vcr(task: Any, predictions: Path, annotations: Path, _: Path | None, versions: dict) -> tuple[list, Scores]:
    from madbench.tasks.vcr.reader import read_rows
    from madbench.tasks.vcr.submission import read_submission

    rows = read_rows(annotations, annotations.parent)
    return rows, task.score(rows, read_submission(predictions, rows), versions)


def _snli_ve(task: Any, predictions: Path, annotations: Path, _: Path | None, versions: dict) -> tuple[list, Scores]:
    from madbench.tasks.contract import LegPredictions
    from madbench.tasks.snli_ve.reader import read_pairs
    from madbench.tasks.snli_ve.submission import read_submission

    rows = read_pairs(annotations)
    labels = tuple(read_submission(predictions, rows))
    return rows, task.score(rows, {"main": LegPredictions(labels)}, versions)


def _vqa(
    task: Any, predictions: Path, annotations: Path, questions: Path | None, versions: dict
) -> tuple[list, Scores]:
    from madbench.tasks.contract import LegPredictions
    from madbench.tasks.vqa.reader import read_files
    from madbench.tasks.vqa.submission import read_submission

    rows = read_files(annotations, questions)
    answers = tuple(read_submission(predictions, rows))
    return rows, task.score(rows, {"main": LegPredictions(answers)}, versions)


_SCORERS = {"vcr": _vcr, "snli_ve": _snli_ve, "vqa": _vqa}
