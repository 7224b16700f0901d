"""Which part of a training an update belongs to, and what the losses weigh there (our reading: docs/method.md)."""

from __future__ import annotations

from collections.abc import Sequence

from madbench.models.objective_options import Stage

WHOLE = Stage(name="whole", share=1.0)


def stage_at(stages: Sequence[Stage], step: int, updates: int) -> Stage:
    """The stage of update `step` (from 0) of `updates`; a training without stages is one whose factors are all 1.

    A stage ends at its share of the updates, rounded; the last one takes what is left.
    """
    if not stages:
        return WHOLE
    end = 0.0
    for stage in stages[:-1]:
        end += stage.share
        if step < round(end * updates):
            return stage
    return stages[-1]
