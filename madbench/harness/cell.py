"""A cell: one training, scored on all its conditions. Its identity is content, never a path, host or device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from madbench.files import sha256_of
from madbench.harness.audit import exposure
from madbench.harness.data import Digest
from madbench.models.spec import ModelSpec
from madbench.models.weight_references import names_by_content, renamed
from madbench.protocols.schema import Protocol
from madbench.registry import TASKS
from madbench.tasks.sources import Source


@dataclass(frozen=True)
class Cell:
    """What to train and score.

    digest: of the data (`harness.data.digest`). weights: name -> sha256 of the initial weights the spec names.
    uses_select: False when the model is fitted on train + select. notes: marks for the record, e.g. options set.
    precision: `fp32`, `bf16` or `fp16`. code: sha256 of the adapter's source file, None for a built-in one.
    """

    spec: ModelSpec
    protocol: Protocol
    task: str
    draw: int
    seed: int
    source: Source
    digest: Digest
    weights: Mapping[str, str]
    uses_select: bool
    limit: int | None = None
    notes: tuple[str, ...] = ()
    precision: str = "fp32"
    code: str | None = None

    @cached_property
    def names(self) -> dict[str, str]:
        """Name of weights -> what it is called in identities and records: a local place by its content."""
        return names_by_content(self.spec.options, self.weights)

    @cached_property
    def identified(self) -> ModelSpec:
        """The spec with what lies on this machine named by its content, as identities and records have it."""
        return replace(self.spec, options=renamed(self.spec.options, self.names))

    @cached_property
    def train_id(self) -> str:
        """Hex sha256 of everything that decides the trained model."""
        task = TASKS.load(self.task)
        # Only where it is closed: a vocabulary of the training rows follows from them.
        closed = {"vocabulary": self.digest["vocabulary"]["sha256"]} if "vocabulary" in self.digest else {}
        return sha256_of(
            {
                "spec": self.identified.hash,
                "task": self.task,
                "input": [task.input_convention, self.protocol.text_rendering],
                "data": self.digest["train_fingerprint"],
                "train": self.digest["train"]["sha256"],
                "select": None if self.digest["select"] is None else self.digest["select"]["sha256"],
                "uses_select": self.uses_select,
                "budget": self.protocol.budget[self.task].examples_seen,
                "eval_points": self.protocol.eval_points,
                "seed": self.seed,
                "weights": {self.names.get(name, name): identity for name, identity in self.weights.items()},
                **closed,
                # What ships with madbench has its version; other people's code is what its file holds.
                **({} if self.code is None else {"code": self.code}),
                # Other numbers make another model; the default is left out, so that identities stay.
                **({} if self.precision == "fp32" else {"precision": self.precision}),
            }
        )

    @cached_property
    def exposure(self) -> list[dict[str, Any]]:
        """What the data that the initial weights saw gives away of each condition (`harness.audit.exposure`)."""
        return exposure(self.task, self.source.kind, self.spec.seen, self.digest["conditions"])

    @cached_property
    def run_id(self) -> str:
        """Hex sha256 of the training and of what it is scored on."""
        return sha256_of(
            {
                "train_id": self.train_id,
                "protocol": self.protocol.task_hash(self.task),
                "name": self.protocol.id,
                "draw": self.draw,
                "data": self.digest["fingerprint"],
                "conditions": [one["content"] for one in self.digest["conditions"]],
                "limit": self.limit,
            }
        )

    @property
    def path(self) -> str:
        """The cell's folder below the out folder."""
        name = f"{self.source.kind}-d{self.draw}-s{self.seed}-{self.run_id[:8]}"
        return f"{self.spec.name}/{self.protocol.id}/{self.task}/{name}"

    @property
    def label(self) -> str:
        return f"{self.spec.name} {self.protocol.id} {self.task} draw {self.draw} seed {self.seed}"
