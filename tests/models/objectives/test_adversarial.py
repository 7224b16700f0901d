"""VILLA's loss on small modules: what it is worth, its gradient against plain accumulation, what it moves."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from madbench.models.objective_options import Adversarial
from madbench.models.objectives.adversarial import adversarial_loss, ascended, perturbed, symmetric_kl
from madbench.models.students.interface import Entrance

TARGETS = torch.tensor([0, 2, 1])
IDS = torch.tensor([[1, 2], [3, 1], [0, 2]])
PIXELS = torch.tensor([[0.3, -0.2], [0.9, 0.1], [-0.5, 0.4]], dtype=torch.float64)


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(4, 5)
        self.look = nn.Linear(2, 5)
        self.head = nn.Linear(5, 3)

    def forward(self):
        return self.head(torch.tanh(self.words(IDS).sum(1) + self.look(PIXELS)))

    def entrances(self):
        return {"text": Entrance(self.words, "output"), "image": Entrance(self.look, "input")}


@pytest.fixture
def small():
    torch.manual_seed(0)
    return Small().double()


def loss_and_logits(small):
    logits = small()
    return functional.cross_entropy(logits, TARGETS), logits


def value(small, **options):
    options = Adversarial.model_validate({"steps": 3, "learning_rate": 0.5, "kl_weight": 1.5, **options})
    own = small.parameters()
    return adversarial_loss(options, small.entrances(), lambda: loss_and_logits(small), torch.mean, own)


def accumulated(small, steps=3, learning_rate=0.5, kl_weight=1.5):
    """The published loop, plainly: one backward a step, gradients piling up on the parameters."""
    small.zero_grad()
    clean = small()
    words, look = torch.zeros(3, 2, 5).double(), torch.zeros(3, 2).double()
    total = 0.0
    for _ in range(steps):
        words, look = words.detach().requires_grad_(), look.detach().requires_grad_()
        hidden = (small.words(IDS) + words).sum(1) + small.look(PIXELS + look)
        logits = small.head(torch.tanh(hidden))
        p, q = logits.softmax(1), clean.softmax(1)
        kl = ((p * (p / q).log()).sum(1) + (q * (q / p).log()).sum(1)).mean()
        loss = (functional.cross_entropy(logits, TARGETS) + kl_weight * kl) / steps
        loss.backward(retain_graph=True)
        total += loss.item()
        words = words + learning_rate * words.grad / words.grad.flatten(1).norm(dim=1).view(-1, 1, 1)
        look = look + learning_rate * look.grad / look.grad.norm(dim=1, keepdim=True)
    return total, [one.grad.clone() for one in small.parameters()]


def test_value_and_gradient_are_those_of_plain_accumulation_over_the_steps(small):
    expected, gradients = accumulated(small)
    small.zero_grad()
    loss = value(small)
    loss.backward()
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    for one, wanted in zip(small.parameters(), gradients, strict=True):
        assert torch.allclose(one.grad, wanted, rtol=1e-10, atol=1e-12)


def test_one_step_is_the_loss_at_the_unchanged_inputs(small):
    assert value(small, steps=1).item() == pytest.approx(loss_and_logits(small)[0].item())


def test_more_steps_make_the_task_harder(small):
    assert value(small, kl_weight=0.0) > loss_and_logits(small)[0]


def test_only_the_named_modality_moves(small):
    both, text = value(small), value(small, modalities=["text"])
    image = value(small, modalities=["image"])
    assert len({round(one.item(), 9) for one in (both, text, image)}) == 3


def test_the_student_is_as_before_afterwards(small):
    before = small()
    value(small).backward()
    assert torch.equal(before, small())
    assert not small.words._forward_hooks and not small.look._forward_pre_hooks


def test_hooks_are_gone_even_after_an_error(small):
    with pytest.raises(RuntimeError), perturbed(small.entrances(), lambda name, value: value):
        raise RuntimeError
    assert not small.words._forward_hooks


def test_symmetric_kl_by_hand():
    one, other = torch.tensor([[0.8, 0.2]]).log(), torch.tensor([[0.5, 0.5]]).log()
    expected = 0.8 * torch.log(torch.tensor(1.6)) + 0.2 * torch.log(torch.tensor(0.4))
    expected += 0.5 * torch.log(torch.tensor(0.625)) + 0.5 * torch.log(torch.tensor(2.5))
    assert symmetric_kl(one, other).item() == pytest.approx(expected.item(), rel=1e-5)
    assert symmetric_kl(one, one).item() == pytest.approx(0.0, abs=1e-7)
    assert symmetric_kl(one, other).item() == pytest.approx(symmetric_kl(other, one).item(), rel=1e-6)


def test_symmetric_kl_gradients_in_double_precision():
    values = torch.tensor([[0.2, -1.0, 0.4], [1.0, 0.0, 0.3]], dtype=torch.float64)
    one, other = values.clone().requires_grad_(), values.flip(0).clone().requires_grad_()
    assert torch.autograd.gradcheck(symmetric_kl, (one, other))


def test_each_row_moves_by_the_same_length_and_one_without_gradient_stays():
    gradient = torch.tensor([[[3.0, 4.0]], [[0.0, 0.0]], [[0.0, 0.001]]])
    moved = ascended(torch.zeros(3, 1, 2), gradient, 0.5)
    assert torch.allclose(moved, torch.tensor([[[0.3, 0.4]], [[0.0, 0.0]], [[0.0, 0.5]]]))
