"""The trained module: student, head, objective, and where their batches come from. One class for every variant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from madbench.models.objectives.adversarial import adversarial_loss
from madbench.models.objectives.objective import Objective
from madbench.models.objectives.stages import stage_at
from madbench.models.objectives.targets import Targets
from madbench.models.options import FinetuneOptions
from madbench.models.students.cross_modal import ChoiceHead, CrossModalStudent, LabelHead, task_loss
from madbench.models.students.encoding import Batch, EncodedSplit, make_batch
from madbench.models.students.image_inputs import PixelArray, RegionInputs
from madbench.models.students.pretraining import PretrainingHeads, self_supervised_loss
from madbench.tasks.contract import TaskInfo
from madbench.training.batching import ExampleBatches, GlobalBatch, TokenBatches
from madbench.training.prefetch import Prefetcher

# Examples predicted at once. What a CPU works on should fit into its caches.
EVAL_BATCH = {"cpu": 16, "other": 128}
AHEAD = 4
TRAIN, POOL = "train", "pool"


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
    def scores(self, split: EncodedSplit, device: str, precision: str = "fp32") -> np.ndarray:
        """float32 [N, choices or labels], in the order of the split; batches by length to spare padding."""
        self.eval()
        kind = torch.device(device).type
        size = EVAL_BATCH.get(kind, EVAL_BATCH["other"])
        order = np.argsort(split.lengths(), kind="stable")
        rows = [order[start : start + size] for start in range(0, len(order), size)]
        out: np.ndarray | None = None
        low = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision)
        ahead = batches_ahead(split, device)
        with (
            Prefetcher(lambda place: make_batch(split, rows[place], 0), 0, len(rows), ahead) as made,
            torch.autocast(kind, low, enabled=low is not None),
            _attention_as_in_training(),
        ):
            for own, batch in zip(rows, made, strict=True):
                if kind != "cpu":
                    batch = moved(batch, lambda tensor: tensor.to(device))
                logits = self(batch)[0].float().cpu().numpy()
                if out is None:
                    out = np.empty((len(order), logits.shape[1]), np.float32)
                out[own] = logits
        return out


@contextmanager
def _attention_as_in_training() -> Iterator[None]:
    """Without the fused layer that torch has for inference: on CPUs it takes a third longer than its parts."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def batches_ahead(split: EncodedSplit, device: str) -> int:
    """How many batches are worth making ahead: none where all is in memory and the device is the CPU itself."""
    in_memory = split.images is None or isinstance(split.images, PixelArray)
    return 0 if in_memory and device == "cpu" else AHEAD


@dataclass
class TrainingData:
    """Labelled split with its targets, and the pool part (for `pool` variants) with its own."""

    split: EncodedSplit
    targets: Targets | None = None
    sure: np.ndarray | None = None
    pool: EncodedSplit | None = None
    pool_targets: Targets | None = None


class Prepared(NamedTuple):
    """A part of one stream of update `step`, collated. rows: of the part, may be 0; total: of the update."""

    step: int
    stream: str
    batch: Batch
    rows: int
    total: int


class FinetuneModule(nn.Module):
    """What the loop trains: it says which rows an update sees, collates parts of them, and turns a part into a loss."""

    def __init__(self, kept: KeptModel, objective: Objective | None, heads: PretrainingHeads | None):
        super().__init__()
        self.kept = kept
        self.objective = objective
        self.pretraining = heads

    def attach(
        self, data: TrainingData, options: FinetuneOptions, n_answers: int, seed: int, device: str, updates: int = 0
    ) -> None:
        """Give it the data to train on; kept out of the constructor because a restored model has none.

        updates: how many there will be; stages are shares of them.
        """
        self.data, self.options, self.n_answers = data, options, n_answers
        self.device, self.updates = device, updates
        self.batches = batches_over(data.split, options, seed)
        self._splits = {TRAIN: data.split}
        if data.pool is not None:
            self._splits[POOL] = data.pool
            self.pool_batches = ExampleBatches(len(data.pool), options.objective.pool_batch_examples, seed + 1)
        self._costs = {name: split.lengths() for name, split in self._splits.items()}

    @property
    def passes(self) -> int:
        """How often the student reads each labelled sequence of an update."""
        objective = self.options.objective
        clean_and_perturbed = 1 + objective.adversarial.steps
        return clean_and_perturbed + any(stage.self_supervised for stage in objective.stages)

    def batch(self, step: int) -> GlobalBatch:
        rows = {TRAIN: self.batches.rows(step)}
        if POOL in self._splits:
            rows[POOL] = self.pool_batches.rows(step)
        return GlobalBatch(rows, {name: self._costs[name][own] for name, own in rows.items()}, step=step)

    def largest(self, examples: int) -> GlobalBatch:
        """The longest examples, regions included, and with them the share of the pool that such a piece would have."""
        rows = {TRAIN: _longest(sequence_lengths(self._splits[TRAIN]), examples)}
        if POOL in self._splits:
            share = examples * self.pool_batches.size / self.options.training.batch_examples
            rows[POOL] = _longest(sequence_lengths(self._splits[POOL]), max(1, round(share)))
        return GlobalBatch(rows)

    def prepare(self, part: GlobalBatch) -> list[Prepared]:
        prepared = []
        for name, rows in part.rows.items():
            # A process without rows still takes part in every update, with a loss that weighs nothing.
            own = rows if len(rows) else np.zeros(1, np.int64)
            batch = make_batch(self._splits[name], own, self.n_answers)
            if self.device.startswith("cuda"):
                batch = moved(batch, torch.Tensor.pin_memory)
            prepared.append(Prepared(part.step, name, batch, len(rows), part.totals[name]))
        return prepared

    def forward(self, prepared: list[Prepared]) -> torch.Tensor:
        loss = None
        for each in prepared:
            batch = each.batch
            if not self.device.startswith("cpu"):
                batch = moved(batch, lambda tensor: tensor.to(self.device, non_blocking=True))
            for term in self._terms(each, batch):
                loss = term if loss is None else loss + term
        return loss

    def _terms(self, each: Prepared, batch: Batch) -> Iterator[torch.Tensor]:
        """Scalars. Sums over the part, divided by the rows of the whole update: parts add up to the mean."""
        data, objective = self.data, self.options.objective
        share = 1.0 if each.rows else 0.0
        stage = stage_at(objective.stages, each.step, self.updates)
        if each.stream == TRAIN:
            if objective.adversarial.steps:
                yield self._adversarial(each, batch)
            else:
                yield from self._labelled(each, batch)[0]
            if any(one.self_supervised for one in objective.stages):
                loss = self_supervised_loss(self.kept.student, self.pretraining, batch)
                yield each.rows / each.total * stage.self_supervised * loss
        elif objective.pool == "self":
            # A mean over masked words and patches: it counts by the share of examples.
            yield each.rows / each.total * self_supervised_loss(self.kept.student, self.pretraining, batch)
        else:
            states = self.kept.student(batch)
            loss = self.objective(states, batch, data.pool_targets, None, None).sum() / each.total
            yield share * stage.distillation * loss

    def _labelled(self, each: Prepared, batch: Batch) -> tuple[list[torch.Tensor], torch.Tensor]:
        """The terms of labelled examples, as `_terms` yields them, and their logits."""
        data, share = self.data, 1.0 if each.rows else 0.0
        # A factor of 0 is multiplied, not left out: data parallel wants every parameter in every update.
        stage = stage_at(self.options.objective.stages, each.step, self.updates)
        logits, states = self.kept(batch)
        logits = logits.float()
        terms = [share * stage.task * (task_loss(logits, batch).sum() / each.total)]
        if self.objective is not None and data.targets is not None:
            loss = self.objective(states, batch, data.targets, logits, data.sure).sum() / each.total
            terms.append(share * stage.distillation * loss)
        return terms, logits

    def _adversarial(self, each: Prepared, batch: Batch) -> torch.Tensor:
        share = 1.0 if each.rows else 0.0

        def forward() -> tuple[torch.Tensor, torch.Tensor]:
            terms, logits = self._labelled(each, batch)
            return sum(terms[1:], terms[0]), logits

        def mean(values: torch.Tensor) -> torch.Tensor:
            return share * (values.sum() / each.total)

        options = self.options.objective.adversarial
        return adversarial_loss(options, self.kept.student.entrances(), forward, mean, self.parameters())


def moved(batch: Batch, move: Callable[[torch.Tensor], torch.Tensor]) -> Batch:
    """A batch with `move` done to its tensors."""
    tensors = {one.name: getattr(batch, one.name) for one in fields(batch)}
    return replace(batch, **{name: move(one) for name, one in tensors.items() if isinstance(one, torch.Tensor)})


def batches_over(split: EncodedSplit, options: FinetuneOptions, seed: int) -> ExampleBatches | TokenBatches:
    """The batches of the labelled examples, by number of examples or by tokens."""
    training = options.training
    if training.batch_tokens is None:
        return ExampleBatches(len(split), training.batch_examples, seed)
    return TokenBatches(token_lengths(split, options), budget_tokens=training.batch_tokens, seed=seed)


def sequence_lengths(split: EncodedSplit) -> np.ndarray:
    """int64 [N]: the longest sequence of each example in tokens, with its regions. Patches are as many in every one."""
    lengths = split.lengths()
    return lengths + split.images.counts()[split.image] if isinstance(split.images, RegionInputs) else lengths


def token_lengths(split: EncodedSplit, options: FinetuneOptions) -> np.ndarray:
    """int64 [N, 2]: text and image tokens of each example, all its sequences together."""
    student, sequences = options.student, np.diff(split.first)
    image = np.zeros(len(split), np.int64)
    if isinstance(split.images, RegionInputs):
        image = split.images.counts()[split.image]
    elif split.images is not None:
        image += (student.image_size // student.patch_size) ** 2
    return np.stack([split.lengths() * sequences, image * sequences], 1)


def _longest(lengths: np.ndarray, count: int) -> np.ndarray:
    """The rows of the `count` longest, the longest again where there are fewer."""
    return np.resize(np.argsort(-lengths, kind="stable")[:count], count)


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
