"""The loss that joins student and teachers: one module for naive KD, CLIP-TD and MAD; the YAML tells them apart.

L_i = sum over teachers m of  weight_m x w_m(i) x gate_m(leg of i) x mean over candidates of d(P_m(h), f_m)

(docs/method.md). That several unimodal teachers are distilled, weighted dynamically per instance on adaptively
selected tokens, is stated by the abstracts (M1, M4); the formula is our reading. The projections P_m and every teacher
are dropped after training, so inference costs what the student costs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from madbench.errors import ConfigError
from madbench.models.objective_options import ObjectiveOptions
from madbench.models.objectives.confidence import all_weights, shuffled_order
from madbench.models.objectives.distances import distance
from madbench.models.objectives.targets import Targets
from madbench.models.students.cross_modal import right_probability
from madbench.models.students.encoding import Batch
from madbench.models.students.interface import States


class Objective(nn.Module):
    """Holds the projections and the gates (1 on, 0 off; [teachers, legs], part of the saved state).

    width: of the student's states. dimensions: of each teacher's features. seed: of what confidence control `shuffled`
    draws. Raises ConfigError for projection `none` between different widths.
    """

    def __init__(
        self,
        options: ObjectiveOptions,
        width: int,
        dimensions: list[int],
        legs: int,
        summary: str = "cls",
        seed: int = 0,
    ):
        super().__init__()
        self.options = options
        self.seed = seed
        self.states = [summary if teacher.state == "summary" else teacher.state for teacher in options.teachers]
        self.projections = nn.ModuleList(_projection(options.projection, width, size) for size in dimensions)
        self.register_buffer("gates", torch.ones(len(dimensions), legs))

    def forward(
        self, states: States, batch: Batch, targets: Targets, logits: torch.Tensor | None, sure: np.ndarray | None
    ) -> torch.Tensor:
        """Distillation loss per example, [B].

        logits: the student's, None on unlabelled examples (then every weight is 1). sure: float [teachers, N] the
        teachers' cross-fitted probability of the right answer, None when no confidence is used.
        """
        total = torch.zeros(len(batch.examples), device=states.cls.device)
        legs = torch.from_numpy(batch.legs).to(total.device)
        weights = self._weights(batch, logits, sure)
        for place, option in enumerate(self.options.teachers):
            projected = self.projections[place](states.named(self.states[place]))
            rows = targets.terms[place].of_sequence[batch.sequences]
            wanted = targets.scaled[place][torch.from_numpy(rows).to(total.device)]
            loss = self._over_choices(self._distance(projected, wanted), batch, logits)
            if option.kind == "clip-text" and targets.words is not None:
                loss = loss + self.options.token_selection.weight * self._words(states, batch, targets, place, logits)
            total = total + option.weight * weights[place] * self.gates[place][legs] * loss
        return total

    def gates_told(self, legs: Sequence[str]) -> str:
        """`gates off 4 of 6, on: clip-image qa2r, clip-text qa2r`; legs are named where a task has several."""
        on = [
            teacher.kind if len(legs) == 1 else f"{teacher.kind} {leg}"
            for teacher, row in zip(self.options.teachers, self.gates.tolist(), strict=True)
            for leg, gate in zip(legs, row, strict=True)
            if gate
        ]
        off = self.gates.numel() - len(on)
        return f"gates off {off} of {self.gates.numel()}" + (f", on: {', '.join(on)}" if on and off else "")

    def _distance(self, projected: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        return distance(self.options.distance, projected, wanted, self.options.similarity_temperature)

    def _weights(self, batch: Batch, logits, sure) -> torch.Tensor | list[float]:
        """Per teacher its weight of each example, [teachers, B]."""
        if logits is None or sure is None:
            return [1.0] * len(self.projections)
        teachers = torch.from_numpy(sure[:, batch.examples]).float().to(logits.device)
        confidence, order = self.options.confidence, None
        if confidence.control == "shuffled":
            order = torch.from_numpy(shuffled_order(batch.examples, self.seed)).to(logits.device)
        return all_weights(confidence, teachers, right_probability(logits, batch), order)

    def _over_choices(self, loss: torch.Tensor, batch: Batch, logits) -> torch.Tensor:
        loss = loss.view(len(batch.examples), -1)  # [B, C]
        if self.options.choices == "gold_only" and loss.shape[1] > 1 and logits is not None:
            return loss.gather(1, batch.targets.unsqueeze(1)).squeeze(1)
        return loss.mean(1)

    def _words(self, states: States, batch: Batch, targets: Targets, place: int, logits) -> torch.Tensor:
        """Mean distance over the selected words of an example's sequences, [B]; 0 where none was selected.

        The state of a word is the mean over its tokens.
        """
        given, device = targets.words, states.cls.device
        words = [given.words[sequence] for sequence in batch.sequences]
        places = [given.places[sequence] for sequence in batch.sequences]
        counts = np.array([len(one) for one in words])
        if not counts.sum():
            return self._over_choices(torch.zeros(len(counts), device=device), batch, logits)
        before = np.cumsum(counts) - counts
        of_word = np.concatenate([given.of_word[one] + at for one, at in zip(batch.sequences, before, strict=True)])
        of_sequence = np.repeat(np.arange(len(counts)), counts)
        rows = np.repeat(np.arange(len(places)), [len(one) for one in places])

        def there(array: np.ndarray) -> torch.Tensor:
            return torch.from_numpy(array).to(device)

        tokens = states.text[there(rows), there(np.concatenate(places))]  # [tokens, W]
        tokens = tokens * there(1 / np.bincount(of_word)[of_word]).to(tokens).unsqueeze(1)
        spoken = tokens.new_zeros(len(of_sequence), tokens.shape[1]).index_add(0, there(of_word), tokens)  # [words, W]
        loss = self._distance(self.projections[place](spoken), targets.scaled_words[there(np.concatenate(words))])
        loss = loss * there(1 / counts[of_sequence]).to(loss)
        return self._over_choices(loss.new_zeros(len(counts)).index_add(0, there(of_sequence), loss), batch, logits)


def _projection(kind: str, width: int, size: int) -> nn.Module:
    if kind == "linear":
        return nn.Linear(width, size)
    if kind == "mlp":
        return nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, size))
    if width != size:
        raise ConfigError(
            f"projection none: the student's states have {width} numbers, a teacher's features {size}",
            fix="set objective.projection: linear",
        )
    return nn.Identity()
