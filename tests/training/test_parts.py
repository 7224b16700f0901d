"""What an update computes does not depend on how it is cut: pieces, memory, processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from madbench.errors import MadbenchError
from madbench.training.batching import ExampleBatches, GlobalBatch
from madbench.training.loop import Hooks, LoopOptions, train


class Rows(nn.Module):
    """Learns y = sum(x) on 40 rows, batches of 6. limit: rows that fit into the memory it pretends to have."""

    def __init__(self, limit: int | None = None):
        super().__init__()
        torch.manual_seed(3)
        self.layers = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))
        self.unused = nn.Linear(2, 2)
        self.batches, self.limit = ExampleBatches(40, 6, seed=1), limit
        self.seen: list[int] = []

    def batch(self, step):
        rows = self.batches.rows(step)
        return GlobalBatch({"train": rows}, {"train": rows})

    def largest(self, examples):
        return GlobalBatch({"train": np.arange(examples)})

    def prepare(self, part):
        return part.rows["train"], part.totals["train"]

    def forward(self, prepared):
        rows, total = prepared
        if self.limit is not None and len(rows) > self.limit:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.seen.append(len(rows))
        inputs = torch.from_numpy(np.sin(np.outer(rows + 1, [1.0, 2.0, 3.0, 4.0]))).float()
        return (self.layers(inputs).squeeze(1) - inputs.sum(1)).square().sum() / total


def options(**changes):
    return LoopOptions(updates=12, learning_rate=1e-2, **changes)


def weights(module):
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


def test_pieces_add_up_to_the_same_update():
    whole, cut = Rows(), Rows()
    one, three = train(whole, options(), Hooks()), train(cut, options(accumulate=3), Hooks())
    assert set(whole.seen) == {6} and set(cut.seen) == {2}
    assert one.losses == pytest.approx(three.losses, abs=1e-6)
    assert torch.allclose(weights(whole), weights(cut), atol=1e-5)
    assert (one.examples, three.examples, three.at_once) == (72, 72, 2)


def test_batches_made_ahead_change_nothing():
    now, ahead = Rows(), Rows()
    train(now, options(), Hooks())
    train(ahead, options(ahead=3), Hooks())
    assert torch.equal(weights(now), weights(ahead))


def test_an_update_that_does_not_fit_is_one_line_with_the_size_to_try():
    with pytest.raises(MadbenchError, match="out of memory on cpu with 6 examples at once") as raised:
        train(Rows(limit=2), options(), Hooks())
    assert "--batch-size 3 or --batch-size auto (updates still see 6)" in raised.value.fix
    assert "--set training.batch_examples=3" in raised.value.fix
    assert "\n" not in str(raised.value)


def test_auto_finds_what_fits_and_the_update_stays_the_same():
    free, tight = Rows(), Rows(limit=2)
    expected, found = train(free, options(), Hooks()), train(tight, options(at_once="auto"), Hooks())
    assert found.at_once == 1  # 6, 3, then 1
    assert found.losses == pytest.approx(expected.losses, abs=1e-6)
    assert found.examples == expected.examples


def test_a_number_at_once_is_kept():
    module = Rows()
    assert train(module, options(at_once=4), Hooks()).at_once == 3  # 6 examples in two equal pieces
    assert set(module.seen) == {3}


def test_nothing_fits_is_said_so():
    with pytest.raises(MadbenchError, match="not even one example"):
        train(Rows(limit=0), options(at_once="auto"), Hooks())


def test_another_error_of_the_model_is_not_taken_for_want_of_memory():
    module = Rows()
    module.layers = nn.Linear(3, 1)
    with pytest.raises(RuntimeError, match="shapes"):
        train(module, options(at_once="auto"), Hooks())


def test_bf16_trains_about_as_float32_does():
    precise, rough = train(Rows(), options(), Hooks()), train(Rows(), options(precision="bf16"), Hooks())
    assert rough.losses != precise.losses
    assert rough.losses == pytest.approx(precise.losses, rel=0.1)


def test_deterministic_algorithms_are_asked_for_while_training_only():
    seen = []
    hooks = Hooks(progress=lambda *_: seen.append(torch.are_deterministic_algorithms_enabled()))
    train(Rows(), options(deterministic=True), hooks)
    assert set(seen) == {True}
    assert not torch.are_deterministic_algorithms_enabled()


# --------------------------------------------------------------------------- two processes


def main(out: str) -> None:
    """What each process of the test below runs."""
    from madbench.training.distribution import group

    # Batches of 6 in 2 processes are shares of 3, and of 1 at the end of a cut epoch.
    saved, module = [], Rows()
    ran = train(module, options(), Hooks(evaluate_at=[12], save=saved.append))
    ours = group()
    everybody = ours.gather((ours.rank, weights(module).tolist(), sum(module.seen), len(saved)))
    if ours.rank == 0:
        Path(out).write_text(json.dumps({"losses": ran.losses, "ranks": everybody, "world": ran.processes}))
    before = gloo_threads()
    ours.close()
    Path(f"{out}.threads-{ours.rank}").write_text(json.dumps({"before": before, "after": gloo_threads()}))


def gloo_threads() -> int | None:
    """Threads of this process that carry gloo's messages; None where the system does not tell."""
    tasks = Path("/proc/self/task")
    if not tasks.is_dir():
        return None
    return sum("gloo" in (one / "comm").read_text() for one in tasks.iterdir())


@pytest.mark.slow
def test_two_processes_have_the_loss_curve_of_one(tmp_path):
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", __file__]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, *launch, str(tmp_path / "out.json")], check=True, env=environment, timeout=240)
    both = json.loads((tmp_path / "out.json").read_text())
    for rank in range(2):
        threads = json.loads((tmp_path / f"out.json.threads-{rank}").read_text())
        if threads["before"] is not None:
            # One set for messages, which must be gone (such a thread aborted the process as it ended), and one for
            # gradients: torch itself holds the default group to the end.
            assert threads["after"] <= threads["before"] // 2
    module = Rows()
    alone = train(module, options(), Hooks())
    assert both["world"] == 2
    assert both["losses"] == pytest.approx(alone.losses, abs=1e-5)
    (_, first, rows_first, saved_first), (_, second, rows_second, saved_second) = both["ranks"]
    assert first == second
    assert first == pytest.approx(weights(module).tolist(), abs=1e-5)
    assert rows_first + rows_second == alone.examples
    assert (saved_first, saved_second) == (1, 0)


if __name__ == "__main__":
    main(sys.argv[1])
