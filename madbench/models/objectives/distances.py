"""Distances between a projected student state and a teacher feature; pure functions, one value per row.

All are means over dimensions, so a weight means the same for a 96-d and a 768-d teacher. Source: docs/method.md;
which distance the papers used could not be read, the choice is ours.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional


def distance(name: str, student: torch.Tensor, teacher: torch.Tensor, temperature: float = 0.1) -> torch.Tensor:
    """[N, D] and [N, D] to [N]. name: smooth_l1, l1, mse, cosine (1 - cos), or similarity_kl with its temperature."""
    if name == "smooth_l1":
        return functional.smooth_l1_loss(student, teacher, reduction="none").mean(1)
    if name == "l1":
        return (student - teacher).abs().mean(1)
    if name == "mse":
        return (student - teacher).square().mean(1)
    if name == "cosine":
        return 1 - functional.cosine_similarity(student, teacher, dim=1)
    if name == "similarity_kl":
        return similarity_kl(student, teacher, temperature)
    raise ValueError(f"unknown distance '{name}'")


def similarity_kl(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """[N, D] and [N, D] to [N]: KL(p_i || q_i) of how similar row i is to each of the N teacher features.

    p_i = softmax over j of cos(f_i, f_j) / temperature, q_i = the same with the student's state in the place of f_i.
    The one distance that looks at the other rows; named without a formula in what we could read, this one is ours.
    """
    known = functional.normalize(teacher, dim=1)
    wanted = (known @ known.T / temperature).log_softmax(1)
    found = (functional.normalize(student, dim=1) @ known.T / temperature).log_softmax(1)
    return (wanted.exp() * (wanted - found)).sum(1)


class Standardiser:
    """Puts teacher features on a common scale; what it learns comes from the training features only.

    `zscore`: each dimension to mean 0, deviation 1 over the given rows. `l2`: each row to length sqrt(D).
    """

    def __init__(self, mode: str, features: np.ndarray):
        self.mode = mode
        if mode == "zscore":
            self.mean = features.mean(0)
            self.deviation = np.maximum(features.std(0), 1e-4)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """float32 [N, D] to float32 [N, D]."""
        if self.mode == "zscore":
            return ((features - self.mean) / self.deviation).astype(np.float32)
        norm = np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-8)
        return (features / norm * np.sqrt(features.shape[1])).astype(np.float32)
