"""Small heads on frozen features: the clip-probe model, and the teachers' confidence in the right answer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from madbench.training.schedule import batch_rows


@dataclass
class ProbeData:
    """Features of N examples. features: float32 [N, C, D] (C candidates; 1 for label tasks).

    targets: int64 [N] (-1 unknown). soft: float32 [N, labels] for vqa, else None. folds: int [N] by image.
    """

    features: np.ndarray
    targets: np.ndarray
    soft: np.ndarray | None = None
    folds: np.ndarray | None = None


class Head(nn.Module):
    """Features to logits: one score per candidate, or `labels` scores for a fixed label space."""

    def __init__(self, dimensions: int, labels: int | None, hidden: int, dropout: float):
        super().__init__()
        out = 1 if labels is None else labels
        self.norm = nn.LayerNorm(dimensions)
        self.layers = (
            nn.Sequential(nn.Linear(dimensions, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, out))
            if hidden
            else nn.Linear(dimensions, out)
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        scores = self.layers(self.norm(features))  # [B, C, 1] or [B, 1, labels]
        return scores.squeeze(2) if scores.shape[2] == 1 else scores.squeeze(1)


def joint_features(image: np.ndarray, text: np.ndarray, legs: np.ndarray, n_legs: int) -> np.ndarray:
    """[image; text; image x text; leg] for image [N, D], text [N, C, D], legs [N]: float32 [N, C, 3D + legs].

    The product is scaled by sqrt(D): unit vectors would leave it far smaller than the rest.
    """
    choices, width = text.shape[1], text.shape[2]
    repeated = np.repeat(image[:, None, :], choices, axis=1)
    parts = [repeated, text, repeated * text * np.sqrt(width)]
    if n_legs > 1:
        parts.append(np.repeat(np.eye(n_legs, dtype=np.float32)[legs][:, None, :], choices, axis=1))
    return np.concatenate(parts, axis=2).astype(np.float32)


def fit_head(
    data: ProbeData,
    labels: int | None,
    *,
    seed: int,
    hidden: int = 128,
    updates: int = 400,
    batch: int = 128,
    learning_rate: float = 1e-3,
    weight_decay: float = 0.05,
    dropout: float = 0.2,
) -> Head:
    """Train a head with AdamW and a linear decay. Rows are drawn as in the training loop: a function of the seed."""
    torch.manual_seed(seed)
    head = Head(data.features.shape[2], labels, hidden, dropout)
    optimizer = torch.optim.AdamW(head.parameters(), lr=learning_rate, weight_decay=weight_decay)
    features = torch.from_numpy(data.features)
    targets = torch.from_numpy(data.targets)
    soft = None if data.soft is None else torch.from_numpy(data.soft)
    size = min(batch, len(targets))
    head.train()
    for step in range(updates):
        rows = torch.from_numpy(batch_rows(step, size, len(targets), seed))
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * (1 - step / updates)
        logits = head(features[rows])
        if soft is None:
            loss = functional.cross_entropy(logits, targets[rows])
        else:
            wanted = soft[rows] / soft[rows].sum(1, keepdim=True).clamp(min=1e-6)
            loss = -(wanted * logits.log_softmax(1)).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return head.eval()


@torch.inference_mode()
def head_logits(head: Head, features: np.ndarray) -> np.ndarray:
    """float32 [N, C or labels]."""
    return np.concatenate(
        [head(torch.from_numpy(features[s : s + 4096])).numpy() for s in range(0, len(features), 4096)]
    )


def right_scores(logits: np.ndarray, data: ProbeData) -> tuple[np.ndarray, np.ndarray]:
    """(probability of the right answer, score of the argmax), both float [N]; soft targets as expected soft score."""
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    probability = shifted / shifted.sum(1, keepdims=True)
    best = logits.argmax(1)
    rows = np.arange(len(logits))
    if data.soft is None:
        return probability[rows, data.targets], (best == data.targets).astype(np.float64)
    return (probability * data.soft).sum(1), data.soft[rows, best].astype(np.float64)


def folds_by_image(keys: list[str], count: int) -> np.ndarray:
    """Fold 0..count-1 of each image key, by hash: an image's questions never cross folds."""
    return np.array([int(hashlib.sha256(f"fold|{key}".encode()).hexdigest(), 16) % count for key in keys])


def cross_fitted(data: ProbeData, labels: int | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(p_right [N], argmax score [N]) where each row is scored by a head that saw none of its fold.

    A head scored on its own training rows is always confident, so confidence is never read there. A fold without
    training rows left (one image) gets the floor: probability 1/labels, score 0. A label that is missing from the
    fitting folds has the floor too, whatever the head says: it was taught that there is no such answer. (With soft
    targets an answer that is missing counts by what the head says.)
    """
    n_labels = labels or data.features.shape[1]
    probability = np.full(len(data.targets), 1 / n_labels)
    score = np.zeros(len(data.targets))
    for fold in np.unique(data.folds):
        held, rest = data.folds == fold, data.folds != fold
        if not rest.any():
            continue
        part = ProbeData(data.features[rest], data.targets[rest], None if data.soft is None else data.soft[rest])
        head = fit_head(part, labels, seed=seed + int(fold), updates=min(1500, max(300, len(part.targets) // 20)))
        own = ProbeData(data.features[held], data.targets[held], None if data.soft is None else data.soft[held])
        probability[held], score[held] = right_scores(head_logits(head, own.features), own)
        if labels is not None and data.soft is None:
            unseen = ~np.isin(own.targets, part.targets)
            probability[np.flatnonzero(held)[unseen]] = 1 / n_labels
    return probability, score
