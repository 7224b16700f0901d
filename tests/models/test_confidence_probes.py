"""What a teacher's confidence is read from: heads fitted inside the subset, never on the image they judge."""

import numpy as np
import pytest

from madbench.models import confidence_probes, probes
from madbench.models.confidence_probes import ConfidenceProbes
from madbench.models.objective_options import ObjectiveOptions
from madbench.models.objectives.targets import Targets, TermTargets
from madbench.models.students.encoding import EncodedSplit
from madbench.tasks.contract import TaskInfo

IMAGES, EACH = 12, 3
N = IMAGES * EACH
TEACHERS = [
    {"kind": "clip-image", "weights": "mini:clip"},
    {"kind": "clip-text", "weights": "mini:clip"},
    {"kind": "text-encoder", "weights": "mini:text", "probe": "own"},
]


@pytest.fixture
def split():
    rng = np.random.default_rng(0)
    return EncodedSplit(
        ids=[np.array([1])] * N,
        segments=[np.array([0])] * N,
        places=[np.array([0])] * N,
        first=np.arange(N + 1),
        legs=np.zeros(N, np.int64),
        image=np.repeat(np.arange(IMAGES), EACH),
        images=None,
        image_keys=[f"image-{place}" for place in range(IMAGES)],
        targets=rng.integers(3, size=N),
        soft=None,
    )


def targets(split):
    """Each row of a teacher knows which image it is of, so that fits can be traced."""
    rng = np.random.default_rng(1)
    image = np.concatenate([np.arange(IMAGES)[:, None], rng.normal(size=(IMAGES, 3))], 1).astype(np.float32)
    text = np.concatenate([split.image[:, None], rng.normal(size=(N, 3))], 1).astype(np.float32)
    every = np.arange(N)
    return Targets([TermTargets(image, split.image), TermTargets(text, every), TermTargets(text + 100, every)])


def made(**confidence):
    objective = ObjectiveOptions.model_validate(
        {"teachers": TEACHERS, "confidence": {"mode": "ratio", "folds": 4, **confidence}}
    )
    labels = ("entailment", "neutral", "contradiction")
    task = TaskInfo("snli_ve", ("main",), 3, labels, ("hypothesis",), multiple_choice=False, open=False)
    return ConfidenceProbes(objective, task, seed=0)


def test_no_head_judges_an_image_it_was_fitted_on(split, monkeypatch):
    fits = []

    def watch(data, *args, **kwargs):
        fits.append(set(data.features[:, 0, 0].tolist()))
        return probes.Head(data.features.shape[2], 3, 4, 0.0).eval()

    monkeypatch.setattr(probes, "fit_head", watch)
    data = made().data("joint", split, targets(split))
    probes.cross_fitted(data, 3, 0)
    by_fold = [set(split.image[data.folds == fold].astype(float).tolist()) for fold in np.unique(data.folds)]
    assert len(fits) == len(by_fold) > 1
    for fitted, judged in zip(fits, by_fold, strict=True):
        assert not fitted & judged
        assert fitted | judged == set(map(float, range(IMAGES)))  # inside the subset, and all of it


def test_per_teacher_the_text_encoder_has_a_probe_of_its_own_else_the_joint_one_serves_all(split, monkeypatch):
    asked = []

    def record(data, labels, seed):
        asked.append(float(data.features[0, 0, 0]))
        return np.full(N, len(asked) / 10), np.zeros(N)

    monkeypatch.setattr(confidence_probes, "cross_fitted", record)
    given = targets(split)
    shared = made().cross_fit(split, given)
    assert len(asked) == 1 and (shared.sure == 0.1).all()
    asked.clear()
    own = made(per_teacher=True).cross_fit(split, given)
    assert asked == [0.0, 100.0]
    assert own.sure[:, 0].tolist() == [0.1, 0.1, 0.2]
