"""States come back as they were; what is kept is the state of the step that was asked for."""

import math

import numpy as np
import pytest

from madbench.errors import MadbenchError
from madbench.harness.checkpoints import KEPT, Checkpoints, read_state, write_state


def test_a_nested_state_comes_back_with_its_types(tmp_path):
    state = {
        "step": 3,
        "moments": {0: {"mean": np.arange(6, dtype=np.float32).reshape(2, 3)}, 1: {}},
        "words": ["a", "b"],
        "pair": (1, 2.5, None, True),
        "empty": np.zeros((0, 4), dtype=np.int64),
        "rate": np.float64(0.1),
        "worst": math.inf,
    }
    write_state(tmp_path / "s", state, seconds=1.5)
    again, about = read_state(tmp_path / "s")
    assert about == {"seconds": 1.5}
    assert again["moments"][0]["mean"].dtype == np.float32
    np.testing.assert_array_equal(again["moments"][0].pop("mean"), state["moments"][0].pop("mean"))
    assert again.pop("empty").shape == state.pop("empty").shape == (0, 4)
    assert again == state and isinstance(again["pair"], tuple)


@pytest.mark.slow
def test_torch_tensors_come_back_bit_for_bit_beside_arrays(tmp_path):
    import torch

    whole = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    state = {"half": whole.bfloat16(), "view": whole[:, 0], "same": whole, "array": np.ones(2), "flag": torch.tensor(5)}
    write_state(tmp_path / "s", state)
    again, _ = read_state(tmp_path / "s")
    for name in ("half", "view", "same", "flag"):
        assert torch.equal(again[name], state[name]) and again[name].dtype == state[name].dtype
    assert isinstance(again["array"], np.ndarray)


def test_an_object_that_cannot_be_kept_is_named(tmp_path):
    with pytest.raises(MadbenchError, match=r"holds a set at state\.a\.1"):
        write_state(tmp_path / "s", {"a": [1, {2}]})


def test_a_damaged_file_is_told_and_not_unpickled(tmp_path):
    (tmp_path / "s").write_bytes(b"\x80\x04nonsense")
    with pytest.raises(MadbenchError, match="not a checkpoint"):
        read_state(tmp_path / "s")


def steps(tmp_path, before_evaluation=False, best=4):
    """Three evaluation points, 2, 4 and 6; `best` is the best of them."""
    states = Checkpoints(tmp_path)
    for step in (2, 4, 6):
        orders = [
            lambda step=step: states.evaluated(step, step if step <= best else best),
            lambda step=step: states.save({"step": step}),
        ]
        for one in reversed(orders) if before_evaluation else orders:
            one()
    return states


@pytest.mark.parametrize("before_evaluation", [True, False])
@pytest.mark.parametrize(("which", "expected"), [("last", 6), ("selected", 4)])
def test_the_kept_state_is_that_of_the_step(tmp_path, which, expected, before_evaluation):
    states = steps(tmp_path, before_evaluation)
    states.keep(which, last=6, chosen=4)
    kept = states.kept()
    assert kept.step == expected and kept.read() == {"step": expected}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["kept.json", KEPT]


def test_none_keeps_nothing(tmp_path):
    states = steps(tmp_path / "c")
    states.keep("none", last=6, chosen=4)
    assert states.kept() is None and not (tmp_path / "c").exists()


def test_a_state_without_step_serves_resume_only(tmp_path):
    states = Checkpoints(tmp_path / "c")
    states.evaluated(1, 1)
    states.save({"weights": 1})
    assert states.load()[0] == {"weights": 1}
    states.keep("selected", last=1, chosen=1)
    assert states.kept() is None


def test_the_best_survives_a_restart(tmp_path):
    steps(tmp_path)
    states = Checkpoints(tmp_path)
    assert states.load()[0] == {"step": 6}
    states.evaluated(6, 4)
    states.keep("selected", last=6, chosen=4)
    assert states.kept().read() == {"step": 4}
