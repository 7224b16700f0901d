import threading
import time

import pytest

from madbench.training.prefetch import Prefetcher


@pytest.mark.parametrize("ahead", [0, 3])
def test_batches_come_in_order_from_where_a_run_goes_on(ahead):
    with Prefetcher(lambda step: step * 10, 2, 7, ahead) as made:
        assert list(made) == [20, 30, 40, 50, 60]


def test_they_are_made_in_other_threads_before_they_are_asked_for():
    here, seen = threading.get_ident(), {}

    def make(step):
        seen[step] = threading.get_ident()
        return step

    with Prefetcher(make, 0, 10, ahead=3) as made:
        first = iter(made)
        assert next(first) == 0
        deadline = time.monotonic() + 5
        while len(seen) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert set(seen) == {0, 1, 2, 3}
        assert here not in seen.values()


def test_what_making_one_raises_is_raised_where_it_is_asked_for():
    def make(step):
        if step == 1:
            raise ValueError("picture 1")
        return step

    with pytest.raises(ValueError, match="picture 1"), Prefetcher(make, 0, 3) as made:
        for _ in made:
            pass


def test_waiting_is_booked():
    with Prefetcher(lambda step: time.sleep(0.05), 0, 2, ahead=0) as made:
        list(made)
    assert 0.1 <= made.waited_s < 1
