"""The model of a finished cell, ready to predict once more."""

from __future__ import annotations

from madbench.errors import DataMissing
from madbench.harness.runner import Job
from madbench.harness.selection import chosen_steps
from madbench.harness.store import CellFolder, Store
from madbench.models.adapter import ModelAdapter


def trained_model(job: Job, store: Store) -> ModelAdapter:
    """From the checkpoint kept by this cell or by any run of the same training; else fitted again, where that is cheap.

    Cheap and exact are models without trained state: not fitted at all, or without any optimiser update (counts,
    priors). Raises DataMissing for the others.
    """
    adapter = job.adapter()
    if type(adapter).fit is ModelAdapter.fit:
        return adapter
    own = store.folder(job.cell)
    for folder in (own, *store.trained(job.cell)):
        kept = folder.checkpoints.kept()
        if kept is not None and kept.step == chosen_step(job, folder) and adapter.restore(kept.read()):
            return adapter
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
