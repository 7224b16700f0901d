"""Per-instance weights from how sure teacher and student are of the right answer (specs/mad.md 2.3 (3); our reading).

CLIP-TD's abstract says "dynamically weighted objective"; the formulae are guesses that fit it, selectable in the YAML.
"""

from __future__ import annotations

import torch

from madbench.models.options import Confidence


def confidence_weight(options: Confidence, teacher: torch.Tensor, student: torch.Tensor) -> torch.Tensor:
    """[B] weights from [B] probabilities of the right answer, both detached.

    ratio: p_T / (p_T + p_S), 0.5 when equally sure; odds: p_T / p_S, at most `maximum`; gap: max(0, p_T - p_S);
    teacher: p_T; constant; none: 1. All times `scale`.
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
