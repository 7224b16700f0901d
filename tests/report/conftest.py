"""Run folders written as a finished run leaves them: record.json, manifest.json, predictions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from madbench.files import sha256_of, write_json

LEGS = {"vcr": ("q2a", "qa2r"), "snli_ve": ("main",), "vqa": ("main",)}
PRIMARY = {"vcr": "q2ar", "snli_ve": "accuracy", "vqa": "vqa_accuracy"}
ID = {"vcr": "val", "snli_ve": "test", "vqa": "val"}


class Cells:
    """Writes cells below a runs folder. Items are the same for every cell of a task; scores follow `skill`."""

    def __init__(self, root: Path, items: int = 60, images: int = 20):
        self.root = root
        self.items = items
        self.images = images

    def write(
        self,
        model: str,
        task: str = "snli_ve",
        *,
        draw: int = 0,
        seed: int = 0,
        protocol: str = "lowshot-1pct",
        source: str = "mini",
        skill: float = 0.5,
        shifted: tuple[str, str] | None = None,
        predictions: bool = True,
        scores: np.ndarray | None = None,
        groups: dict[str, list[str | None]] | None = None,
        edit=None,
        **top,
    ) -> Path:
        """One finished cell; returns its folder. shifted: (name, kind). scores: `[items]` for a one-leg task.
        groups: kind -> the group of each item of the unshifted condition.

        edit(content) may change the record before it is written; further keywords replace its top-level fields.
        """
        run_id = sha256_of([model, protocol, task, source, draw, seed, top.get("train_id", "")])
        folder = self.root / model / f"{protocol}@1" / task / f"{source}-d{draw}-s{seed}-{run_id[:8]}"
        ids = [f"{task}-{place:04d}" for place in range(self.items)]
        units = [f"image-{place % self.images}" for place in range(self.items)]
        rng = np.random.default_rng([sum(map(ord, model)), draw, seed, len(task)])
        split = self._scores(task, rng, skill, scores)
        conditions = [self._condition(task, ID[task], "split", "id", ids, units, split)]
        files = {ID[task]: (ids, units, split)}
        manifest = {"train": ["t1", "t2"], "rows": {}}
        if shifted is not None:
            name, kind = shifted
            part = [place for place in range(self.items) if place % 3]
            rest = [place for place in range(self.items) if not place % 3]
            at = [ids[place] for place in part], [units[place] for place in part]
            kept = {leg: values[part] for leg, values in split.items()}
            left = {leg: values[rest] for leg, values in split.items()}
            if kind == "transform":
                moved = {leg: values[part] for leg, values in self._scores(task, rng, skill / 2, None).items()}
                files[name] = (*at, moved)
                conditions.append(self._condition(task, name, kind, "shifted", *at, moved, of=ID[task]))
                conditions.append(self._condition(task, f"{name}:control", kind, "control", *at, kept, of=ID[task]))
            else:
                manifest["rows"][name] = at[0]
                conditions.append(self._condition(task, name, kind, "shifted", *at, kept, of=ID[task]))
                other = [ids[place] for place in rest], [units[place] for place in rest]
                conditions.append(
                    self._condition(task, f"{name}:complement", kind, "complement", *other, left, of=ID[task])
                )
        content = self._record(model, task, draw, seed, protocol, source, conditions, run_id)
        content.update(top)
        if edit is not None:
            edit(content)
        folder.mkdir(parents=True)
        if predictions:
            for name, (row_ids, row_units, by_leg) in files.items():
                kinds = groups if name == ID[task] else None
                self._parquet(folder / "predictions" / f"{name}@100.parquet", row_ids, row_units, by_leg, rng, kinds)
        write_json(folder / "manifest.json", manifest)
        write_json(folder / "record.json", content)
        return folder

    def fail(
        self, model: str, task: str = "snli_ve", *, draw=0, seed=0, protocol="lowshot-1pct", source="mini"
    ) -> Path:
        folder = self.root / model / f"{protocol}@1" / task / f"{source}-d{draw}-s{seed}-0badc0de"
        folder.mkdir(parents=True)
        write_json(folder / "error.json", {"error": "loss is not finite\nat step 3", "fix": "", "traceback": ""})
        return folder

    def _scores(self, task, rng, skill, scores) -> dict[str, np.ndarray]:
        legs = {leg: (rng.random(self.items) < skill).astype(float) for leg in LEGS[task]}
        if scores is not None:
            legs[LEGS[task][0]] = np.asarray(scores, dtype=float)
        if task == "vcr":
            legs["q2ar"] = legs["q2a"] * legs["qa2r"]
        if task == "vqa" and scores is None:
            legs["main"] *= rng.choice([0.3, 0.6, 0.9, 1.0], self.items)
        return legs

    def _condition(self, task, name, kind, role, ids, units, by_leg, of=None) -> dict:
        metrics = {PRIMARY[task] if leg == "main" else leg: float(values.mean()) for leg, values in by_leg.items()}
        if task == "snli_ve":
            metrics |= {"recall:entailment": 0.5, "recall:neutral": 0.25, "recall:contradiction": 0.75}
        return {
            "name": name,
            "kind": kind,
            "split": name if kind == "split" else None,
            "of": of,
            "shift": None if kind == "split" else name.partition(":")[0],
            "role": role,
            "n": len(ids),
            "n_images": len(set(units)),
            "available": True,
            "metrics": metrics,
            "metric_versions": {metric: "2021" if metric == "vqa_accuracy" else "1" for metric in metrics},
        }

    def _record(self, model, task, draw, seed, protocol, source, conditions, run_id) -> dict:
        blind = model in ("majority", "text-only")
        return {
            "schema_version": 1,
            "run_id": run_id,
            "train_id": sha256_of(run_id),
            "status": "done",
            "comparable": True,
            "not_comparable_because": [],
            "division": "closed",
            "model": {
                "name": model,
                "version": 1,
                "adapter": "finetune",
                "spec_hash": sha256_of([model, task]),
                "options": {},
                "blind": blind,
                "seen": [],
                "parameters": {"total": 1_200_000, "trainable": 1_000_000, "inference": 900_000},
                "weights": {},
                "notes": ["from scratch"] if model == "text-only" else [],
            },
            "protocol": {
                "name": protocol,
                "version": 1,
                "hash": sha256_of(protocol),
                "task_hash": sha256_of([protocol, task]),
            },
            "task": task,
            "draw": draw,
            "seed": seed,
            "primary": PRIMARY[task],
            "selection_rule": "last",
            "data": {
                "source": source,
                "fingerprint": sha256_of([source, task]),
                "official": source == "real",
                "official_problems": [],
                "n_train": 400,
                "n_select": 0,
                "n_pool": 40000,
                "train_fraction": 0.01,
                "answer_space": {"n": 39, "sha256": "0" * 64, "ceiling": 0.98 if task == "vqa" else None},
                "image_overlap": "refused",
            },
            "labels": {
                "train": 400,
                "select": 0,
                "tune": 0,
                "teacher": 20000 if model == "mad" else 0,
                "unlabelled": 0,
            },
            "usage": {"updates": 800, "examples_seen": 6400, "sequences_seen": 25600, "max_examples": 6400},
            "conditions": conditions,
            "selection": [
                {"rule": "last", "step": 100, "headline": 0.5},
                {"rule": "id-val", "step": 80, "headline": 0.6},
            ],
            "environment": {"madbench": "0.1.0", "python": "3.11"},
            "timing": {"fit_s": 12.34, "predict_s": 1.0, "teacher_s": 0.5, "total_s": 14.0},
            "memory": {"peak_rss_mb": 900, "peak_cuda_mb": None},
            "started_at": "2026-01-01T00:00:00Z",
            "finished_at": "2026-01-01T00:00:14Z",
        }

    def _parquet(self, path: Path, ids, units, by_leg, rng, groups=None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Rows lie in the order of opaque ids, so another order than the reader's, and another one each time.
        order = rng.permutation(len(ids))
        columns = {"example_id": [ids[place] for place in order], "unit_id": [units[place] for place in order]}
        for leg, values in by_leg.items():
            if leg != "q2ar":
                columns[f"{leg}_prediction"] = ["0"] * len(ids)
                columns[f"{leg}_scores"] = pyarrow.array([[0.5, 0.5]] * len(ids), pyarrow.list_(pyarrow.float32()))
            columns[f"{leg}_correct"] = values[order]
        for kind, names in (groups or {}).items():
            found = pyarrow.array([names[place] for place in order], pyarrow.string())
            columns[f"group_{kind}"] = found.dictionary_encode()
        pyarrow.parquet.write_table(pyarrow.table(columns), path)


@pytest.fixture
def cells(tmp_path) -> Cells:
    return Cells(tmp_path / "runs")


@pytest.fixture
def study(cells) -> Cells:
    """Three models, two protocols: lowshot-1pct with three draws of three tasks, domainshift with one."""
    for model, skill in (("student", 0.6), ("mad", 0.8), ("majority", 0.35)):
        for task in ("vcr", "snli_ve", "vqa"):
            for draw in range(3):
                cells.write(model, task, draw=draw, skill=skill)
            shifted = ("ve-hard", "rows") if task == "snli_ve" else ("rule-singular", "transform")
            cells.write(model, task, protocol="domainshift", skill=skill, shifted=shifted)
    return cells


def edited(path: Path, change) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
