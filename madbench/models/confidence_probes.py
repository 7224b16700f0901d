"""How sure each teacher is of the right answer, and whether it is weaker than the student: cross-fitted on the subset.

Heads on teacher features (joint: [image; text; image x text] of CLIP; own: one teacher's feature), trained on the
training subset only (a probe that saw more labels would leak them), folds by image. Or CLIP's own answer among the
candidates, which needs no head and no label.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from madbench.errors import ConfigError
from madbench.models.objective_options import ObjectiveOptions
from madbench.models.objectives.targets import Targets
from madbench.models.probes import (
    Head,
    ProbeData,
    cross_fitted,
    fit_head,
    folds_by_image,
    head_logits,
    joint_features,
    right_scores,
)
from madbench.models.students.encoding import EncodedSplit, soft_matrix
from madbench.tasks.contract import TaskInfo


@dataclass
class TeacherConfidence:
    """sure: [teachers, N] probability of the right answer. score: [teachers, N] score of the probe's own answer."""

    sure: np.ndarray
    score: np.ndarray


def refuse_zero_shot_labels(objective: ObjectiveOptions, task: TaskInfo) -> None:
    """Raises ConfigError where CLIP is to answer by itself a task whose answers are no texts beside the picture."""
    if objective.confidence.logits == "zero_shot" and not task.multiple_choice:
        why = "a threshold on the cosine tells no three labels apart" if not task.open else "a label is no caption"
        raise ConfigError(
            f"confidence.logits zero_shot is for tasks with candidates, and {task.name} has labels: {why}",
            fix="--set objective.confidence.logits=probe",
        )


class ConfidenceProbes:
    """Cross-fits one head per distinct probe of the objective and serves p_T per teacher.

    logit_scale: gives the scale of CLIP's cosines; asked for zero-shot logits only.
    """

    def __init__(self, objective: ObjectiveOptions, task: TaskInfo, seed: int, logit_scale: Callable[[], float]):
        self.objective = objective
        self.logit_scale = logit_scale
        self.task = task
        self.seed = seed
        self.labels = None if task.multiple_choice else task.n_choices
        self._heads: dict[str, Head] = {}

    def _key(self, place: int) -> str:
        teacher = self.objective.teachers[place]
        joint = teacher.probe == "joint" or not self.objective.confidence.per_teacher
        return "joint" if joint else f"own-{place}"

    def data(self, key: str, split: EncodedSplit, targets: Targets) -> ProbeData:
        """The features a head reads, [N, C, D], with targets and folds."""
        if key == "joint":
            image, text = self._image_and_text(split, targets)
            features = joint_features(image, text, split.legs, len(self.task.legs))
        else:
            features = _rows(split, targets, int(key.removeprefix("own-")))
            choices = features.shape[1]
            if len(self.task.legs) > 1:
                leg = np.eye(len(self.task.legs), dtype=np.float32)[split.legs][:, None, :].repeat(choices, axis=1)
                features = np.concatenate([features, leg], axis=2)
        soft = None if split.soft is None else soft_matrix(split.soft, self.task.n_choices)
        keys = [split.image_keys[image] for image in split.image]
        folds = folds_by_image(keys, self.objective.confidence.folds)
        return ProbeData(features.astype(np.float32), split.targets, soft, folds)

    def _image_and_text(self, split: EncodedSplit, targets: Targets) -> tuple[np.ndarray, np.ndarray]:
        """CLIP's features: [N, D] of the picture, [N, C, D] of the texts."""
        by_kind = {one.kind: place for place, one in enumerate(self.objective.teachers)}
        image, text = (_rows(split, targets, by_kind[kind]) for kind in ("clip-image", "clip-text"))
        return image[:, 0], text

    def zero_shot(self, split: EncodedSplit, targets: Targets) -> tuple[np.ndarray, np.ndarray]:
        """([N] probability of the right candidate, [N] score of the likeliest): softmax of s x cos(image, text)."""
        image, text = (
            one / np.linalg.norm(one, axis=-1, keepdims=True) for one in self._image_and_text(split, targets)
        )
        logits = self.logit_scale() * np.einsum("nd,ncd->nc", image, text)
        return right_scores(logits, ProbeData(text, split.targets))

    def cross_fit(self, split: EncodedSplit, targets: Targets) -> TeacherConfidence:
        """p_T of every training example, from heads that did not see its image."""
        sure = np.empty((len(self.objective.teachers), len(split)))
        score = np.empty_like(sure)
        if self.objective.confidence.logits == "zero_shot":
            sure[:], score[:] = self.zero_shot(split, targets)
            return TeacherConfidence(sure, score)
        done: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for place in range(len(self.objective.teachers)):
            key = self._key(place)
            if key not in done:
                done[key] = cross_fitted(self.data(key, split, targets), self.labels, self.seed)
            sure[place], score[place] = done[key]
        return TeacherConfidence(sure, score)

    def scores_on(
        self, split: EncodedSplit, targets: Targets, train: EncodedSplit, train_targets: Targets
    ) -> np.ndarray:
        """[teachers, N] score of the answers on another split (select), by heads fitted on the whole training split."""
        score = np.empty((len(self.objective.teachers), len(split)))
        if self.objective.confidence.logits == "zero_shot":
            score[:] = self.zero_shot(split, targets)[1]
            return score
        done: dict[str, np.ndarray] = {}
        for place in range(len(self.objective.teachers)):
            key = self._key(place)
            if key not in done:
                data = self.data(key, train, train_targets)
                updates = min(3000, max(400, len(train) // 20))
                self._heads[key] = fit_head(data, self.labels, seed=self.seed, updates=updates)
                own = self.data(key, split, targets)
                done[key] = right_scores(head_logits(self._heads[key], own.features), own)[1]
            score[place] = done[key]
        return score


def _rows(split: EncodedSplit, targets: Targets, place: int) -> np.ndarray:
    """[N, C, D]: one teacher's feature of every candidate."""
    term = targets.terms[place]
    return term.rows[term.of_sequence].reshape(len(split), int(split.first[1] - split.first[0]), -1)
