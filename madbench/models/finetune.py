"""The `finetune` adapter: plain fine-tuning, naive KD, CLIP-TD, MAD and their controls, told apart by options only."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from madbench.models.adapter import Account, ModelAdapter
from madbench.models.confidence_probes import ConfidenceProbes, refuse_zero_shot_labels
from madbench.models.finetune_gates import GateTrial, gate_by_cross_fit, gate_by_select, gates_story
from madbench.models.finetune_module import (
    FinetuneModule,
    KeptModel,
    TrainingData,
    batches_ahead,
    batches_over,
    build_head,
)
from madbench.models.objectives.objective import Objective
from madbench.models.objectives.targets import TargetBuilder
from madbench.models.options import PRECISIONS, FinetuneOptions
from madbench.models.students import parameters_of, student_kind
from madbench.models.students.clip_features import refuse_small_pictures
from madbench.models.students.encoding import EncodedSplit, encode_split, texts_of
from madbench.models.students.tokens import Tokenizer, tokenizer_from
from madbench.models.teachers import load_teacher
from madbench.models.teachers.features import FeatureStore
from madbench.models.weight_references import identity_of, references
from madbench.tasks.contract import Example, Split
from madbench.training.batching import ExampleBatches, TokenBatches
from madbench.training.loop import Hooks, LoopOptions, Ran, train
from madbench.training.schedule import batch_rows, evaluation_steps, examples_to_see


class Finetune(ModelAdapter):
    """One student class, one loop, one objective module."""

    needs = frozenset({"image", "text"})
    options = FinetuneOptions
    precisions = PRECISIONS["finetune"]
    data_parallel = True

    def __init__(self, spec, task, context):
        super().__init__(spec, task, context)
        chosen = FinetuneOptions.model_validate(dict(spec.options))
        self.kind = student_kind(chosen.student.name)
        self.chosen = chosen.model_copy(update={"student": self.kind.resolved(chosen.student)})
        refuse_small_pictures(self.chosen.student)
        refuse_zero_shot_labels(chosen.objective, task)
        self.store = FeatureStore(context.cache_dir, context.progress)
        self.kept: KeptModel | None = None
        self.tokenizer: Tokenizer | None = None
        self._account = Account()
        self._teacher_seconds = 0.0
        self._spent_before: dict = {}
        self._cut: str | None = None
        self._gates_said: list[tuple[int, str]] = []

    # ----- fitting

    def fit(self, train_split: Split, select: Split | None) -> None:
        options, context = self.chosen, self.context
        torch.manual_seed(context.seed)
        saved = context.load()
        self._spent_before = {} if saved is None else saved.get("spent", {})
        self._gates_said = [] if saved is None else list(saved.get("gates_said", []))
        self.tokenizer = tokenizer_from(saved["tokenizer"]) if saved else self._make_tokenizer(train_split)
        budget = self._budget(len(train_split))
        examples, data, batches = self._training_data(train_split, budget)
        updates = self._updates(batches, len(train_split), budget)
        module = self._module(data.split)
        builder = self._attach_targets(module, examples, data, updates)
        if options.objective.gate.mode == "weaker" and select is None and not saved:
            few = self._loop_options(max(1, round(updates * options.objective.gate.share)), data.split)
            trial = GateTrial(options, self.kind, self.tokenizer, self.task, context)
            gate_by_cross_fit(module, data, trial, self._confidence.score, few)
        module.attach(data, options, self.task.n_choices, context.seed, context.device, updates)
        self.kept = module.kept
        gate_scores = self._select_scores(builder, data, select)
        if builder is not None:
            builder.release()
        evaluate_at = evaluation_steps(updates, context.eval_points)

        def evaluate(step: int) -> None:
            metrics = context.evaluate(step)
            if gate_scores is not None and step < updates:  # after the last update there is nothing left to gate
                gate_by_select(module, self.task.name, gate_scores, metrics)
                self._gates_said.append((step, module.objective.gates_told(self.task.legs)))
                if context.rank == 0:
                    context.logger.info("update %d: %s", *self._gates_said[-1])

        hooks = Hooks(
            evaluate_at=evaluate_at,
            evaluate=evaluate,
            save=lambda state: context.save({**state, **self._saved_beside()}),
            progress=lambda done, total: context.progress(done, total, "updates"),
        )
        if options.training.compile:
            module.kept.student.compile(dynamic=True)
        ran = train(module, self._loop_options(updates, data.split), hooks, saved)
        self._account = self._book(module, updates, data, ran)

    def _budget(self, n_train: int) -> int:
        """Most examples the training sees."""
        training, most = self.chosen.training, self.context.max_examples
        if training.updates is None:
            wanted = training.passes, training.min_examples, training.max_examples
            return examples_to_see(n_train, *wanted, most)
        if training.batch_tokens is not None:
            return most
        return max(1, min(training.updates * training.batch_examples, most))

    def _updates(self, batches: ExampleBatches | TokenBatches, n_train: int, budget: int) -> int:
        """As many as the options ask for, or fewer where the protocol's budget ends before: that is told and booked."""
        training, asked = self.chosen.training, self.chosen.training.updates
        done = batches.updates(budget) if asked is None or batches.seen(asked) > budget else asked
        if asked is None:
            examples = examples_to_see(n_train, training.passes, training.min_examples, training.max_examples)
            asked = done if examples <= budget else batches.updates(examples)
        if asked > done:
            self._cut = f"{done:,} of {asked:,} updates: the protocol's budget"
            if self.context.rank == 0:
                self.context.logger.warning("%s (%s examples)", self._cut, f"{self.context.max_examples:,}")
        return done

    def _loop_options(self, updates: int, split: EncodedSplit) -> LoopOptions:
        training, context = self.chosen.training, self.context
        on_cpu = context.device == "cpu"
        return LoopOptions(
            updates=updates,
            learning_rate=training.learning_rate,
            warmup=training.warmup,
            weight_decay=training.weight_decay,
            gradient_clip=training.gradient_clip,
            epsilon=training.epsilon,
            seed=context.seed,
            device=context.device,
            precision=context.precision,
            accumulate=training.accumulate,
            at_once=context.at_once,
            ahead=batches_ahead(split, context.device),
            deterministic=on_cpu if training.deterministic is None else training.deterministic,
            multipliers={
                "kept.head": training.head_learning_rate_multiplier,
                "objective": self.chosen.objective.projection_learning_rate_multiplier
                or training.head_learning_rate_multiplier,
            },
        )

    def _make_tokenizer(self, train_split: Split) -> Tokenizer:
        return self.kind.tokenizer(self.chosen.student, lambda: texts_of(train_split))

    def _encode(self, examples: Sequence[Example]) -> EncodedSplit:
        student = self.chosen.student
        return encode_split(
            examples,
            tokenizer=self.tokenizer,
            inputs=student.inputs,
            max_tokens=student.max_tokens,
            image_size=student.image_size,
            legs=self.task.legs,
            grid=student.image_size // student.patch_size,
            read_images=self.kind.read_images(student),
        )

    def _training_data(
        self, train_split: Split, budget: int
    ) -> tuple[list[Example], TrainingData, ExampleBatches | TokenBatches]:
        """Encode only what the updates will visit: a full training set is often larger than the budget."""
        training, objective = self.chosen.training, self.chosen.objective
        draws = budget
        if training.batch_tokens is None:
            draws = max(1, budget // training.batch_examples) * training.batch_examples
        examples = visited(list(train_split), draws, self.context.seed)
        data = TrainingData(self._encode(examples))
        batches = batches_over(data.split, self.chosen, self.context.seed)
        if objective.pool != "none":
            draws = batches.updates(budget) * objective.pool_batch_examples
            self._pool_examples = visited(list(self.context.unlabelled()), draws, self.context.seed + 1)
            data.pool = self._encode(self._pool_examples)
        return examples, data, batches

    def _module(self, split: EncodedSplit | None) -> FinetuneModule:
        student_options, objective_options = self.chosen.student, self.chosen.objective
        torch.manual_seed(self.context.seed)
        student, heads = self.kind.build(student_options, self.tokenizer)
        head = build_head(self.task, student_options.width, split)
        kept = KeptModel(student, head, student_options.summary)
        objective = None
        if objective_options.teachers and split is not None:
            self._builder = TargetBuilder(
                self.chosen, self.tokenizer, self.store, self.context.device, self.context.seed
            )
            objective = Objective(
                objective_options,
                student_options.width,
                self._builder.dimensions,
                len(self.task.legs),
                student_options.summary,
                self.context.seed,
            )
        return FinetuneModule(kept, objective, heads if objective_options.self_supervises() else None)

    def _attach_targets(self, module, examples, data: TrainingData, updates: int) -> TargetBuilder | None:
        """Teacher features for everything that will be visited; confidences where the objective weighs by them."""
        if module.objective is None:
            return None
        began = time.monotonic() - self._builder.opening_seconds
        data.targets = self._builder.build(examples, data.split)
        if data.pool is not None and self.chosen.objective.pool == "teacher":
            data.pool_targets = self._builder.build(self._pool_examples, data.pool)
        objective = self.chosen.objective
        self._probes = ConfidenceProbes(objective, self.task, self.context.seed, self._builder.logit_scale)
        self._confidence = None
        if objective.confidence.mode not in ("none", "constant") or objective.gate.mode != "none":
            self._confidence = self._probes.cross_fit(data.split, data.targets)
        if objective.confidence.mode != "none":
            shape = (len(objective.teachers), len(data.split))
            data.sure = self._confidence.sure if self._confidence is not None else np.ones(shape)
        self._teacher_seconds += time.monotonic() - began
        return self._builder

    def _select_scores(self, builder, data: TrainingData, select: Split | None) -> np.ndarray | None:
        """[teachers, legs]: the probes' score on the select split, where gates are decided there."""
        if self.chosen.objective.gate.mode == "none" or select is None or builder is None:
            return None
        split = self._encode(select)
        began = time.monotonic()
        targets = builder.build(list(select), split)
        scores = self._probes.scores_on(split, targets, data.split, data.targets)
        self._teacher_seconds += time.monotonic() - began
        legs = range(len(self.task.legs))
        return np.stack([[row[split.legs == leg].mean() for leg in legs] for row in scores])

    # ----- predicting, saving

    def predict(self, split: Split) -> np.ndarray:
        return self.kept.scores(self._encode(list(split)), self.context.device, self.context.precision)

    def restore(self, state: dict) -> bool:
        self.tokenizer = tokenizer_from(state["tokenizer"])
        module = self._module(None)
        own = {name: value for name, value in state["module"].items() if name.startswith("kept.")}
        module.load_state_dict(own, strict=False)
        self.kept = module.kept.to(self.context.device)
        return True

    def _book(self, module: FinetuneModule, updates: int, data: TrainingData, ran: Ran) -> Account:
        options, seen = self.chosen, module.batches.seen(updates)
        sequences = seen * data.split.sequences_each * module.passes
        if data.pool is not None:
            sequences += module.pool_batches.seen(updates) * data.pool.sequences_each
        teachers = [] if module.objective is None else self._builder.teachers
        labels = [getattr(teacher, "labels_seen", 0) for teacher in teachers]
        encoder = options.student.image_encoder
        if encoder.name == "clip":
            # No teacher, but what it was taught reaches the student all the same.
            labels.append(load_teacher("clip-image", encoder.weights, "cpu").labels_seen)
        notes = ["from scratch"] if options.student.init == "scratch" else []
        if self._cut is not None:
            notes.append(self._cut)
        if module.objective is not None and options.objective.gate.mode != "none":
            notes.append(gates_story(module.objective.gates_told(self.task.legs), self._gates_said))
        return Account(
            parameters={
                "total": parameters_of(module),
                "trainable": parameters_of(module, trainable_only=True),
                "inference": parameters_of(self.kept),
            },
            updates=updates,
            examples_seen=seen,
            sequences_seen=sequences,
            **self._spent(),
            teacher_labels=max(labels, default=0),
            unlabelled=len(data.pool) if data.pool is not None else 0,
            weights={name: identity_of(name) for name in references(self.spec.options)},
            notes=tuple(notes),
            loop=ran.booked(),
        )

    def _saved_beside(self) -> dict[str, Any]:
        """What a training that resumes needs besides the loop's own state."""
        return {"tokenizer": self.tokenizer.state(), "spent": self._spent(), "gates_said": self._gates_said}

    def _spent(self) -> dict[str, float | int | None]:
        """What teachers cost, under the names of `Account`, from the beginning of the training.

        A resumed training finds in the cache what it computed before: that was spent once, and not by anybody else.
        """
        before = self._spent_before
        return {
            "teacher_s": before.get("teacher_s", 0.0) + self._teacher_seconds,
            "teacher_cached_s": before.get("teacher_cached_s", self.store.cached_seconds),
            "teacher_forwards": before.get("teacher_forwards", 0) + self.store.forwards,
        }

    def account(self) -> Account:
        return self._account


def visited(examples: list[Example], draws: int, seed: int) -> list[Example]:
    """The examples that `draws` positions of the endless batch sequence reach: all of them, or the first of epoch 0."""
    if draws >= len(examples):
        return examples
    return [examples[row] for row in batch_rows(0, draws, len(examples), seed)]
