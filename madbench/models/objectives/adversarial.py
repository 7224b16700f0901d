"""VILLA's adversarial fine-tuning (Gan et al. 2020): losses at perturbed word embeddings and image features.

The perturbation starts at zero and takes `steps` - 1 steps up the gradient of the loss, each of a fixed length. The loss
of every step, divided by their number, is trained on ("free": the backward pass that moves the perturbation is also the
one that trains), with a symmetric KL to the answers without perturbation, whose gradient reaches both sides, as in the
published code (zhegan27/VILLA, train_vqa_adv.py). Where it differs: a picture that several candidates share has one
perturbation (not in visualbert), and every loss of the objective is taken at the perturbed inputs, not the task's alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

import torch

from madbench.models.objective_options import Adversarial
from madbench.models.students.interface import Entrance

SMALLEST_NORM = 1e-8


def symmetric_kl(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """[B, C] logits twice -> [B]: KL(p || q) + KL(q || p), summed over the C answers."""
    one, other = one.log_softmax(1), other.log_softmax(1)
    return ((one.exp() - other.exp()) * (one - other)).sum(1)


def ascended(delta: torch.Tensor, gradient: torch.Tensor, length: float) -> torch.Tensor:
    """A perturbation one step on: each row moves by `length` along its own gradient. Both [B, ...]."""
    norm = gradient.flatten(1).norm(dim=1).clamp(min=SMALLEST_NORM)
    return (delta + length * gradient / norm.view(-1, *[1] * (gradient.dim() - 1))).detach()


@contextmanager
def perturbed(entrances: Mapping[str, Entrance], change: Callable[[str, torch.Tensor], torch.Tensor]) -> Iterator[None]:
    """Inside, `change(modality, value)` is what the student reads in the place of each value."""
    with ExitStack() as hooks:
        for name, (module, side) in entrances.items():
            if side == "output":
                handle = module.register_forward_hook(lambda _, __, value, name=name: change(name, value))
            else:
                handle = module.register_forward_pre_hook(
                    lambda _, given, name=name: (change(name, given[0]), *given[1:])
                )
            hooks.callback(handle.remove)
        yield


def adversarial_loss(
    options: Adversarial,
    entrances: Mapping[str, Entrance],
    forward: Callable[[], tuple[torch.Tensor, torch.Tensor]],
    mean: Callable[[torch.Tensor], torch.Tensor],
    parameters: Iterable[torch.Tensor],
) -> torch.Tensor:
    """A scalar whose value and gradient are those of the mean over the steps of loss + kl_weight x KL.

    entrances: by modality, of the student. forward: (loss, logits [B, C]) at the inputs as they then are. mean: [B] to
    a scalar, as the loss is reduced. parameters: all that the loss depends on.
    """
    entrances = {name: entrances[name] for name in options.modalities}
    deltas: dict[str, torch.Tensor] = {}

    def note(name: str, value: torch.Tensor) -> torch.Tensor:
        # Steps are far smaller than what half precision tells apart.
        deltas[name] = torch.zeros_like(value, dtype=torch.promote_types(value.dtype, torch.float32))
        return value

    with perturbed(entrances, note):
        clean = forward()[1]
    # The clean pass has one backward, with all steps' gradients together: they are gathered on a leaf in its place.
    held = clean.detach().requires_grad_()
    trained = [one for one in parameters if one.requires_grad]
    sums: list[torch.Tensor | None] = [None] * (1 + len(trained))
    earlier = 0.0
    for step in range(options.steps):
        last = step + 1 == options.steps
        moving = {name: delta.requires_grad_(not last) for name, delta in deltas.items()}
        with perturbed(entrances, lambda name, value, moving=moving: value + moving[name].to(value.dtype)):
            loss, logits = forward()
        loss = (loss + options.kl_weight * mean(symmetric_kl(logits, clean if last else held))) / options.steps
        if last:
            break
        wanted = [*moving.values(), held, *trained]
        gradients = torch.autograd.grad(loss, wanted, allow_unused=True)
        for place, gradient in enumerate(gradients[len(moving) :]):
            if gradient is not None:
                sums[place] = gradient if sums[place] is None else sums[place] + gradient
        deltas = {
            name: delta.detach() if own is None else ascended(delta, own, options.learning_rate)
            for (name, delta), own in zip(moving.items(), gradients, strict=False)
        }
        earlier = earlier + loss.detach()
    # Worth nothing, but its gradient is what the earlier steps left: whoever calls backward needs to know of one loss.
    carried = [(total * own).sum() for total, own in zip(sums, [clean, *trained], strict=True) if total is not None]
    for one in carried:
        loss = loss + (one - one.detach())
    return loss + earlier
