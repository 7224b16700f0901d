import multiprocessing

import pytest

from madbench.errors import UsageError
from madbench.mini import build

TINY = {"vcr": {"val": 3}, "snli_ve": {"dev": 3}, "vqa": {"val": 3}}


@pytest.fixture
def tiny_home(tmp_path, monkeypatch):
    monkeypatch.setenv("MADBENCH_HOME", str(tmp_path))
    monkeypatch.setattr(build, "SIZES", TINY)
    return tmp_path


def test_one_task_is_written_alone_and_once(tiny_home):
    root = build.ensure("vqa")
    assert root == tiny_home / f"mini-{build.content_hash()}" / "vqa"
    assert (root / "COMPLETE").is_file() and not (root.parent / "vcr").exists()
    before = (root / "COMPLETE").stat().st_mtime_ns
    assert build.ensure("vqa") == root
    assert (root / "COMPLETE").stat().st_mtime_ns == before


def test_without_a_task_all_three_are_written(tiny_home):
    world = build.ensure()
    assert sorted(path.name for path in world.iterdir()) == ["snli_ve", "vcr", "vqa"]


def test_a_write_that_fails_leaves_nothing_behind(tiny_home, monkeypatch):
    def broken(out, seed, images):
        (out / "half.jsonl").write_text("")
        raise OSError("disk full")

    monkeypatch.setitem(build._WRITERS, "vcr", broken)
    with pytest.raises(OSError, match="disk full"):
        build.ensure("vcr")
    assert list(build.folder().iterdir()) == []


def test_a_damaged_folder_is_written_again(tiny_home):
    root = build.ensure("snli_ve")
    (root / "COMPLETE").unlink()
    (root / "snli_ve_dev.jsonl").unlink()
    assert (build.ensure("snli_ve") / "snli_ve_dev.jsonl").is_file()


def test_processes_at_once_agree(tiny_home):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=build.ensure, args=("vqa",)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert [path.name for path in build.folder().iterdir()] == ["vqa"]


def test_the_hash_follows_the_configuration():
    assert build.content_hash() != build.content_hash(seed=build.TUNING_SEED)
    assert build.content_hash() != build.content_hash(sizes=TINY)
    assert len(build.content_hash()) == 12


def test_an_unknown_task_is_told_so():
    with pytest.raises(UsageError, match="did you mean 'snli_ve'"):
        build.ensure("snli-ve")
