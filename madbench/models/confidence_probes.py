"""How sure each teacher is of the right answer, and whether it is weaker than the student: cross-fitted on the subset.

Heads on teacher features (joint: [image; text; image x text] of CLIP; own: one teacher's feature), trained on the
training subset only (a probe that saw more labels would leak them), folds by image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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


class ConfidenceProbes:
    """Cross-fits one head per distinct probe of the objective and serves p_T per teacher."""

    def __init__(self, objective: ObjectiveOptions, task: TaskInfo, seed: int):
        self.objective = objective
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
        choices = int(split.first[1] - split.first[0])
        by_kind = {one.kind: place for place, one in enumerate(self.objective.teachers)}

        def rows(place: int) -> np.ndarray:
            term = targets.terms[place]
            return term.rows[term.of_sequence].reshape(len(split), choices, -1)

        if key == "joint":
            image, text = rows(by_kind["clip-image"])[:, 0], rows(by_kind["clip-text"])
            features = joint_features(image, text, split.legs, len(self.task.legs))
        else:
            features = rows(int(key.removeprefix("own-")))
            if len(self.task.legs) > 1:
                leg = np.eye(len(self.task.legs), dtype=np.float32)[split.legs][:, None, :].repeat(choices, axis=1)
                features = np.concatenate([features, leg], axis=2)
        soft = None if split.soft is None else soft_matrix(split.soft, self.task.n_choices)
        keys = [split.image_keys[image] for image in split.image]
        folds = folds_by_image(keys, self.objective.confidence.folds)
        return ProbeData(features.astype(np.float32), split.targets, soft, folds)

    def cross_fit(self, split: EncodedSplit, targets: Targets) -> TeacherConfidence:
        """p_T of every training example, from heads that did not see its image."""
        sure = np.empty((len(self.objective.teachers), len(split)))
        score = np.empty_like(sure)
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
