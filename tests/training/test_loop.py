import pytest
import torch
from torch import nn

from madbench.errors import MadbenchError
from madbench.training.loop import Hooks, LoopOptions, train


class Regression(nn.Module):
    """Learns y = sum(x); dropout makes the random generator matter."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.layers = nn.Sequential(nn.Linear(4, 16), nn.Dropout(0.2), nn.Linear(16, 1))
        self.bad_from = None

    def training_step(self, step):
        if self.bad_from is not None and step >= self.bad_from:
            return self.layers[0].weight.sum() * float("nan")
        inputs = torch.linspace(-1, 1, 32).view(8, 4) * (step % 3 + 1)
        return (self.layers(inputs).squeeze(1) - inputs.sum(1)).square().mean()


OPTIONS = LoopOptions(updates=20, learning_rate=1e-2, seed=0)


def weights(module):
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


def test_a_resumed_run_ends_bit_for_bit_like_an_uninterrupted_one():
    straight = Regression()
    train(straight, OPTIONS, Hooks())
    saved = []
    first = Regression()
    train(first, OPTIONS, Hooks(evaluate_at=[7], save=saved.append))
    resumed = Regression()
    torch.manual_seed(999)
    train(resumed, OPTIONS, Hooks(), state=saved[0])
    assert saved[0]["step"] == 7
    assert torch.equal(weights(straight), weights(resumed))


def test_evaluating_does_not_change_the_training():
    plain, watched = Regression(), Regression()
    train(plain, OPTIONS, Hooks())
    train(watched, OPTIONS, Hooks(evaluate_at=[5, 10, 20], evaluate=lambda step: torch.rand(step)))
    assert torch.equal(weights(plain), weights(watched))


def test_seed_zero_repeats_and_differs_from_seed_one():
    runs = []
    for seed in (0, 0, 1):
        module = Regression()
        train(module, LoopOptions(updates=20, learning_rate=1e-2, seed=seed), Hooks())
        runs.append(weights(module))
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


@pytest.mark.parametrize("clip", [1e-3, None])
def test_adams_epsilon_and_the_clip_are_what_the_options_say(clip):
    """One update of AdamW without decay moves a weight by learning_rate * g / (|g| + epsilon), g after clipping."""

    class Slope(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

        def training_step(self, step):
            return (self.weight * 0.5).sum()

    module = Slope()
    options = LoopOptions(updates=1, learning_rate=1.0, warmup=0.0, weight_decay=0.0, gradient_clip=clip, epsilon=0.25)
    train(module, options, Hooks())
    gradient = 0.5 if clip is None else clip
    assert module.weight.item() == pytest.approx(-gradient / (gradient + 0.25), rel=1e-3)


def test_a_loss_that_is_not_a_number_stops_the_run_and_names_the_update():
    module = Regression()
    module.bad_from = 4
    with pytest.raises(MadbenchError, match="update 5 of 20"):
        train(module, OPTIONS, Hooks())
