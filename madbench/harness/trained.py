"""The model of a finished cell, ready to predict once more."""

from __future__ import annotations

from madbench.errors import DataMissing
from madbench.harness.runner import Job
from madbench.harness.selection import chosen_steps
from madbench.harness.store import CellFolder, Store
from madbench.models.adapter import ModelAdapter


def trained_model(job: Job, store: Store) -> ModelAdapter:
    """As `restored`, else as `refitted`. Raises DataMissing when the model can be had in neither way."""
    found = restored(job, store)
    return refitted(job, store) if found is None else found[0]


def restored(job: Job, store: Store) -> tuple[ModelAdapter, CellFolder | None] | None:
    """(the model, where it comes from): not fitted at all (None), or the checkpoint of any finished run of this training.

    The checkpoint is of the step that the protocol chooses. None when no such checkpoint is kept or can be taken.
    """
    adapter = job.adapter()
    if type(adapter).fit is ModelAdapter.fit:
        return adapter, None
    own = [store.folder(job.cell)] if store.done(job.cell) is not None else []
    for folder in (*own, *store.trained(job.cell)):
        kept = folder.checkpoints.kept()
        if kept is not None and kept.step == chosen_step(job, folder) and adapter.restore(kept.read()):
            return adapter, folder
    return None


def refitted(job: Job, store: Store) -> ModelAdapter:
    """The same training once more, where that is cheap and exact: no optimiser update and no parameters (counts, priors).

    Raises DataMissing for any other model.
    """
    own = store.folder(job.cell)
    record = own.record()
    if record["usage"]["updates"] or record["model"]["parameters"]["total"]:
        raise DataMissing(
            f"{job.cell.label} keeps no checkpoint of step {chosen_step(job, own)}",
            fix="run it again with --overwrite --keep-checkpoint selected",
            where=own.path,
        )
    adapter = job.adapter()
    select = None if job.select_rows is None else job.view("select", job.select_rows, labelled=True)
    adapter.fit(job.view("train", job.fit_rows, labelled=True), select)
    return adapter


def chosen_step(job: Job, folder: CellFolder) -> int:
    """The evaluation point that the protocol's selection rule chose."""
    selection = job.cell.protocol.selection
    return chosen_steps(folder.history(), job.data.task.primary, selection)[selection]
