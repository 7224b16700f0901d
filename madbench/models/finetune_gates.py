"""Gates: a teacher is switched off on a leg where it is weaker than the student (our reading of "adaptively").

Decided on the select split at every evaluation point where the protocol has one; else once, cross-fitted on the subset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from madbench.models.adapter import Context
from madbench.models.finetune_module import FinetuneModule, KeptModel, TrainingData, build_head
from madbench.models.options import FinetuneOptions
from madbench.models.students.encoding import EncodedSplit
from madbench.models.students.interface import StudentKind
from madbench.models.students.tokens import Tokenizer
from madbench.tasks.contract import TaskInfo
from madbench.training.loop import Hooks, LoopOptions, train

# The select metric that tells how good the student is on each leg, to be compared with a teacher's probe.
LEG_METRICS = {"vcr": ("q2a", "qa2r"), "snli_ve": ("accuracy",), "vqa": ("vqa_accuracy",)}
HELD_OUT = 5


@dataclass(frozen=True)
class GateTrial:
    """What a trial of the plain student is made of."""

    options: FinetuneOptions
    kind: StudentKind
    tokenizer: Tokenizer
    task: TaskInfo
    context: Context

    def trained(self, rest: EncodedSplit, loop: LoopOptions) -> KeptModel:
        """A plain student (no objective) trained on `rest`."""
        plain = self.options.model_copy(update={"objective": type(self.options.objective)()})
        torch.manual_seed(self.context.seed)
        student, _ = self.kind.build(plain.student, self.tokenizer)
        head = build_head(self.task, plain.student.width, rest)
        trial = FinetuneModule(KeptModel(student, head, plain.student.summary), None, None)
        trial.attach(TrainingData(rest), plain, self.task.n_choices, self.context.seed, self.context.device)
        train(trial, loop, Hooks())
        return trial.kept


def gate_by_cross_fit(
    module: FinetuneModule, data: TrainingData, trial: GateTrial, probe_scores: np.ndarray, loop: LoopOptions
) -> None:
    """Without a select split: a plain student on four fifths of the images against the probes' held-out scores.

    probe_scores: [teachers, N], cross-fitted. loop: of the trial.
    """
    keys = [data.split.image_keys[image] for image in data.split.image]
    ordered = sorted(set(keys))
    held_keys = set(ordered[::HELD_OUT]) if len(ordered) >= HELD_OUT else set()
    held = np.array([key in held_keys for key in keys])
    if not held.any() or held.all():
        return
    kept = trial.trained(part_of(data.split, np.flatnonzero(~held)), loop)
    rows = np.flatnonzero(held)
    right = own_scores(
        kept.scores(part_of(data.split, rows), trial.context.device, trial.context.precision), data.split, rows
    )
    for leg, leg_name in enumerate(trial.task.legs):
        of_leg = data.split.legs[held] == leg
        student_score = right[of_leg].mean() if of_leg.any() else 0.0
        for place, teacher in enumerate(trial.options.objective.teachers):
            teacher_score = probe_scores[place, rows[of_leg]].mean() if of_leg.any() else 0.0
            module.objective.gates[place, leg] = float(teacher_score >= student_score)
            trial.context.logger.info(
                "gate %s %s: teacher %.3f, student %.3f on %d held-out examples -> %s",
                teacher.kind,
                leg_name,
                teacher_score,
                student_score,
                of_leg.sum(),
                "on" if teacher_score >= student_score else "off",
            )


def gate_by_select(module: FinetuneModule, task: str, teacher_scores: np.ndarray, metrics: Mapping[str, float]) -> None:
    """teacher_scores: [teachers, legs] of the probes on the select split. metrics: the student's there, now."""
    for leg, name in enumerate(LEG_METRICS[task]):
        for place in range(len(teacher_scores)):
            module.objective.gates[place, leg] = float(teacher_scores[place, leg] >= metrics[name])


def gates_story(now: str, decided: Sequence[tuple[int, str]]) -> str:
    """The gates over a training: `now` where they never changed, else from which update on they were what.

    decided: (update, `Objective.gates_told`) of each evaluation on select before the last; every gate is on until the
    first. `all on to update 100; gates off 2 of 3, on: text-encoder to 200; then gates off 3 of 3`.
    """
    if not decided:
        return now
    changes = [one for place, one in enumerate(decided) if place == 0 or one[1] != decided[place - 1][1]]
    between = [f"{said} to {end:,}" for (_, said), (end, _) in pairwise(changes)]
    return "; ".join([f"all on to update {changes[0][0]:,}", *between, f"then {now}"])


def own_scores(scores: np.ndarray, split: EncodedSplit, rows: np.ndarray) -> np.ndarray:
    """What each prediction of `rows` earns: 0 or 1, or the soft score of its answer; float [rows]."""
    best = scores.argmax(1)
    if split.soft is not None:
        return np.array([split.soft[row].get(int(label), 0.0) for row, label in zip(rows, best, strict=True)])
    return (best == split.targets[rows]).astype(float)


def part_of(split: EncodedSplit, rows: np.ndarray) -> EncodedSplit:
    """The same arrays for some examples only; images are shared, not copied."""
    sequences = [np.arange(split.first[row], split.first[row + 1]) for row in rows]
    flat = np.concatenate(sequences)
    return EncodedSplit(
        ids=[split.ids[sequence] for sequence in flat],
        segments=[split.segments[sequence] for sequence in flat],
        places=[split.places[sequence] for sequence in flat],
        first=np.concatenate([[0], np.cumsum([len(one) for one in sequences])]),
        legs=split.legs[rows],
        image=split.image[rows] if len(split.image) else split.image,
        images=split.images,
        image_keys=split.image_keys,
        targets=split.targets[rows],
        soft=None if split.soft is None else [split.soft[row] for row in rows],
        pad=split.pad,
    )
