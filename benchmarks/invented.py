"""Models and data for the timing scripts: published sizes with random weights, invented lengths. Timing needs no more.

`small` runs on a laptop's CPU in seconds; `full` is UNITER-base on VQA with CLIP ViT-B/32 and RoBERTa-base as teachers.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from madbench.models.finetune_module import FinetuneModule, KeptModel, TrainingData, build_head
from madbench.models.objectives.objective import Objective
from madbench.models.objectives.targets import Targets, TermTargets
from madbench.models.options import FinetuneOptions
from madbench.models.students import student_kind
from madbench.models.students.encoding import EncodedSplit
from madbench.models.students.image_inputs import RegionInputs, seven_numbers
from madbench.tasks.contract import TaskInfo
from madbench.training.loop import Hooks, LoopOptions, Ran, train

TEACHERS = [
    {"kind": "clip-image", "weights": "mini:clip", "state": "summary"},
    {"kind": "clip-text", "weights": "mini:clip", "state": "summary"},
    {"kind": "text-encoder", "weights": "mini:text", "state": "text", "weight": 1.0, "probe": "own"},
]
MAD = {"teachers": TEACHERS, "confidence": {"mode": "ratio", "scale": 2.0, "per_teacher": True}}


@dataclass(frozen=True)
class Size:
    """dimensions: of the teachers' features, in the order of TEACHERS."""

    student: dict
    vocabulary: int
    answers: int
    examples: int
    batch: int
    updates: int
    dimensions: tuple[int, int, int]


SMALL = Size(
    {"name": "uniter", "regions": "detector", "width": 192, "layers": 4, "heads": 4, "region_width": 512},
    vocabulary=2000,
    answers=300,
    examples=2048,
    batch=32,
    updates=12,
    dimensions=(128, 128, 192),
)
FULL = Size(
    {"name": "uniter", "regions": "detector", "width": 768, "layers": 12, "heads": 12, "region_width": 2048},
    vocabulary=28996,
    answers=3129,
    examples=8192,
    batch=128,
    updates=40,
    dimensions=(512, 512, 768),
)


class Words:
    """Stands for a tokenizer: only its size counts."""

    def __init__(self, size: int):
        self.size = size


class MemoryRegions(RegionInputs):
    """Random features in memory, so that no disk is timed. counts: regions of each picture."""

    def __init__(self, counts: np.ndarray, width: int, rng: np.random.Generator):
        self._counts = counts
        self.features = rng.standard_normal((64, int(counts.max()), width)).astype(np.float32)
        corners = np.sort(rng.random((64, int(counts.max()), 2, 2)), axis=2).reshape(64, -1, 4).astype(np.float32)
        self.boxes = np.stack([seven_numbers(one) for one in corners])

    def counts(self) -> np.ndarray:
        return self._counts

    def batch(self, rows: np.ndarray, device: str | torch.device) -> dict:
        counts, longest = self._counts[rows], int(self._counts[rows].max())
        return {
            "regions": torch.from_numpy(self.features[rows % 64, :longest]).to(device),
            "boxes": torch.from_numpy(self.boxes[rows % 64, :longest]).to(device),
            "region_padding": torch.from_numpy(np.arange(longest)[None] >= counts[:, None]).to(device),
        }


def question_lengths(count: int, rng: np.random.Generator) -> np.ndarray:
    """Tokens of VQA questions with [CLS] and [SEP]: mean 9, from 6 to 25."""
    return np.clip(np.rint(rng.lognormal(1.95, 0.3, count)), 4, 23).astype(int) + 2


def region_counts(count: int, rng: np.random.Generator, fixed: int | None = 36) -> np.ndarray:
    """Detector regions of a picture: 36, or from 10 to 100 with a mean of 40."""
    if fixed is not None:
        return np.full(count, fixed)
    return np.clip(np.rint(rng.gamma(4.0, 10.0, count)), 10, 100).astype(int)


def invented_split(size: Size, regions: int | None = 36, seed: int = 0) -> EncodedSplit:
    """VQA-like rows: one sequence each, soft targets, a picture each."""
    rng = np.random.default_rng(seed)
    n = size.examples
    lengths = question_lengths(n, rng)
    return EncodedSplit(
        ids=[rng.integers(10, size.vocabulary, length) for length in lengths],
        segments=[np.zeros(length, np.int64) for length in lengths],
        places=[np.zeros(length, np.int64) for length in lengths],
        first=np.arange(n + 1),
        legs=np.zeros(n, np.int64),
        image=np.arange(n),
        images=MemoryRegions(region_counts(n, rng, regions), size.student["region_width"], rng),
        image_keys=[str(row) for row in range(n)],
        targets=np.full(n, -1),
        soft=[{int(one): 1.0} for one in rng.integers(0, size.answers, n)],
    )


def options_of(size: Size, objective: dict | None = None, **training) -> FinetuneOptions:
    return FinetuneOptions.model_validate(
        {
            "student": {**size.student, "dropout": 0.1, "max_tokens": 64, "tokenizer": "own", "init": "random"},
            "training": {"batch_examples": size.batch, **training},
            "objective": objective or {},
        }
    )


def module_of(size: Size, options: FinetuneOptions, split: EncodedSplit, device: str) -> FinetuneModule:
    """The trained module as the adapter makes it, with random weights and, for an objective, random cached features."""
    torch.manual_seed(0)
    student_options = options.student.model_copy(update={"init": "scratch"})
    student, _ = student_kind(options.student.name).build(student_options, Words(size.vocabulary))
    task = TaskInfo(
        name="vqa",
        legs=("main",),
        n_choices=size.answers,
        labels=("",) * size.answers,
        text_parts=("question",),
        multiple_choice=False,
        open=True,
    )
    kept = KeptModel(student, build_head(task, options.student.width, split), "cls")
    objective, data = None, TrainingData(split)
    if options.objective.teachers:
        rng = np.random.default_rng(1)
        rows = [rng.standard_normal((len(split), width)).astype(np.float32) for width in size.dimensions]
        each = np.arange(len(split))
        data.targets = Targets(
            [TermTargets(one, each) for one in rows], [torch.from_numpy(one).to(device) for one in rows]
        )
        data.sure = rng.random((len(rows), len(split)))
        objective = Objective(options.objective, options.student.width, list(size.dimensions), 1, "cls")
    module = FinetuneModule(kept, objective, None)
    module.attach(data, options, size.answers, 0, device)
    return module


def run(module: nn.Module, updates: int, device: str, precision: str, seed: int = 0) -> Ran:
    """Some updates of our loop; the clock is the loop's own."""
    ahead = 4 if device != "cpu" else 0
    options = LoopOptions(
        updates=updates, learning_rate=1e-4, seed=seed, device=device, precision=precision, ahead=ahead, threads=4
    )
    ran = train(module, options, Hooks())
    synchronise(device)
    return ran


def clock(device: str) -> float:
    """Seconds by which variants are compared: on a CPU those of this process, as other work on it takes turns with ours."""
    synchronise(device)
    return time.process_time() if device == "cpu" else time.perf_counter()


def seconds_of(work: Callable[[], object], device: str) -> float:
    """What some work takes, by `clock`."""
    began = clock(device)
    work()
    return clock(device) - began


def in_turn(variants: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Each variant's figure in each round, one after the other, so that other work on the machine meets all alike.

    A round before them is not counted.
    """
    found: dict[str, list[float]] = {name: [] for name in variants}
    for place in range(rounds + 1):
        for name, measure in variants.items():
            figure = measure()
            if place:
                found[name].append(figure)
    return found


def ratio(found: dict[str, list[float]], name: str, base: str) -> str:
    """Median over rounds of name/base within a round, with the lowest and the highest."""
    ratios = sorted(one / other for one, other in zip(found[name], found[base], strict=True))
    return f"{np.median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})"


def synchronise(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def arguments(description: str, **more) -> argparse.Namespace:
    """--device, --full, --precision, --rounds, and what a script adds: name -> default."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--full", action="store_true", help="published sizes")
    parser.add_argument("--precision", choices=("fp32", "bf16"), help="default: bf16 on cuda, fp32 on a CPU")
    parser.add_argument("--rounds", type=int, default=5)
    for name, default in more.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        parser.exit(0, "not measured: no CUDA\n")
    given.precision = given.precision or ("bf16" if given.device == "cuda" else "fp32")
    given.size = FULL if given.full else SMALL
    return given


def header(given: argparse.Namespace) -> str:
    """What a figure needs beside it."""
    import transformers

    where = torch.cuda.get_device_name() if given.device == "cuda" else f"CPU, {os.cpu_count()} cores"
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{time.strftime('%Y-%m-%d')} {where}{load}, {torch.get_num_threads()} threads; python {platform.python_version()}, "
        f"torch {torch.__version__}, transformers {transformers.__version__}; {given.precision}, "
        f"{'full' if given.full else 'small'} size, batch {given.size.batch}, {given.rounds} rounds in turn"
    )
