"""How fast `madbench report` is, beside the same work written down plainly.

    python benchmarks/report.py                        everything: about five minutes, nearly all of it the plain side
    python benchmarks/report.py --records 1000 --cells 10      a quick look

Two loads, both invented:
    records   10,000 finished cells (8 models, 2 protocols, 3 tasks, 5 draws, seeds), record.json only, as large as real
              ones (4 to 12 kB): read, grouped, averaged, laid out as Markdown. Aim: 2 seconds.
    cells     100 cells of 20,000 items on 8,000 images with predictions, one draw each, against a baseline, with
              `--interval bootstrap`: 10,000 resamples of images for each shown pair. Aim: 60 seconds, 1 GiB.
The plain side of `records` is json.loads, a dict of lists and statistics.mean without any check or table; that of `cells`
picks images one by one in Python for --plain resamples of one pair and is multiplied up. Seconds are CPU seconds of a
process of its own, which a busy machine changes little, wall seconds beside them; memory is the peak of that process.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

MODELS = ("student", "mad", "naive-kd", "clip-probe", "text-only", "overlap", "majority", "random")
PROTOCOLS = ("lowshot-1pct", "domainshift")
TASKS = {"vcr": "q2ar", "snli_ve": "accuracy", "vqa": "vqa_accuracy"}
AIMS = {"records": (2.0, 1024), "cells": (60.0, 1024)}


# --------------------------------------------------------------------------- invented records


def record(model: str, protocol: str, task: str, draw: int, seed: int, n: int, images: int) -> dict:
    """A record with the fields, and about the size, of real ones."""
    rng = random.Random(f"{model}{protocol}{task}{draw}.{seed}")
    primary = TASKS[task]
    metrics = [primary]
    if task == "vcr":
        metrics = ["q2a", "qa2r", "q2ar"]
    elif task == "snli_ve":
        metrics += [f"recall:{name}" for name in ("entailment", "neutral", "contradiction")]
    else:
        metrics += [
            "vqa_accuracy_simple",
            *(f"vqa_accuracy:answer_type={name}" for name in ("number", "other", "yes/no")),
        ]
        metrics += [f"vqa_accuracy:question_type=type {place}" for place in range(20)]
    identity = "test" if task == "snli_ve" else "val"
    conditions = [condition(identity, "split", "id", None, metrics, rng, n, images)]
    if protocol == "domainshift":
        conditions.append(condition("shifted", "transform", "shifted", identity, metrics, rng, n, images))
        conditions.append(condition("shifted:control", "transform", "control", identity, metrics, rng, n, images))
    run_id = "".join(rng.choices("0123456789abcdef", k=64))
    return {
        "schema_version": 1,
        "run_id": run_id,
        "train_id": run_id[::-1],
        "status": "done",
        "comparable": True,
        "not_comparable_because": [],
        "division": "closed",
        "model": {
            "name": model,
            "version": 1,
            "adapter": "finetune",
            "profile": "real",
            "spec_hash": f"{MODELS.index(model):064x}",
            "options": {
                "student": {f"option-{place}": place for place in range(20)},
                "objective": {
                    "teachers": [{"kind": "clip-image", "state": "summary", "weight": 1.0} for _ in range(3)]
                },
                "training": {f"option-{place}": place / 7 for place in range(12)},
            },
            "blind": model in ("majority", "random", "overlap", "text-only"),
            "seen": [],
            "parameters": {"total": 1_200_000, "trainable": 1_000_000, "inference": 900_000},
            "weights": {f"weights-{place}": f"{place:064x}" for place in range(3)},
            "notes": [],
        },
        "protocol": {
            "name": protocol,
            "version": 1,
            "hash": "1" * 64,
            "task_hash": f"{protocol}-{task}".ljust(64, "0"),
        },
        "task": task,
        "draw": draw,
        "seed": seed,
        "primary": primary,
        "selection_rule": "last",
        "data": {
            "source": "real",
            "fingerprint": task.ljust(64, "0"),
            "official": True,
            "official_problems": [],
            "n_train": 400,
            "n_select": 0,
            "n_pool": 40_000,
            "train_fraction": 0.01,
            "train_ids_sha256": run_id,
            "select_ids_sha256": None,
            "answer_space": {"n": 39, "sha256": "0" * 64, "ceiling": None},
            "image_overlap": "refused",
        },
        "labels": {"train": 400, "select": 0, "tune": 0, "teacher": 0, "unlabelled": 0},
        "usage": {"updates": 800, "examples_seen": 6400, "sequences_seen": 25_600, "max_examples": 60_000},
        "conditions": conditions,
        "selection": [{"rule": "last", "step": 100, "headline": 0.5}],
        "environment": {f"library-{place}": "1.2.3" for place in range(12)} | {"madbench": "0.1.0"},
        "timing": {"fit_s": rng.random() * 100, "predict_s": 1.0, "teacher_s": 0.5, "total_s": 101.0},
        "memory": {"peak_rss_mb": 900, "peak_cuda_mb": None},
        "started_at": "2026-01-01T00:00:00Z",
        "finished_at": "2026-01-01T00:00:14Z",
    }


def condition(name, kind, role, of, metrics, rng, n, images) -> dict:
    return {
        "name": name,
        "kind": kind,
        "role": role,
        "split": name if kind == "split" else None,
        "of": of,
        "shift": None if kind == "split" else name.partition(":")[0],
        "available": True,
        "n": n,
        "n_images": images,
        "metrics": {metric: rng.random() for metric in metrics},
        "metric_versions": {metric: "2021" if metric == "vqa_accuracy" else "1" for metric in metrics},
    }


def folder_of(root: Path, content: dict) -> Path:
    place = f"real-d{content['draw']}-s{content['seed']}-{content['run_id'][:8]}"
    return root / content["model"]["name"] / f"{content['protocol']['name']}@1" / content["task"] / place


def write_records(root: Path, count: int) -> None:
    runs = -(-count // (len(MODELS) * len(PROTOCOLS) * len(TASKS)))
    written = 0
    for model in MODELS:
        for protocol in PROTOCOLS:
            for task in TASKS:
                for run in range(runs):
                    if written < count:
                        content = record(model, protocol, task, run % 5, run // 5, 20_000, 8_000)
                        folder = folder_of(root, content)
                        folder.mkdir(parents=True)
                        (folder / "record.json").write_text(json.dumps(content, indent=1, sort_keys=True))
                        written += 1


def write_cells(root: Path, count: int, items: int, images: int) -> None:
    """`count` cells beside those of the baseline: models of three tasks, one draw, one condition each."""
    import pyarrow
    import pyarrow.parquet

    rng = np.random.default_rng(0)
    # Every image has an item, so that 20,000 items have exactly 8,000 images.
    units = np.concatenate([np.arange(images), rng.integers(images, size=items - images)])
    ids = [f"{place:08d}" for place in range(items)]
    image_names = [f"image-{unit}" for unit in units]
    models = -(-count // len(TASKS))
    for task in TASKS:
        for place in range(min(models, count) + 1):
            content = record("student", "lowshot-1pct", task, 0, 0, items, images)
            content["model"]["name"] = "student" if place == 0 else f"model-{place:03d}"
            content["run_id"] = f"{place:04d}{task}".ljust(64, "0")
            legs = ("q2a", "qa2r", "q2ar") if task == "vcr" else ("main",)
            scores = {leg: _scores(task, rng, 0.4 + 0.4 * place / models, items) for leg in legs}
            if task == "vcr":
                scores["q2ar"] = scores["q2a"] * scores["qa2r"]
            names = {"main": TASKS[task]}
            content["conditions"][0]["metrics"] = {
                names.get(leg, leg): float(one.mean()) for leg, one in scores.items()
            }
            folder = folder_of(root, content)
            (folder / "predictions").mkdir(parents=True)
            table = {
                "example_id": ids,
                "unit_id": image_names,
                **{f"{leg}_correct": one for leg, one in scores.items()},
            }
            name = content["conditions"][0]["name"]
            pyarrow.parquet.write_table(pyarrow.table(table), folder / "predictions" / f"{name}@100.parquet")
            (folder / "record.json").write_text(json.dumps(content))


def _scores(task: str, rng: np.random.Generator, skill: float, items: int) -> np.ndarray:
    if task == "vqa":
        return np.where(rng.random(items) < skill, rng.choice([0.3, 0.6, 0.9, 1.0], items), 0.0)
    return (rng.random(items) < skill).astype(float)


# --------------------------------------------------------------------------- the plain side


def plain_records(root: Path) -> int:
    """Mean of every metric over runs, and nothing else. Returns the number of means."""
    found = defaultdict(list)
    for path in root.rglob("record.json"):
        content = json.loads(path.read_text())
        where = content["model"]["name"], content["protocol"]["name"], content["task"]
        for one in content["conditions"]:
            for metric, value in one["metrics"].items():
                found[(*where, one["name"], metric)].append(value)
    return len({key: statistics.mean(values) for key, values in copy.copy(found).items()})


def plain_resamples(items: int, images: int, resamples: int) -> float:
    """CPU seconds for `resamples` of one pair, an image at a time."""
    rng = random.Random(0)
    by_image: list[list[float]] = [[] for _ in range(images)]
    for place in range(items):
        image = place if place < images else rng.randrange(images)
        by_image[image].append(rng.choice([-1.0, 0.0, 0.0, 1.0]))
    start = time.process_time()
    means = []
    for _ in range(resamples):
        total, count = 0.0, 0
        for _ in range(images):
            scores = by_image[rng.randrange(images)]
            for score in scores:
                total += score
                count += 1
        means.append(total / count)
    means.sort()
    return time.process_time() - start


# --------------------------------------------------------------------------- measuring


def measured(arguments: list[str]) -> tuple[float, float, float]:
    """(CPU seconds, wall seconds, peak MiB) of a Python process; its output goes nowhere. Raises if it fails."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    wall = time.perf_counter() - start
    if status:
        raise SystemExit(f"{' '.join(arguments)} failed")
    return usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024


def line(what: str, cpu: float, wall: float | None, peak: float | None, note: str = "") -> None:
    walls = "" if wall is None else f"{wall:.2f}"
    peaks = "" if peak is None else f"{peak:.0f}"
    print(f"| {what} | {cpu:.2f} | {walls} | {peaks} | {note} |", flush=True)


def verdict(name: str, cpu: float, peak: float) -> str:
    seconds, megabytes = AIMS[name]
    return "met" if cpu <= seconds and peak <= megabytes else f"**missed** ({seconds:g} s, {megabytes} MiB)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--cells", type=int, default=100)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--images", type=int, default=8_000)
    parser.add_argument("--plain", type=int, default=100, help="resamples of the plain side, multiplied up to 10,000")
    parser.add_argument("--plain-records", metavar="DIR", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plain_records:
        plain_records(Path(options.plain_records))
        return
    print("| what | CPU s | wall s | peak MiB | |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "records"
        write_records(root, options.records)
        cpu, wall, peak = measured(["-m", "madbench", "report", str(root)])
        line(f"report, {options.records:,} records", cpu, wall, peak, verdict("records", cpu, peak))
        cpu, wall, peak = measured([__file__, "--plain-records", str(root)])
        line("plain: json.loads and means, no table", cpu, wall, peak)
        root = Path(scratch) / "cells"
        write_cells(root, options.cells, options.items, options.images)
        cpu, wall, peak = measured(["-m", "madbench", "report", str(root)])
        line(
            f"report, {options.cells} cells of {options.items:,} items",
            cpu,
            wall,
            peak,
            "t intervals, all pairs ranked",
        )
        cpu, wall, peak = measured(["-m", "madbench", "report", str(root), "--interval", "bootstrap"])
        line("the same with 10,000 clustered resamples", cpu, wall, peak, verdict("cells", cpu, peak))
        each = plain_resamples(options.items, options.images, options.plain) / options.plain * 10_000
        line(
            f"plain: {options.cells} pairs picked image by image",
            each * options.cells,
            None,
            None,
            f"{each:.0f} s a pair",
        )


if __name__ == "__main__":
    main()
