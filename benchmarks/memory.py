"""Peak memory of plain fine-tuning, of MAD with cached teacher features, and of MAD with the teachers in the loop.

    python benchmarks/memory.py                               # small, CPU
    python benchmarks/memory.py --device cuda --full          # UNITER-base, CLIP ViT-B/32, RoBERTa-base, bf16

Each in a process of its own, in turn. CPU: the highest resident size, less what the process held before it built data and
model (Python and its libraries). CUDA: the most that torch had allocated.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from invented import MAD, arguments, header, in_turn, invented_split, module_of, options_of, ratio, run
from training_step import InLoop, Teachers

from madbench.harness.provenance import peak_memory

VARIANTS = {
    "plain": "plain fine-tuning",
    "cached": "MAD with cached features",
    "looped": "MAD with the teachers in the loop",
}
UPDATES = 8


def measured(given) -> None:
    """What a process of one variant does; it writes MiB."""
    before = peak_memory(given.device)["peak_rss_mb"]
    size = given.size
    objective = None if given.variant == "plain" else MAD
    module = module_of(size, options_of(size, objective), invented_split(size), given.device)
    if given.variant == "looped":
        module.__class__ = InLoop
        module.read_by(Teachers(given.full).to(given.device))
    run(module, UPDATES, given.device, given.precision)
    if given.device == "cpu":
        peak = peak_memory("cpu")["peak_rss_mb"] - before
    else:
        peak = torch.cuda.max_memory_allocated() / 2**20
    Path(given.write).write_text(str(peak))


def launched(variant: str) -> float:
    """MiB of one process."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "mib"
        command = [sys.executable, *sys.argv, "--variant", variant, "--write", str(out)]
        subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        return float(out.read_text())


def main() -> None:
    given = arguments(__doc__.splitlines()[0], variant="", write="")
    if given.write:
        measured(given)
        return
    found = in_turn({name: lambda name=name: launched(name) for name in VARIANTS}, given.rounds)
    print(header(given))
    for name, said in VARIANTS.items():
        print(f"{said}: {np.median(found[name]):.0f} MiB, {ratio(found, name, 'plain')} of plain")


if __name__ == "__main__":
    main()
