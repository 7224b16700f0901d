"""The joined loss on made-up states and features: by hand, its gradients, its invariances."""

import numpy as np
import pytest
import torch

from madbench.errors import ConfigError
from madbench.models.objective_options import ObjectiveOptions
from madbench.models.objectives.objective import Objective
from madbench.models.objectives.targets import Targets, TermTargets, WordTargets
from madbench.models.students.cross_modal import States
from madbench.models.students.encoding import Batch

WIDTH, CHOICES, EXAMPLES = 3, 2, 3
S = CHOICES * EXAMPLES


def options(**changes):
    teachers = [
        {"kind": "clip-image", "weights": "mini:clip", "weight": 2.0},
        {"kind": "clip-text", "weights": "mini:clip", "weight": 1.0},
    ]
    return ObjectiveOptions.model_validate({"teachers": teachers, "distance": "mse", **changes})


def states(seed=0, double=False):
    values = np.random.default_rng(seed)
    kind = torch.float64 if double else torch.float32
    cls = torch.tensor(values.normal(size=(S, WIDTH)), dtype=kind)
    text = torch.tensor(values.normal(size=(S, 4, WIDTH)), dtype=kind)
    return States(cls, text, torch.zeros(S, 4, dtype=torch.bool), text[:, :2])


def batch(rows=(0, 1, 2)):
    rows = np.array(rows)
    sequences = np.concatenate([np.arange(row * CHOICES, (row + 1) * CHOICES) for row in rows])
    zeros = torch.zeros(len(sequences), 4, dtype=torch.int64)
    return Batch(
        zeros, zeros, zeros, zeros.bool(), None, rows, sequences, torch.tensor([0, 1, 0])[rows], None, rows % 2
    )


def targets(double=False):
    rows = np.random.default_rng(5).normal(size=(S, WIDTH)).astype(np.float32)
    kind = torch.float64 if double else torch.float32
    image = TermTargets(rows[:EXAMPLES], np.repeat(np.arange(EXAMPLES), CHOICES))
    text = TermTargets(rows, np.arange(S))
    return Targets([image, text], [torch.tensor(image.rows, dtype=kind), torch.tensor(text.rows, dtype=kind)])


def objective(chosen):
    """Projections are the identity, so that values can be worked out by hand."""
    module = Objective(chosen, WIDTH, [WIDTH, WIDTH], legs=2)
    for projection in module.projections:
        torch.nn.init.eye_(projection.weight)
        torch.nn.init.zeros_(projection.bias)
    return module


def by_hand(weights=(2.0, 1.0)):
    cls, given = states().cls, targets()
    out = torch.zeros(EXAMPLES)
    for sequence in range(S):
        example = sequence // CHOICES
        image = (cls[sequence] - given.scaled[0][example]).square().mean()
        text = (cls[sequence] - given.scaled[1][sequence]).square().mean()
        out[example] += (weights[0] * image + weights[1] * text) / CHOICES
    return out


def test_the_sum_over_teachers_and_candidates_by_hand():
    value = objective(options())(states(), batch(), targets(), torch.zeros(EXAMPLES, CHOICES), None)
    assert value.tolist() == pytest.approx(by_hand().tolist(), rel=1e-5)


def test_gold_only_leaves_wrong_candidates_without_a_target():
    chosen = objective(options(choices="gold_only"))
    value = chosen(states(), batch(), targets(), torch.zeros(EXAMPLES, CHOICES), None)
    cls, given = states().cls, targets()
    gold = [0, 3, 4]
    for example, sequence in enumerate(gold):
        image = (cls[sequence] - given.scaled[0][example]).square().mean()
        text = (cls[sequence] - given.scaled[1][sequence]).square().mean()
        assert value[example].item() == pytest.approx((2 * image + text).item(), rel=1e-5)


def test_confidence_weighs_each_example_and_each_teacher():
    chosen = options(confidence={"mode": "ratio", "per_teacher": True})
    sure = np.array([[0.5, 0.9, 0.0], [0.5, 0.1, 0.5]])  # the student is at 0.5 everywhere
    value = objective(chosen)(states(), batch(), targets(), torch.zeros(EXAMPLES, CHOICES), sure)
    image_only, text_only = by_hand((2.0, 0.0)), by_hand((0.0, 1.0))
    ratio = sure / (sure + 0.5)
    expected = torch.tensor(ratio[0]) * image_only + torch.tensor(ratio[1]) * text_only
    assert value.tolist() == pytest.approx(expected.tolist(), rel=1e-4)


def test_a_closed_gate_silences_a_teacher_on_its_leg_only():
    module = objective(options())
    module.gates[0, 1] = 0  # the image teacher on the second leg: example 1
    value = module(states(), batch(), targets(), torch.zeros(EXAMPLES, CHOICES), None)
    assert value[0].item() == pytest.approx(by_hand()[0].item(), rel=1e-5)
    assert value[1].item() == pytest.approx(by_hand((0.0, 1.0))[1].item(), rel=1e-5)


def test_the_record_says_which_gates_stayed_open():
    module = objective(options())
    assert module.gates_told(("q2a", "qa2r")) == "gates off 0 of 4"
    module.gates[0, 0] = 0
    assert module.gates_told(("q2a", "qa2r")) == "gates off 1 of 4, on: clip-image qa2r, clip-text q2a, clip-text qa2r"
    module.gates[:] = 0
    assert module.gates_told(("q2a", "qa2r")) == "gates off 4 of 4"
    single = Objective(options(), WIDTH, [WIDTH, WIDTH], legs=1)
    single.gates[0] = 0
    assert single.gates_told(("main",)) == "gates off 1 of 2, on: clip-text"


def test_the_order_of_examples_in_a_batch_does_not_matter():
    module, given = objective(options()), targets()
    forward = module(states(), batch(), given, torch.zeros(EXAMPLES, CHOICES), None)
    turned_states = States(
        *(
            value.view(EXAMPLES, CHOICES, *value.shape[1:]).flip(0).flatten(0, 1)
            for value in (states().cls, states().text, states().text_padding, states().image)
        )
    )
    turned = module(turned_states, batch((2, 1, 0)), given, torch.zeros(EXAMPLES, CHOICES), None)
    assert torch.allclose(forward, turned.flip(0))


def test_gradients_in_double_precision():
    module, given = objective(options(distance="smooth_l1")).double(), targets(double=True)
    start = states(double=True)

    def loss(cls):
        return module(States(cls, start.text, start.text_padding, start.image), batch(), given, None, None)

    assert torch.autograd.gradcheck(loss, (start.cls.clone().requires_grad_(True),))


def with_words(**changes):
    """The text teacher alone, and the words that two sequences' tokens are drawn to: (options, targets)."""
    chosen = options(
        token_selection={"use": "token_targets", "weight": 1.0},
        teachers=[
            {"kind": "clip-image", "weights": "mini:clip", "weight": 0.0},
            {"kind": "clip-text", "weights": "mini:clip", "weight": 1.0},
        ],
        **changes,
    )
    given, nothing = targets(), np.zeros(0, np.int64)
    given.words = WordTargets(
        np.eye(WIDTH, dtype=np.float32),
        words=[np.array([0, 1]), np.array([2]), *[nothing] * (S - 2)],
        places=[np.array([1, 2]), np.array([1, 2, 3]), *[nothing] * (S - 2)],
        of_word=[np.array([0, 1]), np.array([0, 0, 0]), *[nothing] * (S - 2)],
    )
    given.scaled_words = torch.eye(WIDTH)
    return chosen, given


def test_word_targets_by_hand_and_sequences_without_words_cost_nothing():
    """A word of one token is that token's state, a word of three the mean of theirs."""
    chosen, given = with_words()
    value = objective(chosen)(states(), batch(), given, None, None)
    text = states().text
    words = ((text[0, 1] - torch.eye(3)[0]).square().mean() + (text[0, 2] - torch.eye(3)[1]).square().mean()) / 2
    long_word = (text[1, 1:4].mean(0) - torch.eye(3)[2]).square().mean()
    plain = by_hand((0.0, 1.0))
    assert value[0].item() == pytest.approx((plain[0] + (words + long_word) / CHOICES).item(), rel=1e-5)
    assert value[1].item() == pytest.approx(plain[1].item(), rel=1e-5)


def test_gold_only_leaves_words_of_wrong_candidates_without_a_target_too():
    chosen, given = with_words(choices="gold_only")
    logits, start = torch.zeros(EXAMPLES, CHOICES), states()
    moved = start.text.clone()
    moved[1] += 1  # the wrong candidate of the first example
    values = [
        objective(chosen)(States(start.cls, text, start.text_padding, start.image), batch(), given, logits, None)
        for text in (start.text, moved)
    ]
    assert torch.equal(*values)
    moved[0] += 1
    right = objective(chosen)(States(start.cls, moved, start.text_padding, start.image), batch(), given, logits, None)
    assert not torch.equal(values[0], right)


def test_what_stands_in_padded_places_does_not_matter():
    """The text state is a mean over words; padding holds whatever the encoder left there."""
    teachers = [{"kind": "clip-text", "weights": "mini:clip", "weight": 1.0, "state": "text"}]
    chosen = ObjectiveOptions.model_validate({"teachers": teachers, "distance": "mse"})
    module = Objective(chosen, WIDTH, [WIDTH], legs=2)
    given = targets()
    given = Targets(given.terms[1:], given.scaled[1:])
    start, padding = states(), torch.zeros(S, 4, dtype=torch.bool)
    padding[:, 3] = True
    noisy = start.text.clone()
    noisy[:, 3] = 1e3
    values = [
        module(States(start.cls, text, padding, start.image), batch(), given, None, None)
        for text in (start.text, noisy)
    ]
    assert torch.equal(*values)
    longer = [torch.cat([one, torch.full_like(one[:, :1], fill)], 1) for one, fill in ((start.text, 7.0), (padding, 1))]
    more = module(States(start.cls, longer[0], longer[1], start.image), batch(), given, None, None)
    assert torch.allclose(values[0], more)


def permuted(values, order):
    """Candidates of every example in another order."""
    return values.view(EXAMPLES, CHOICES, *values.shape[1:])[:, order].flatten(0, 1)


@pytest.mark.parametrize("choices", ["all", "gold_only"])
def test_the_order_of_candidates_does_not_matter(choices):
    module, given, start = objective(options(choices=choices)), targets(), states()
    order = torch.tensor([1, 0])
    logits = torch.tensor([[0.2, -0.4], [1.0, 0.3], [-2.0, 0.5]])
    sure = np.array([[0.5, 0.9, 0.1], [0.5, 0.1, 0.5]])
    module.options = options(choices=choices, confidence={"mode": "ratio", "per_teacher": True})
    forward = module(start, batch(), given, logits, sure)
    turned_batch = batch()
    turned_batch.targets = 1 - turned_batch.targets
    turned_targets = targets()
    turned_targets.terms[1].of_sequence = permuted(torch.arange(S), order).numpy()
    turned_states = States(*(permuted(one, order) for one in (start.cls, start.text, start.text_padding, start.image)))
    turned = module(turned_states, turned_batch, turned_targets, logits[:, order], sure)
    assert torch.allclose(forward, turned)


def test_weights_of_competing_teachers_by_hand():
    confidence = {"mode": "softmax", "per_teacher": True, "temperature": 1.0}
    sure = np.array([[0.5, 0.9, 0.0], [0.5, 0.1, 0.5]])
    value = objective(options(confidence=confidence))(
        states(), batch(), targets(), torch.zeros(EXAMPLES, CHOICES), sure
    )
    share = np.exp(sure) / np.exp(sure).sum(0)
    expected = torch.tensor(share[0]) * by_hand((2.0, 0.0)) + torch.tensor(share[1]) * by_hand((0.0, 1.0))
    assert value.tolist() == pytest.approx(expected.tolist(), rel=1e-4)


def test_shuffled_weights_are_the_batchs_own_weights():
    sure = np.array([[0.9, 0.1, 0.4], [0.9, 0.1, 0.4]])
    logits = torch.zeros(EXAMPLES, CHOICES)
    weights = {}
    for control in ("none", "shuffled", "mean"):
        module = Objective(options(confidence={"mode": "ratio", "control": control}), WIDTH, [WIDTH, WIDTH], 2, seed=1)
        weights[control] = module._weights(batch(), logits, sure)[0]
    assert sorted(weights["shuffled"].tolist()) == sorted(weights["none"].tolist())
    assert weights["mean"].tolist() == pytest.approx([weights["none"].mean().item()] * 3)


def test_projections_are_linear_or_deeper_or_none():
    assert isinstance(Objective(options(), 3, [5, 5], 1).projections[0], torch.nn.Linear)
    assert Objective(options(projection="mlp"), 3, [5, 5], 1).projections[0](torch.zeros(2, 3)).shape == (2, 5)
    none = Objective(options(projection="none"), 3, [3, 3], 1)
    assert not list(none.parameters())
    with pytest.raises(ConfigError, match="3 numbers, a teacher's features 5"):
        Objective(options(projection="none"), 3, [3, 5], 1)


def test_gradients_reach_the_student_through_every_distance_in_double_precision():
    start, given = states(double=True), targets(double=True)
    logits, sure = torch.zeros(EXAMPLES, CHOICES, dtype=torch.float64), np.full((2, EXAMPLES), 0.7)
    for name in ("cosine", "similarity_kl", "mse"):
        module = objective(options(distance=name, confidence={"mode": "gap"})).double()

        def loss(cls, module=module):
            return module(States(cls, start.text, start.text_padding, start.image), batch(), given, logits, sure)

        assert torch.autograd.gradcheck(loss, (start.cls.clone().requires_grad_(True),)), name
