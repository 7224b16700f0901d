"""The feature cache: what belongs to an input is found with it and with nothing else, whatever happened before."""

import hashlib
import multiprocessing
import os
import random
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from madbench.errors import DataMalformed, UsageError
from madbench.models.teachers import features as features_module
from madbench.models.teachers.features import FeatureStore

WIDTH = 6


class Hashing:
    """A teacher whose feature of an input is a hash of it and of its own name: a wrong row cannot look right."""

    preprocessing = "none"
    weights = "hashing"
    dimensions = WIDTH

    def __init__(self, identity="one", delay=0.0):
        self.identity, self.delay, self.asked = identity, delay, []

    def row(self, content: str) -> np.ndarray:
        digest = hashlib.sha256(f"{self.identity}|{content}".encode()).digest()
        return np.frombuffer(digest[:WIDTH], np.uint8).astype(np.float32)

    def text_features(self, texts):
        time.sleep(self.delay)
        self.asked += list(texts)
        return np.stack([self.row(text) for text in texts])

    def image_features(self, images):
        self.asked += [image.content() for image in images]
        return np.stack([self.row(image.content()) for image in images])

    def expected(self, contents) -> np.ndarray:
        return np.stack([self.row(content) for content in contents]) if contents else np.zeros((0, WIDTH))


calls = st.lists(
    st.tuples(st.sampled_from(["one", "two"]), st.lists(st.text("ab é\0", max_size=3), max_size=8)), max_size=6
)


@given(calls, st.booleans())
@settings(max_examples=60, deadline=None)
def test_no_order_subset_or_teacher_attaches_a_feature_to_another_input(calls, restarts):
    """Also across a restart, where only the disk remembers, and never asking twice for the same."""
    with tempfile.TemporaryDirectory() as folder:
        store, asked = FeatureStore(Path(folder)), {"one": [], "two": []}
        for identity, texts in calls:
            if restarts:
                store = FeatureStore(Path(folder))
            teacher = Hashing(identity)
            assert np.array_equal(store.texts(teacher, texts), teacher.expected(texts))
            asked[identity] += teacher.asked
        for texts in asked.values():
            assert len(texts) == len(set(texts))


def test_a_larger_subset_computes_only_what_the_smaller_one_did_not(tmp_path, pictures):
    images = pictures(20)
    small, large = Hashing(), Hashing()
    FeatureStore(tmp_path).images(small, images[:8])
    store = FeatureStore(tmp_path)
    shuffled = random.Random(0).sample(images, 20)
    assert np.array_equal(store.images(large, shuffled), large.expected([one.content() for one in shuffled]))
    assert store.forwards == 12
    assert set(large.asked) == {one.content() for one in images[8:]}
    again = FeatureStore(tmp_path)
    again.images(large, images)
    assert (again.forwards, again.seconds) == (0, 0.0)


def test_what_is_found_costs_what_it_cost_whoever_computed_it(tmp_path):
    """The one-off cost of a teacher: a run that finds everything spent nothing, and its features were not free."""
    texts = [str(number) for number in range(8)]
    first = FeatureStore(tmp_path)
    first.texts(Hashing(delay=0.2), texts)
    assert first.seconds >= 0.2 and first.cached_seconds == 0.0
    first.texts(Hashing(), texts)  # its own work, found again
    assert first.cached_seconds == 0.0
    half = FeatureStore(tmp_path)
    half.texts(Hashing(), texts[:4])
    half.texts(Hashing(), texts[:4])  # asked for twice, paid once
    assert half.seconds == 0.0
    assert half.cached_seconds == pytest.approx(first.seconds / 2, rel=0.05)
    half.texts(Hashing(), texts[2:])
    assert half.cached_seconds == pytest.approx(first.seconds, rel=0.05)


def test_a_shard_that_does_not_say_what_it_cost_makes_the_cost_unknown_not_nothing(tmp_path):
    from safetensors.numpy import save_file

    from madbench.models.teachers.shards import checksums

    FeatureStore(tmp_path).texts(Hashing(), ["a", "b"])
    (shard,) = tmp_path.rglob("*.safetensors")
    tensors = load_file(shard)
    save_file(tensors, shard, {"checksums": checksums(tensors["digests"], tensors["features"])})  # as they once were
    store = FeatureStore(tmp_path)
    store.texts(Hashing(), ["a"])
    assert (store.forwards, store.cached_seconds) == (0, None)


def test_an_image_of_many_questions_is_stored_once(tmp_path, pictures):
    image = pictures(1)[0]
    store, teacher = FeatureStore(tmp_path), Hashing()
    assert store.images(teacher, [image] * 50).shape == (50, WIDTH)
    assert store.forwards == 1
    (shard,) = tmp_path.rglob("*.safetensors")
    assert load_file(shard)["features"].shape == (1, WIDTH)


def test_preprocessing_and_kind_of_input_tell_features_apart(tmp_path):
    teacher, other = Hashing(), Hashing()
    other.preprocessing = "cls"
    store = FeatureStore(tmp_path)
    store.texts(teacher, ["a"])
    store.texts(other, ["a"])
    assert store.forwards == 2


def test_features_are_the_same_cold_and_warm(tmp_path):
    teacher = Hashing()
    teacher.row = lambda content: np.full(WIDTH, 1 / 3, np.float32)
    cold = FeatureStore(tmp_path).texts(teacher, ["a", "b"])
    warm = FeatureStore(tmp_path).texts(teacher, ["b", "a"])
    assert cold.dtype == warm.dtype == np.float32
    assert np.array_equal(cold, warm)
    assert cold[0, 0] == np.float32(np.float16(1 / 3))


@pytest.mark.parametrize("damage", ["cut", "flipped feature", "flipped digest", "header", "empty", "zeros"])
def test_a_damaged_shard_is_dropped_with_one_line_and_computed_again(tmp_path, damage, caplog):
    texts = [str(number) for number in range(40)]
    teacher = Hashing()
    FeatureStore(tmp_path).texts(teacher, texts)
    (shard,) = tmp_path.rglob("*.safetensors")
    content = bytearray(shard.read_bytes())
    start = 8 + int.from_bytes(content[:8], "little")
    tensors = load_file(shard)
    features = content.find(tensors["features"].tobytes(), start)
    digests = content.find(tensors["digests"].tobytes(), start)
    if damage == "cut":
        content = content[:-3]
    elif damage == "flipped feature":
        content[features + 5] ^= 1
    elif damage == "flipped digest":
        content[digests + 7] ^= 1
    elif damage == "header":
        content[10:20] = b"!" * 10
    elif damage == "zeros":
        content[:] = bytes(len(content))
    else:
        content = bytearray()
    shard.write_bytes(content)
    store, again = FeatureStore(tmp_path), Hashing()
    assert np.array_equal(store.texts(again, texts), again.expected(texts))
    assert store.forwards == 40
    assert len([one for one in caplog.records if "damaged" in one.message]) == 1
    assert np.array_equal(FeatureStore(tmp_path).texts(again, texts), again.expected(texts))


def test_features_that_are_no_numbers_are_refused_and_not_kept(tmp_path):
    teacher = Hashing()
    teacher.row = lambda content: np.full(WIDTH, 1e6, np.float32)
    with pytest.raises(DataMalformed, match="no finite numbers"):
        FeatureStore(tmp_path).texts(teacher, ["a"])
    assert not list(tmp_path.rglob("*.safetensors"))


def test_a_failure_half_way_keeps_the_shards_before_it_and_leaves_no_rubbish(tmp_path, monkeypatch):
    monkeypatch.setattr(features_module, "PIECE", 4)
    monkeypatch.setattr(features_module, "SHARD_ROWS", 4)
    texts = [f"{number:02}" for number in range(12)]
    failing = Hashing()
    failing.row = lambda content: Hashing().row(content) if content < "08" else 1 / 0
    with pytest.raises(ZeroDivisionError):
        FeatureStore(tmp_path).texts(failing, texts)
    assert len(list(tmp_path.rglob("*.safetensors"))) == 2
    shard = next(tmp_path.rglob("*.safetensors"))
    left = shard.parent / ".left.safetensors.xyz"  # what kill -9 leaves of a write
    left.write_bytes(b"half")
    store, teacher = FeatureStore(tmp_path), Hashing()
    assert np.array_equal(store.texts(teacher, texts), teacher.expected(texts))
    assert store.forwards == 4
    assert not left.exists()


def test_shards_used_longest_ago_go_first_and_whole(tmp_path, monkeypatch):
    teachers = [Hashing(f"teacher {number}") for number in range(4)]
    texts = [str(number) for number in range(1000)]
    for age, teacher in enumerate(teachers):
        FeatureStore(tmp_path).texts(teacher, texts)
        shard = max(tmp_path.rglob("*.safetensors"), key=lambda path: path.stat().st_mtime_ns)
        long_ago = time.time_ns() - (10 - age) * 10**12
        os.utime(shard, ns=(long_ago, shard.stat().st_mtime_ns))
    size = shard.stat().st_size
    FeatureStore(tmp_path).texts(teachers[0], texts[:1])  # used now, so no more the oldest
    monkeypatch.setenv("MADBENCH_CACHE_GIB", str(3 * size / 2**30))
    FeatureStore(tmp_path).texts(Hashing("another"), texts)
    kept = []
    for teacher in teachers:
        store = FeatureStore(tmp_path)
        store._most_bytes = 1 << 40
        store.texts(teacher, texts)
        kept.append(store.forwards == 0)
    assert kept == [True, False, False, True]


def test_a_size_limit_that_is_no_number_is_told_before_anything_is_computed(tmp_path, monkeypatch):
    monkeypatch.setenv("MADBENCH_CACHE_GIB", "much")
    with pytest.raises(UsageError, match="MADBENCH_CACHE_GIB is 'much'"):
        FeatureStore(tmp_path)


def test_progress_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(features_module, "PIECE", 4)
    told = []
    FeatureStore(tmp_path, lambda *progress: told.append(progress)).texts(Hashing(), [str(one) for one in range(10)])
    assert told == [(done, 10, "features of hashing") for done in (4, 8, 10)]


def _compute(folder, queue):
    store = FeatureStore(Path(folder))
    texts = [str(number) for number in range(50)]
    teacher = Hashing(delay=0.5)
    right = np.array_equal(store.texts(teacher, texts), teacher.expected(texts))
    queue.put((store.forwards, right))


@pytest.mark.slow
def test_of_two_processes_one_computes_and_the_other_waits(tmp_path):
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    workers = [context.Process(target=_compute, args=(str(tmp_path), queue)) for _ in range(3)]
    for worker in workers:
        worker.start()
    results = sorted(queue.get(timeout=240) for _ in workers)
    for worker in workers:
        worker.join()
    assert results == [(0, True), (0, True), (50, True)]
