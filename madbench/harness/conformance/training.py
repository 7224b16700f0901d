"""Checks of trainings made again, and of what the adapter says of itself. See `checks` for the table of all."""

from __future__ import annotations

import typing
from dataclasses import fields

from madbench.harness.conformance.exam import Exam
from madbench.harness.conformance.outcome import Failed, Skipped, adapter_code
from madbench.harness.conformance.predictions import first_difference
from madbench.harness.conformance.watch import process_settings
from madbench.models.adapter import Account, ModelAdapter


def same_seed(exam: Exam) -> str:
    watched = exam.watched.predictions
    # One more training is only needed to tell a seed that is not used from a state that is.
    if watched is None or first_difference(exam.predictions, watched) is not None:
        found = first_difference(exam.predictions, exam.trial("again").whole())
        cure = "draw from generators made of context.seed, and keep nothing between instances"
        exam.refuse(found, "in a second training with the same seed", cure)
    if exam.other_seed.failure is not None:
        raise exam.other_seed.failure
    moved = first_difference(exam.predictions, exam.other_seed.predictions) is not None
    return "seed 1 gives other scores" if moved else "seed 1 gives the same scores: it does not use context.seed"


def global_state(exam: Exam) -> None:
    if exam.watched.failure is not None:
        raise exam.watched.failure
    now = process_settings()
    changed = ", ".join(name for name, value in exam.settings.items() if now[name] != value)
    if changed:
        raise Failed(f"it changes {changed} and leaves it so, for every model that runs after it")
    found = first_difference(exam.predictions, exam.watched.predictions)
    where = "with the shared generators of random, numpy and torch in another state"
    exam.refuse(found, where, "make one of your own from context.seed")


def needs(exam: Exam) -> str | None:
    watch = exam.watched.trial.watch
    more = {need: how for need, how in watch.used.items() if need not in exam.needs}
    if more:
        read = " and ".join(f"{how} ({need})" for need, how in sorted(more.items()))
        raise Failed(f"it uses {read} and declares needs = {_named(exam.needs)}: add {_named(frozenset(more))}")
    unused = exam.needs - set(watch.used)
    return f"declared and not used here: {', '.join(sorted(unused))}" if unused else None


def account(exam: Exam) -> str:
    trial = exam.first
    if type(trial.adapter).account is ModelAdapter.account:
        raise Skipped("it defines no account(): the record says that nothing was trained")
    with adapter_code("account()", exam.source):
        stated = trial.adapter.account()
    if not isinstance(stated, Account):
        raise Failed(f"account() returned {type(stated).__name__}, expected madbench.models.adapter.Account")
    kinds = typing.get_type_hints(Account)
    for one in fields(Account):
        value = getattr(stated, one.name)
        counts = {one.name: value} if kinds[one.name] in (int, float) else {}
        if one.name == "parameters":
            counts = {f"parameters[{name!r}]": count for name, count in value.items()}
        for name, count in counts.items():
            number = (int, float) if kinds[one.name] is float else int
            if isinstance(count, bool) or not isinstance(count, number) or not 0 <= count < float("inf"):
                raise Failed(f"account().{name} is {count!r}, expected a number from 0 on")
    trial.account = stated
    return f"{stated.updates} updates, {stated.examples_seen} examples seen"


def budget(exam: Exam) -> str:
    stated, most = exam.first.account, exam.first.job.cell.protocol.budget[exam.data.task].examples_seen
    if stated is None or not stated.examples_seen:
        raise Skipped("account() states no examples seen, so nothing can be compared with the budget")
    if stated.examples_seen > most:
        raise Failed(f"{stated.examples_seen} examples seen, and context.max_examples is {most}: stop there")
    return f"{stated.examples_seen} of {most} examples"


def _named(names: frozenset[str]) -> str:
    return "{" + ", ".join(f'"{one}"' for one in sorted(names)) + "}"
