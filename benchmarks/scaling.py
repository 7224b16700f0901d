"""How much faster several processes train than one, at the same global batch.

    python benchmarks/scaling.py                                   # 1 and 2 processes on a CPU
    python benchmarks/scaling.py --device cuda --full --nproc 8    # 1 and 8 GPUs

Wall time of the updates, launches in turn. On a CPU every process has one thread, so the bound is the number of free cores.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from invented import MAD, arguments, header, in_turn, invented_split, module_of, options_of, ratio, run


def measured(given) -> None:
    """What each process runs; the first writes seconds an update."""
    from madbench.training.distribution import group

    size, ours = given.size, group(given.device)
    module = module_of(size, options_of(size, MAD), invented_split(size), given.device)
    run(module, 2, given.device, given.precision)
    seconds = run(module, size.updates, given.device, given.precision).seconds / size.updates
    if ours.rank == 0:
        Path(given.write).write_text(str(seconds))
    if ours.world > 1:
        ours.close()


def launched(processes: int) -> float:
    """Seconds an update of a launch of so many processes."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "seconds"
        launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
        command = [sys.executable, *launch, *sys.argv, "--write", str(out)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "TORCH_CPP_LOG_LEVEL": "ERROR"}
        subprocess.run(command, check=True, env=environment)
        return float(out.read_text())


def main() -> None:
    given = arguments(__doc__.splitlines()[0], nproc=2, write="")
    if given.write:
        measured(given)
        return
    found = in_turn({"one": lambda: launched(1), "several": lambda: launched(given.nproc)}, given.rounds)
    print(header(given))
    print(f"one process: {np.median(found['one']) * 1000:.1f} ms an update")
    print(f"{given.nproc} processes: {np.median(found['several']) * 1000:.1f} ms an update of the same global batch")
    print(f"speed-up: {ratio(found, 'one', 'several')} of {given.nproc}")


if __name__ == "__main__":
    main()
