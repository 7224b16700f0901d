"""The trained module: student, head, objective, and where their batches come from. One class for every variant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from madbench.models.objectives.objective import Objective
from madbench.models.objectives.targets import Targets
from madbench.models.options import FinetuneOptions
from madbench.models.students.cross_modal import ChoiceHead, CrossModalStudent, LabelHead, task_loss
from madbench.models.students.encoding import EncodedSplit, make_batch
from madbench.models.students.pretraining import PretrainingHeads, self_supervised_loss
from madbench.tasks.contract import TaskInfo
from madbench.training.schedule import batch_rows

EVAL_BATCH = 128


class KeptModel(nn.Module):
    """What is kept after training and runs at inference: the student and its head, nothing of any teacher."""

    def __init__(self, student: CrossModalStudent, head: nn.Module, summary: str = "cls"):
        super().__init__()
        self.student = student
        self.head = head
        self.summary = summary

    def forward(self, batch) -> tuple[torch.Tensor, object]:
        states = self.student(batch)
        return self.head(states.named(self.summary), batch.choices), states

    @torch.inference_mode()
    def scores(self, split: EncodedSplit, device: str) -> np.ndarray:
        """float32 [N, choices or labels], in the order of the split; batches by length to spare padding."""
        self.eval()
        order = np.argsort(split.lengths(), kind="stable")
        out: np.ndarray | None = None
        for start in range(0, len(order), EVAL_BATCH):
            rows = order[start : start + EVAL_BATCH]
            logits = self(make_batch(split, rows, 0, device))[0].float().cpu().numpy()
            if out is None:
                out = np.empty((len(order), logits.shape[1]), np.float32)
            out[rows] = logits
        return out


@dataclass
class TrainingData:
    """Labelled split with its targets, and the pool part (for `pool` variants) with its own."""

    split: EncodedSplit
    targets: Targets | None = None
    sure: np.ndarray | None = None
    pool: EncodedSplit | None = None
    pool_targets: Targets | None = None


class FinetuneModule(nn.Module):
    """`training_step(step)` for the loop. Also counts the sequences that went through the student."""

    def __init__(self, kept: KeptModel, objective: Objective | None, heads: PretrainingHeads | None):
        super().__init__()
        self.kept = kept
        self.objective = objective
        self.pretraining = heads
        self.sequences_seen = 0

    def attach(self, data: TrainingData, options: FinetuneOptions, n_answers: int, seed: int, device: str) -> None:
        """Give it the data to train on; kept out of the constructor because a restored model has none."""
        self.data, self.options, self.n_answers = data, options, n_answers
        self.seed, self.device = seed, device

    def training_step(self, step: int) -> torch.Tensor:
        data, objective = self.data, self.options.objective
        rows = batch_rows(step, self.options.training.batch_examples, len(data.split), self.seed)
        batch = make_batch(data.split, rows, self.n_answers, self.device)
        logits, states = self.kept(batch)
        self.sequences_seen += len(batch.sequences)
        loss = task_loss(logits, batch).mean()
        if self.objective is not None and data.targets is not None:
            loss = loss + self.objective(states, batch, data.targets, logits, data.sure).mean()
        if data.pool is not None:
            pool_rows = batch_rows(step, objective.pool_batch_examples, len(data.pool), self.seed + 1)
            pool_batch = make_batch(data.pool, pool_rows, self.n_answers, self.device)
            self.sequences_seen += len(pool_batch.sequences)
            if objective.pool == "self":
                loss = loss + self_supervised_loss(self.kept.student, self.pretraining, pool_batch)
            else:
                pool_states = self.kept.student(pool_batch)
                loss = loss + self.objective(pool_states, pool_batch, data.pool_targets, None, None).mean()
        return loss


def build_head(task: TaskInfo, width: int, split: EncodedSplit | None) -> nn.Module:
    """The head of a task. A label head's bias starts at the log share of each label among the training targets."""
    if task.multiple_choice:
        return ChoiceHead(width)
    prior = None
    if split is not None:
        share = np.full(task.n_choices, 0.1)
        for row, target in enumerate(split.targets):
            if split.soft is not None:
                for label, score in split.soft[row].items():
                    share[label] += score
            else:
                share[target] += 1
        prior = torch.from_numpy(np.log(share / share.sum())).float()
    return LabelHead(width, task.n_choices, prior)
