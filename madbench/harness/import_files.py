"""Files of predictions that were made elsewhere, held against the rows they are for: one prediction a row, no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from madbench.errors import DataMalformed, UsageError
from madbench.harness.prediction_files import read_predictions
from madbench.registry import resolve
from madbench.tasks.contract import LegPredictions, Row, Task
from madbench.tasks.json_places import line_of_element
from madbench.tasks.reading import read_json

AGAIN = "write it again"


def read_file(file: Path, task: Task, rows: Sequence[Row], labels: Sequence[str] | None) -> dict[str, LegPredictions]:
    """Leg -> predictions in the order of `rows`, from the task's submission format or a run's parquet.

    labels: what the columns of scores stand for, None where that is not known. Raises DataMissing, or DataMalformed with
    the file (and line, or row of a parquet) when they do not fit the rows one to one.
    """
    if file.suffix == ".parquet":
        return _parquet(file, task.legs, rows, labels)
    check_format(task.name, rows)
    found = resolve(f"madbench.tasks.{task.name}.submission:read_submission")(file, rows)
    if task.name == "vqa":
        _refuse_repeated_questions(file)
    return dict(found) if isinstance(found, Mapping) else {task.legs[0]: LegPredictions(tuple(found))}


def check_format(task: str, rows: Sequence[Row]) -> None:
    """Raises UsageError for rows that the task's submission format cannot name: rephrased questions of vqa, whose
    official ids are also those of other questions.
    """
    odd = next((row.example_id for row in rows if task == "vqa" and not row.example_id.isdigit()), None)
    if odd is not None:
        raise UsageError(
            f"the results format of vqa has whole numbers as ids, and cannot name '{odd}'",
            fix="use parquet: a run keeps its own as predictions/CONDITION@STEP.parquet, and `import` reads these columns",
        )


def _refuse_repeated_questions(file: Path) -> None:
    """The official tool takes the last answer to a question; whose answers these are nobody can ask it."""
    seen: set[int] = set()
    for place, entry in enumerate(entries := read_json(file)):
        if entry["question_id"] in seen:
            raise DataMalformed(
                f"question_id {entry['question_id']} has {sum(one['question_id'] == entry['question_id'] for one in entries)} answers",
                fix="give one answer to each question",
                where=f"{file}:{line_of_element(file, None, place)}",
            )
        seen.add(entry["question_id"])


def _parquet(
    file: Path, legs: Sequence[str], rows: Sequence[Row], labels: Sequence[str] | None
) -> dict[str, LegPredictions]:
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(file)
    except (OSError, pyarrow.ArrowException) as problem:
        first = str(problem).splitlines()[0]
        raise DataMalformed(f"not a parquet file: {first}", fix=AGAIN, where=file) from None
    for name in ("example_id", *(f"{leg}_prediction" for leg in legs)):
        if name not in table.column_names:
            raise DataMalformed(
                f"column '{name}' is missing", fix=f"it has {', '.join(table.column_names)}", where=f"{file}:1"
            )
        if not pyarrow.types.is_string(table.schema.field(name).type) or table[name].null_count:
            raise DataMalformed(f"column '{name}' must be text in every row", fix=AGAIN, where=f"{file}:1")
    _check_ids(table["example_id"].to_pylist(), rows, file)
    for leg in legs:
        if f"{leg}_scores" in table.column_names:
            _check_scores(table, leg, labels, file)
    return read_predictions(file, rows, legs)


def _check_scores(table: Any, leg: str, labels: Sequence[str] | None, file: Path) -> None:
    """Scores are finite, one for each answer, and say what the prediction says; or there are none at all."""
    import pyarrow

    name = f"{leg}_scores"
    column = table[name]
    if column.null_count == len(column):
        return
    kind = column.type
    listed = pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind) or pyarrow.types.is_fixed_size_list(kind)
    if not listed or not (pyarrow.types.is_floating(kind.value_type) or pyarrow.types.is_integer(kind.value_type)):
        raise DataMalformed(f"column '{name}' is {kind}, not a list of numbers a row", fix=AGAIN, where=f"{file}:1")
    predictions = table[f"{leg}_prediction"].to_pylist()
    width = None if labels is None else len(labels)
    for row, (scores, prediction) in enumerate(zip(column.to_pylist(), predictions, strict=True), start=1):
        where = f"{file}:{row}"
        if scores is None or None in scores:
            raise DataMalformed(f"'{name}' is empty here, and not in other rows", fix="give all or none", where=where)
        width = len(scores) if width is None else width
        if len(scores) != width:
            raise DataMalformed(f"'{name}' holds {len(scores)} numbers, expected {width}", fix=AGAIN, where=where)
        if not np.isfinite(scores).all():
            raise DataMalformed(f"'{name}' holds a number that is not finite", fix=AGAIN, where=where)
        if labels is not None and prediction in labels and scores[labels.index(prediction)] < max(scores):
            best = labels[int(np.argmax(scores))]
            raise DataMalformed(
                f"the prediction is '{prediction}', and '{name}' is highest for '{best}'",
                fix=f"order scores as {', '.join(labels)}",
                where=where,
            )


def _check_ids(ids: Sequence[str], rows: Sequence[Row], file: Path) -> None:
    """One prediction for each row, no more and no fewer; a line is the number of the row in the file."""
    asked = {row.example_id for row in rows}
    seen: set[str] = set()
    for line, example in enumerate(ids, start=1):
        if example in seen or example not in asked:
            what = "stands here a second time" if example in seen else "is not asked"
            raise DataMalformed(f"example '{example}' {what}", fix="predict each row once", where=f"{file}:{line}")
        seen.add(example)
    missing = next((row.example_id for row in rows if row.example_id not in seen), None)
    if missing is not None:
        raise DataMalformed(
            f"no prediction for {len(asked) - len(seen)} of {len(rows)} rows, the first is '{missing}'",
            fix="predict every row",
            where=file,
        )
