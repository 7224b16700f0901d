"""The `clip-probe` adapter: a frozen CLIP and a small head on [image; text; image x text]."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch

from madbench.models.adapter import Account, ModelAdapter
from madbench.models.options import ProbeOptions
from madbench.models.probes import Head, ProbeData, fit_head, head_logits, joint_features
from madbench.models.students import parameters_of
from madbench.models.students.encoding import sequence_parts, soft_matrix
from madbench.models.teachers import load_teacher
from madbench.models.teachers.features import FeatureStore
from madbench.models.weight_references import identity_of
from madbench.tasks.contract import Example, SoftTarget, Split

EVERYTHING = ("image", "query", "choices")


class ClipProbe(ModelAdapter):
    """Zero gradient into CLIP; one head for both vcr legs, the leg given as a feature."""

    needs = frozenset({"image", "text"})
    options = ProbeOptions

    def __init__(self, spec, task, context):
        super().__init__(spec, task, context)
        self.chosen = ProbeOptions.model_validate(dict(spec.options))
        self.teacher = load_teacher("clip-image", self.chosen.weights, context.device)
        self.store = FeatureStore(context.cache_dir, context.progress)
        self.head: Head | None = None
        self._account = Account()

    def fit(self, train: Split, select: Split | None) -> None:
        began = time.monotonic()
        features = self._features(list(train))
        teacher_seconds, cached = time.monotonic() - began, self.store.cached_seconds
        forwards = self.store.forwards
        targets = np.array([-1 if isinstance(one.target, SoftTarget) else one.target for one in train], np.int64)
        soft = soft_matrix([one.target.scores for one in train], self.task.n_choices) if self.task.open else None
        chosen = self.chosen
        batch = min(chosen.batch_examples, len(train))
        updates = max(1, min(chosen.updates, self.context.max_examples // batch))
        self.head = fit_head(
            ProbeData(features, targets, soft),
            None if self.task.multiple_choice else self.task.n_choices,
            seed=self.context.seed,
            hidden=chosen.hidden,
            updates=updates,
            batch=batch,
            learning_rate=chosen.learning_rate,
            weight_decay=chosen.weight_decay,
            dropout=chosen.dropout,
        )
        state = {"head": dict(self.head.state_dict()), "dimensions": int(features.shape[2])}
        self.context.evaluate(updates)
        self.context.save({"step": updates, **state})
        clip = self.teacher.parameters
        own = parameters_of(self.head)
        self._account = Account(
            parameters={"total": clip + own, "trainable": own, "inference": clip + own},
            updates=updates,
            examples_seen=updates * batch,
            sequences_seen=updates * batch * features.shape[1],
            teacher_s=teacher_seconds,
            teacher_cached_s=cached,
            teacher_forwards=forwards,
            teacher_labels=self.teacher.labels_seen,
            weights={chosen.weights: identity_of(chosen.weights)},
        )

    def restore(self, state: dict) -> bool:
        labels = None if self.task.multiple_choice else self.task.n_choices
        self.head = Head(int(state["dimensions"]), labels, self.chosen.hidden, self.chosen.dropout)
        self.head.load_state_dict(state["head"])
        self.head.eval()
        return True

    def predict(self, split: Split) -> np.ndarray:
        with torch.inference_mode():
            return head_logits(self.head, self._features(list(split)))

    def account(self) -> Account:
        return self._account

    def _features(self, examples: Sequence[Example]) -> np.ndarray:
        """float32 [N, C, 3D (+ legs)] from content-keyed storage."""
        row_of: dict[str, int] = {}
        images = []
        for example in examples:
            if example.image.key not in row_of:
                row_of[example.image.key] = len(images)
                images.append(example.image)
        image = self.store.images(self.teacher, images)
        texts = [
            " ".join(part.text for part in one) for example in examples for one in sequence_parts(example, EVERYTHING)
        ]
        text = self.store.texts(self.teacher, texts)
        legs = np.array([self.task.legs.index(example.leg) for example in examples])
        return joint_features(
            image[[row_of[example.image.key] for example in examples]],
            text.reshape(len(examples), -1, text.shape[1]),
            legs,
            len(self.task.legs),
        )
