"""The loss that joins student and teachers: one module for naive KD, CLIP-TD and MAD; the YAML tells them apart.

L_i = sum over teachers m of  weight_m x w_m(i) x gate_m(leg of i) x mean over candidates of d(P_m(h), f_m)

(specs/mad.md 2.3 (1)-(4)). That several unimodal teachers are distilled, weighted dynamically per instance on adaptively
selected tokens, is stated by the abstracts (M1, M4); the formula is our reading. The projections P_m and every teacher
are dropped after training, so inference costs what the student costs.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from madbench.models.objectives.confidence import confidence_weight
from madbench.models.objectives.distances import distance
from madbench.models.objectives.targets import Targets
from madbench.models.options import ObjectiveOptions
from madbench.models.students.cross_modal import right_probability
from madbench.models.students.encoding import Batch
from madbench.models.students.interface import States


class Objective(nn.Module):
    """Holds the projections and the gates (1 on, 0 off; [teachers, legs], part of the saved state)."""

    def __init__(self, options: ObjectiveOptions, width: int, dimensions: list[int], legs: int, summary: str = "cls"):
        super().__init__()
        self.options = options
        self.states = [summary if teacher.state == "summary" else teacher.state for teacher in options.teachers]
        self.projections = nn.ModuleList(nn.Linear(width, size) for size in dimensions)
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
        for place, option in enumerate(self.options.teachers):
            projected = self.projections[place](states.named(self.states[place]))
            rows = targets.terms[place].of_sequence[batch.sequences]
            wanted = targets.scaled[place][torch.from_numpy(rows).to(total.device)]
            loss = self._over_choices(distance(self.options.distance, projected, wanted), batch, logits)
            if option.kind == "clip-text" and targets.words is not None:
                loss = loss + self.options.token_selection.weight * self._words(states, batch, targets, place)
            weight = self._weight(place, batch, logits, sure)
            total = total + option.weight * weight * self.gates[place][legs] * loss
        return total

    def _weight(self, place: int, batch: Batch, logits, sure) -> torch.Tensor | float:
        if logits is None or sure is None:
            return 1.0
        teacher = torch.from_numpy(sure[place][batch.examples]).float().to(logits.device)
        return confidence_weight(self.options.confidence, teacher, right_probability(logits, batch))

    def _over_choices(self, loss: torch.Tensor, batch: Batch, logits) -> torch.Tensor:
        loss = loss.view(len(batch.examples), -1)  # [B, C]
        if self.options.choices == "gold_only" and loss.shape[1] > 1 and logits is not None:
            return loss.gather(1, batch.targets.unsqueeze(1)).squeeze(1)
        return loss.mean(1)

    def _words(self, states: States, batch: Batch, targets: Targets, place: int) -> torch.Tensor:
        """Mean distance over the selected words of each example's sequences, [B]; 0 where none was selected."""
        counts = [len(targets.words.places[sequence]) for sequence in batch.sequences]
        rows = np.repeat(np.arange(len(counts)), counts)
        columns = np.concatenate([targets.words.places[sequence] for sequence in batch.sequences])
        words = np.concatenate([targets.words.words[sequence] for sequence in batch.sequences])
        device = states.cls.device
        out = torch.zeros(len(counts), device=device)
        if not len(rows):
            return out.view(len(batch.examples), -1).mean(1)
        row_index = torch.from_numpy(rows).to(device)
        projected = self.projections[place](states.text[row_index, torch.from_numpy(columns).to(device)])
        wanted = targets.scaled_words[torch.from_numpy(words).to(device)]
        loss = distance(self.options.distance, projected, wanted)
        share = torch.tensor([1 / count if count else 0.0 for count in counts], device=device)
        out = out.index_add(0, row_index, loss * share[row_index])
        return out.view(len(batch.examples), -1).mean(1)
