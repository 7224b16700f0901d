"""What a teacher's confidence is read from: heads fitted inside the subset, never on the image they judge."""

import numpy as np
import pytest

from madbench.errors import ConfigError
from madbench.models import confidence_probes, probes
from madbench.models.confidence_probes import ConfidenceProbes, refuse_zero_shot_labels
from madbench.models.objective_options import ObjectiveOptions
from madbench.models.objectives.targets import Targets, TermTargets
from madbench.models.students.encoding import EncodedSplit
from madbench.models.teachers import load_teacher
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
    return ConfidenceProbes(objective, task, 0, lambda: 1.0)


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


# ----- CLIP's own answer

TWO = [{"kind": kind, "weights": "mini:clip"} for kind in ("clip-image", "clip-text")]
CANDIDATES = TaskInfo("vcr", ("q2a", "qa2r"), 2, (), ("question",), multiple_choice=True, open=False)


def zero_shot(**changes):
    confidence = {"mode": "teacher", "logits": "zero_shot", **changes}
    return ObjectiveOptions.model_validate({"teachers": TWO, "confidence": confidence})


def test_zero_shot_is_the_softmax_over_candidates_of_scaled_cosines_by_hand():
    """Two pictures, two candidates each: cosines (0.6, 0.8) and (1, 0) with scale 10, right answers 1 and 1."""
    two = EncodedSplit(
        ids=[np.array([1])] * 4,
        segments=[np.array([0])] * 4,
        places=[np.array([0])] * 4,
        first=np.array([0, 2, 4]),
        legs=np.array([0, 1]),
        image=np.array([0, 1]),
        images=None,
        image_keys=["one", "two"],
        targets=np.array([1, 1]),
        soft=None,
    )
    image = np.array([[2, 0], [0, 3]], np.float32)  # lengths do not matter
    text = np.array([[0.6, 0.8], [0.8, 0.6], [0, 1], [1, 0]], np.float32)
    given = Targets([TermTargets(image, np.array([0, 0, 1, 1])), TermTargets(text, np.arange(4))])
    probes_of = ConfidenceProbes(zero_shot(), CANDIDATES, 0, lambda: 10.0)
    found = probes_of.cross_fit(two, given)
    first, second = 1 / (1 + np.exp(10 * (0.6 - 0.8))), 1 / (1 + np.exp(10.0))
    assert found.sure[0] == pytest.approx([first, second], rel=1e-5)
    assert np.array_equal(found.sure[0], found.sure[1]) and found.score[1].tolist() == [1.0, 0.0]
    assert probes_of.scores_on(two, given, two, given)[0].tolist() == [1.0, 0.0]  # no head, so nothing to fit on train


def test_zero_shot_is_refused_for_tasks_with_labels():
    for name, is_open, why in (("snli_ve", False, "three labels"), ("vqa", True, "no caption")):
        task = TaskInfo(name, ("main",), 3, ("a", "b", "c"), ("text",), multiple_choice=False, open=is_open)
        with pytest.raises(ConfigError, match=why) as caught:
            refuse_zero_shot_labels(zero_shot(), task)
        assert caught.value.fix == "--set objective.confidence.logits=probe"
    refuse_zero_shot_labels(zero_shot(), CANDIDATES)


@pytest.mark.parametrize(
    ("teachers", "confidence", "text"),
    [
        (TEACHERS, {"mode": "ratio", "per_teacher": True}, "teacher with probe: own has none"),
        (TWO, {"mode": "none"}, "neither confidence nor gate asks"),
        (TWO, {"mode": "softmax", "per_teacher": True}, "give all teachers one p_T"),
        ([TWO[0], {**TWO[1], "weights": "random:mini:clip"}], {"mode": "ratio"}, "the two have other weights"),
    ],
)
def test_what_has_no_zero_shot_answer_is_refused(teachers, confidence, text):
    with pytest.raises(ValueError, match=text):
        ObjectiveOptions.model_validate({"teachers": teachers, "confidence": {"logits": "zero_shot", **confidence}})


def test_the_scale_is_the_one_that_clip_was_trained_with():
    teacher = load_teacher("clip-text", "mini:clip", "cpu")
    assert teacher.logit_scale == pytest.approx(float(teacher.model.logit_scale.detach().exp()))
    assert load_teacher("clip-text", "random:mini:clip", "cpu").logit_scale == pytest.approx(1 / 0.07, rel=1e-3)
