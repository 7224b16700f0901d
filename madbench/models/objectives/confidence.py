"""Per-instance weights from how sure teacher and student are of the right answer (our reading: docs/method.md).

CLIP-TD's abstract says "dynamically weighted objective"; the formulae are guesses that fit it, selectable in the YAML.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from madbench.models.objective_options import Confidence


def confidence_weight(options: Confidence, teacher: torch.Tensor, student: torch.Tensor) -> torch.Tensor:
    """[B] weights from [B] probabilities of the right answer, both detached.

    ratio: p_T / (p_T + p_S), 0.5 when equally sure; odds: p_T / p_S, at most `maximum`; gap: max(0, p_T - p_S);
    teacher: p_T; constant; none: 1. All times `scale`. softmax needs every teacher: see `competing_weights`.
    """
    student = student.detach().clamp(min=1e-6)
    teacher = teacher.detach()
    if options.mode == "none":
        weight = torch.ones_like(teacher)
    elif options.mode == "ratio":
        weight = teacher / (teacher + student)
    elif options.mode == "odds":
        weight = (teacher / student).clamp(max=options.maximum)
    elif options.mode == "gap":
        weight = (teacher - student).clamp(min=0)
    elif options.mode == "teacher":
        weight = teacher
    elif options.mode == "constant":
        weight = torch.full_like(teacher, options.constant)
    else:
        raise ValueError(f"unknown confidence mode '{options.mode}'")
    return weight * options.scale


def competing_weights(options: Confidence, teachers: torch.Tensor) -> torch.Tensor:
    """[teachers, B] weights from [teachers, B] probabilities of the right answer: softmax over teachers of p/temperature.

    Times `scale`; without it they sum to 1 for each example.
    """
    return (teachers.detach() / options.temperature).softmax(0) * options.scale


def all_weights(
    options: Confidence, teachers: torch.Tensor, student: torch.Tensor, order: torch.Tensor | None = None
) -> torch.Tensor:
    """[teachers, B] weights of a batch, its control applied.

    teachers: [teachers, B] and student: [B], probabilities of the right answer. order: int64 [B], the permutation for
    control `shuffled`, the same for every teacher.
    """
    if options.mode == "softmax":
        weights = competing_weights(options, teachers)
    else:
        weights = torch.stack([confidence_weight(options, one, student) for one in teachers])
    if options.control == "shuffled":
        return weights[:, order]
    if options.control == "mean":
        # Its own run's mean: the strength at this update stays as it would be, and which example gets it is gone.
        return weights.mean(1, keepdim=True).expand_as(weights)
    return weights


def shuffled_order(examples: Sequence[int], seed: int) -> np.ndarray:
    """A permutation of the batch that depends on the seed and on which examples it holds, in whatever order.

    int64 [B]: where each example's weight comes from.
    """
    examples = np.asarray(examples)
    ranked = np.argsort(examples, kind="stable")
    drawn = np.random.default_rng([seed, *examples[ranked].tolist()]).permutation(len(examples))
    order = np.empty(len(examples), np.int64)
    order[ranked] = ranked[drawn]
    return order
