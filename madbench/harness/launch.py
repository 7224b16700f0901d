"""`--nproc N`: the same command again, in N processes that accelerate's launcher starts and watches over."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Sequence

from madbench.errors import MadbenchError


def launch(arguments: Sequence[str], nproc: int, device: str) -> int:
    """Run `madbench ARGUMENTS` in `nproc` processes on this machine; returns rank 0's exit code.

    The processes print for themselves. Raises MadbenchError when one was ended from outside.
    """
    from accelerate.commands.launch import launch_command, launch_command_parser
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # Data parallel wonders aloud why it was told to expect parameters that a step leaves out.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    if device == "cpu":
        os.environ["ACCELERATE_USE_CPU"] = "true"
    # --multi_gpu is accelerate's name for several processes on one machine; without GPUs they talk over gloo.
    how = ["--multi_gpu", "--num_processes", str(nproc), "--num_machines", "1", "--main_process_port", "0"]
    how += ["--mixed_precision", "no", "--dynamo_backend", "no", "-m", "madbench", *arguments]
    # The launcher tells every failure in a page of its own; rank 0 has told it in a line.
    logging.disable(logging.CRITICAL)
    try:
        launch_command(launch_command_parser().parse_args(how))
    except ChildFailedError as failed:
        place, failure = failed.get_first_failure()
        if failure.exitcode < 0:
            name = signal.Signals(-failure.exitcode).name
            raise MadbenchError(
                f"process {place + 1} of {nproc} was ended by {name}",
                fix="it may have run out of memory: fewer processes, or --batch-size auto",
            ) from None
        return failure.exitcode
    except (SignalException, KeyboardInterrupt):
        return 130
    finally:
        logging.disable(logging.NOTSET)
    return 0
