"""Our loop against transformers' Trainer: the same student, rows, precision, optimiser and schedule; examples per second.

    python benchmarks/loop_against_trainer.py                        # small, CPU, two minutes
    python benchmarks/loop_against_trainer.py --device cuda --full

`same batches`: both get the very same rows in every update. `bucketed`: ours by a token budget that gives as many examples
an update on average; Trainer with shuffled batches, and with its own length grouping. Pictures have 10 to 100 regions.
Trainer runs with a fused AdamW, without logging, saving or evaluation, and on CUDA with 4 loading processes and pinned
memory; it is given collated batches by the same code.
"""

from __future__ import annotations

import tempfile

import numpy as np
import torch
from invented import arguments, clock, header, in_turn, invented_split, module_of, options_of, ratio, run
from torch import nn
from torch.utils.data import DataLoader, Dataset
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_pt_utils import LengthGroupedSampler

from madbench.models.finetune_module import FinetuneModule, token_lengths
from madbench.models.students.cross_modal import task_loss
from madbench.models.students.encoding import Batch, EncodedSplit, make_batch
from madbench.training.batching import ExampleBatches, TokenBatches, padding_waste

FIELDS = (
    "ids",
    "segments",
    "places",
    "padding",
    "targets",
    "soft",
    "regions",
    "boxes",
    "region_padding",
    "joint_length",
)


class Student(nn.Module):
    """The student and head of a module as Trainer wants a model: fields of a batch in, a dict with the loss out."""

    def __init__(self, module: FinetuneModule):
        super().__init__()
        self.kept = module.kept

    def forward(self, **fields) -> dict[str, torch.Tensor]:
        rows = np.arange(len(fields["ids"]))
        batch = Batch(**fields, pixels=None, examples=rows, sequences=rows, legs=np.zeros(len(rows), np.int64))
        logits, _ = self.kept(batch)
        return {"loss": task_loss(logits.float(), batch).mean()}


class Rows(Dataset):
    def __init__(self, count: int):
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, row: int) -> int:
        return row


class Seconds(TrainerCallback):
    """From the first update to the last, without Trainer's start. examples: seen in between."""

    def __init__(self, device: str):
        self.device, self.began, self.ended = device, 0.0, 0.0

    def on_train_begin(self, *_, **__):
        self.began = clock(self.device)

    def on_train_end(self, *_, **__):
        self.ended = clock(self.device)


class GivenBatches(Trainer):
    """Trainer on batches of rows that are given, or on what its own sampler makes of the rows."""

    def __init__(self, *arguments, split: EncodedSplit, answers: int, sampling, **more):
        super().__init__(*arguments, **more)
        self.split, self.answers, self.sampling = split, answers, sampling

    def get_train_dataloader(self) -> DataLoader:
        workers = self.args.dataloader_num_workers

        def collate(rows: list[int]) -> dict[str, torch.Tensor | int | None]:
            batch = make_batch(self.split, np.array(rows), self.answers)
            return {name: getattr(batch, name) for name in FIELDS}

        how = {"collate_fn": collate, "num_workers": workers, "pin_memory": self.args.dataloader_pin_memory}
        if isinstance(self.sampling, list):
            loader = DataLoader(self.train_dataset, batch_sampler=self.sampling, **how)
        else:
            size = self.args.per_device_train_batch_size
            loader = DataLoader(self.train_dataset, batch_size=size, sampler=self.sampling, drop_last=True, **how)
        return self.accelerator.prepare(loader)


def trainer_rate(module, split, given, sampling) -> float:
    """Examples per second of Trainer."""
    size, seconds, on_gpu = given.size, Seconds(given.device), given.device == "cuda"
    with tempfile.TemporaryDirectory() as folder:
        options = TrainingArguments(
            output_dir=folder,
            max_steps=size.updates,
            per_device_train_batch_size=size.batch,
            learning_rate=1e-4,
            weight_decay=0.01,
            adam_beta2=0.98,
            warmup_steps=max(1, size.updates // 10),
            lr_scheduler_type="linear",
            max_grad_norm=1.0,
            optim="adamw_torch_fused",
            bf16=given.precision == "bf16",
            use_cpu=not on_gpu,
            dataloader_num_workers=4 if on_gpu else 0,
            dataloader_pin_memory=on_gpu,
            remove_unused_columns=False,
            logging_strategy="no",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )
        trainer = GivenBatches(
            model=Student(module),
            args=options,
            train_dataset=Rows(len(split)),
            callbacks=[seconds],
            split=split,
            answers=size.answers,
            sampling=sampling,
        )
        trainer.remove_callback(PrinterCallback)  # else it prints a line for each round
        trainer.train()
    return size.updates * size.batch / (seconds.ended - seconds.began)


def our_rate(module, given) -> float:
    """Examples per second of our loop, all that `train` does included."""
    began = clock(given.device)
    ran = run(module, given.size.updates, given.device, given.precision)
    return ran.examples / (clock(given.device) - began)


def main() -> None:
    given = arguments(__doc__.splitlines()[0])
    size, device = given.size, given.device
    split = invented_split(size, regions=None)
    options = options_of(size)
    lengths = token_lengths(split, options)
    budget = int(size.batch * lengths.sum(1).mean())
    same = ExampleBatches(len(split), size.batch, 0)
    rows = [same.rows(step).tolist() for step in range(size.updates)]
    ours = module_of(size, options, split, device)
    bucketed = module_of(size, options_of(size, batch_tokens=budget), split, device)
    theirs = module_of(size, options, split, device)
    lengths_sum = lengths.sum(1).tolist()
    found = in_turn(
        {
            "ours": lambda: our_rate(ours, given),
            "trainer": lambda: trainer_rate(theirs, split, given, rows),
            "ours bucketed": lambda: our_rate(bucketed, given),
            "trainer grouped": lambda: trainer_rate(
                theirs, split, given, LengthGroupedSampler(size.batch, lengths=lengths_sum)
            ),
        },
        given.rounds,
    )
    by_tokens = TokenBatches(lengths, budget_tokens=budget, seed=0)
    waste = [
        padding_waste(lengths, [batches.rows(step) for step in range(size.updates)]) for batches in (same, by_tokens)
    ]
    print(header(given))
    for name, rates in found.items():
        print(f"{name}: {np.median(rates):.1f} examples a second")
    print(f"same batches, ours / Trainer: {ratio(found, 'ours', 'trainer')}")
    print(f"bucketed, ours / Trainer with shuffled batches: {ratio(found, 'ours bucketed', 'trainer')}")
    print(f"bucketed, ours / Trainer with its length grouping: {ratio(found, 'ours bucketed', 'trainer grouped')}")
    print(f"padding: shuffled {100 * waste[0]:.1f} %, bucketed by {budget} tokens {100 * waste[1]:.1f} %")


if __name__ == "__main__":
    main()
