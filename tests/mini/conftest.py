import pytest

from madbench.mini.build import write_world

SMALL = {
    "vcr": {"train": 400, "val": 60, "test": 5},
    "snli_ve": {"train": 400, "dev": 40, "test": 40},
    "vqa": {"train": 400, "val": 40, "test": 6},
}


@pytest.fixture(scope="session")
def small_world(tmp_path_factory):
    """Roots by task of a small world."""
    out = tmp_path_factory.mktemp("mini")
    return {task: write_world(task, out / task, sizes=sizes) for task, sizes in SMALL.items()}
