"""Which source a task gets, and what its content hash depends on."""

import os
import shutil

import pytest

from madbench.errors import DataMissing, UsageError
from madbench.registry import TASKS
from madbench.tasks import archives, remembered, sources
from madbench.tasks.contract import Layout


class Files:
    """A task that has just files: `<root>/train.txt` and `<root>/val.txt`."""

    official_rows = {"train": 3, "val": 2}
    official_sums = {}
    extra_files = {}

    def __init__(self, name):
        self.name = name

    def locate(self, root):
        file = root / "train.txt"
        if not file.is_file():
            raise DataMissing(f"{self.name}: {file} is not there")
        return Layout(self.name, root, {"train": (file,), "val": (root / "val.txt",)}, {"train": None})


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("MADBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(TASKS, "_added", {})
    monkeypatch.setattr(TASKS, "load", Files)
    for name in ("real", "mini"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "train.txt").write_text(name)
        (folder / "val.txt").write_text(name)
    return tmp_path


@pytest.fixture
def choose(place):
    made = []

    def choosing(*data, tasks=("vcr", "vqa"), asked=()):
        def make_mini(tasks):
            made.extend(tasks)
            return dict.fromkeys(tasks, place / "mini")

        return sources.choose(sources.parse_data(data), tasks, asked, make_mini)

    choosing.made = made
    return choosing


def kinds(found):
    return {task: source.kind for task, source in found.by_task.items()}


def test_without_any_registered_source_everything_is_mini_and_says_so(choose):
    found = choose()
    assert kinds(found) == {"vcr": "mini", "vqa": "mini"}
    assert "MINI" in found.notice


def test_mini_is_made_only_for_the_tasks_that_run(choose):
    choose(tasks=("vqa",))
    assert choose.made == ["vqa"]


def test_one_registered_source_leaves_the_other_tasks_out(choose, place):
    sources.register("vqa", place / "real")
    found = choose()
    assert kinds(found) == {"vqa": "real"} and list(found.left_out) == ["vcr"] and found.notice is None
    assert choose.made == []


def test_a_root_named_on_the_command_line_counts_as_a_real_source(choose, place):
    assert kinds(choose(f"vqa={place / 'real'}")) == {"vqa": "real"}


def test_asking_for_a_task_without_source_is_an_error_that_names_the_way_out(choose, place):
    sources.register("vqa", place / "real")
    with pytest.raises(DataMissing, match="no data for vcr") as caught:
        choose(asked=("vcr",))
    assert "--data vcr=mini" in caught.value.fix


def test_mini_for_one_task_beside_a_real_one(choose, place):
    sources.register("vqa", place / "real")
    found = choose("vcr=mini")
    assert kinds(found) == {"vcr": "mini", "vqa": "real"} and found.notice is None


def test_data_mini_ignores_registered_roots(choose, place):
    sources.register("vqa", place / "real")
    assert kinds(choose("mini")) == {"vcr": "mini", "vqa": "mini"}


def test_a_missing_root_is_named(choose, place):
    with pytest.raises(DataMissing, match="/nonexistent is not there"):
        choose("vcr=/nonexistent")


def test_a_registered_but_broken_source_stops_and_does_not_fall_back(choose, place):
    sources.register("vqa", place / "real")
    (place / "real" / "train.txt").unlink()
    with pytest.raises(DataMissing, match=r"train\.txt is not there"):
        choose()
    assert choose.made == []


def test_a_root_without_the_files_is_not_registered(place):
    (place / "empty").mkdir()
    with pytest.raises(DataMissing):
        sources.register("vqa", place / "empty")
    assert sources.registered() == {}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("vcrr=x", "did you mean 'vcr'"),
        ("somewhere", "expected auto, mini or TASK=ROOT"),
        ("vqa=", "has no root"),
    ],
)
def test_malformed_data_options(value, text):
    with pytest.raises(UsageError, match=text):
        sources.parse_data([value])


def test_a_wrong_root_is_told_before_mini_is_written(choose):
    with pytest.raises(DataMissing):
        choose("mini", "vqa=/nonexistent")
    assert choose.made == []


def test_naming_a_task_twice_is_an_error():
    with pytest.raises(UsageError, match="twice"):
        sources.parse_data(["vqa=a", "vqa=b"])


def test_fingerprint_follows_content_and_not_place_or_time(place):
    task = Files("vqa")
    first = sources.fingerprint(task.locate(place / "real"), ["train", "val"])
    shutil.copytree(place / "real", place / "moved")
    os.utime(place / "moved" / "train.txt", (1, 1))
    assert sources.fingerprint(task.locate(place / "moved"), ["val", "train"]) == first
    (place / "moved" / "train.txt").write_text("other")
    assert sources.fingerprint(task.locate(place / "moved"), ["train", "val"]) != first


def test_an_unchanged_file_is_not_read_twice(place, monkeypatch):
    layout = Files("vqa").locate(place / "real")
    first = sources.fingerprint(layout, ["train"])
    monkeypatch.setattr(archives, "sha256", lambda file: pytest.fail("read again"))
    assert sources.fingerprint(layout, ["train"]) == first
    monkeypatch.setattr(remembered, "_KNOWN", {})  # as in another process
    assert sources.fingerprint(layout, ["train"]) == first


def test_counts_that_differ_are_unofficial_and_named():
    assert sources.unofficial(Files("vqa"), "real", {"train": 3, "val": 2}) == []
    assert sources.unofficial(Files("vqa"), "real", {"train": 3, "val": 1}) == ["val: 1 rows, officially 2"]
    assert sources.unofficial(Files("vqa"), "mini", {"train": 3})
