"""What a search leaves: trials.jsonl, and the model file with the values it chose."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from madbench.errors import UsageError
from madbench.files import write_text
from madbench.harness.tuning import Search, Trial, TunePlan
from madbench.harness.tuning_space import difference
from madbench.models.load import model_path
from madbench.models.spec import ModelFile
from madbench.models.tuned import Tuned
from madbench.protocols.catalogue import is_path
from madbench.protocols.schema import KEBAB
from madbench.protocols.yaml_files import read_document

TRIALS = "trials.jsonl"


def write_trials(plan: TunePlan) -> list[Path]:
    """One line for each finished or failed cell, below `<out>/<protocol>/<task>/`; lines of other searches stay."""
    written = []
    for task in dict.fromkeys(search.task for search in plan.searches):
        file = plan.folder(task) / TRIALS
        lines = {_key(line): line for line in _lines(file)}
        for search in (one for one in plan.searches if one.task == task):
            for line in _trial_lines(search, plan):
                lines[_key(line)] = line
        text = "".join(json.dumps(line, sort_keys=True, allow_nan=False) + "\n" for line in lines.values())
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, text)
        written.append(file)
    return written


def write_model(path: Path, given: str, file: ModelFile, tuned: Tuned, chosen: Mapping[str, Trial]) -> Path:
    """A model file that extends the one that was tuned: what each task's chosen trial changed, and the search.

    given: the name or path of that one. Raises UsageError for a file that `tune` did not write, or a bad name.
    """
    if not KEBAB.match(path.stem):
        raise UsageError(f"{path}: a model is called as its file, in kebab-case", fix=f"e.g. {file.name}-tuned.yaml")
    check_replaceable(path)
    profiles: dict[str, dict[str, Any]] = {}
    for task, trial in chosen.items():
        source = tuned.tasks[task].source
        changed = difference(file.resolve(task, source).options, trial.options)
        if changed:
            profiles.setdefault(source, {}).setdefault("tasks", {})[task] = changed
    content = {
        "schema": 1,
        "name": path.stem,
        "version": 1,
        **_parent(path, given, file),
        "summary": f"{file.name} with options of {tuned.trials} trials on {tuned.protocol}, draws {tuned.draws}",
        "profiles": profiles,
        "tuned": _content(tuned),
    }
    import yaml

    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, "# Written by `madbench tune`; `madbench show model` on this file shows it resolved.\n" + text)
    return path


def check_replaceable(path: Path) -> None:
    """Raises UsageError when a file is there that `tune` did not write."""
    if path.exists() and "tuned" not in read_document(path).value:
        raise UsageError(f"{path} is there, and is no tuned model", fix="give another --write or --write-dir")


def _parent(path: Path, given: str, file: ModelFile) -> dict[str, str]:
    found = model_path(given)
    if found is None:
        return {"adapter": file.adapter}
    if is_path(given):
        return {"extends": Path(os.path.relpath(found.resolve(), path.parent.resolve())).as_posix()}
    return {"extends": f"{file.name}@{file.version}"}


def _content(tuned: Tuned) -> dict[str, Any]:
    content = tuned.model_dump(mode="json")
    content["space"] = {name: one.written() for name, one in tuned.space.items()}
    return content if content["set"] else {key: value for key, value in content.items() if key != "set"}


def _trial_lines(search: Search, plan: TunePlan):
    for trial in search.trials:
        for planned in trial.cells:
            cell = planned.cell
            record, error = plan.store.done(cell), search.errors.get(cell.run_id)
            if record is None and error is None:
                continue
            yield {
                "model": cell.spec.name,
                "spec": cell.identified.hash,
                "search_seed": plan.request.seed,
                "trial": trial.number,
                "values": dict(trial.values),
                "draw": cell.draw,
                "seed": cell.seed,
                "source": cell.source.kind,
                "metric": None if record is None else record["primary"],
                "score": search.score_of(cell, plan.store),
                "error": error if record is None else None,
                "run_id": cell.run_id,
                "cell": (plan.store.folder(cell).path).relative_to(plan.request.out).as_posix(),
            }


def _lines(file: Path) -> list[dict[str, Any]]:
    if not file.is_file():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def _key(line: Mapping[str, Any]) -> tuple:
    return (line["model"], line["search_seed"], line["trial"], line["draw"], line["run_id"])
