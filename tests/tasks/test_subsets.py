"""Subsets nest, stay disjoint, and depend on nothing but task, draw and unit ids."""

import hashlib
import random
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from madbench.errors import DataError
from madbench.protocols.schema import Select, Subset
from madbench.tasks.contract import Row
from madbench.tasks.subsets import carve, draw_subset, key_order, share, stratified_order, unit_key
from madbench.tasks.vcr.reader import VcrRow

IMAGE = Subset(fraction=0.1)


def world(images=200, per_image=3, movies=20, strata=("a", "b", "c")):
    return [
        Row(f"{image}-{place}", f"image{image}", group=f"movie{image % movies}", stratum=strata[(image + place) % 3])
        for image in range(images)
        for place in range(per_image)
    ]


def drawn(rows, fraction=0.1, draw=0, select=None, task="vqa", unit="image", **more):
    return draw_subset(rows, task=task, draw=draw, subset=Subset(fraction=fraction, unit=unit), select=select, **more)


def ids(rows):
    return {row.example_id for row in rows}


def test_the_key_is_the_published_formula():
    digest = hashlib.sha256(b"madbench-subset-v1|vqa|3|42").hexdigest()
    assert unit_key("vqa", 3, "42") == int(digest, 16)


def test_ten_percent_of_images_by_the_formula_worked_by_hand():
    rows = world()
    images = sorted({row.image_id for row in rows}, key=lambda unit: (unit_key("vqa", 0, unit), unit))[:20]
    assert {row.image_id for row in drawn(rows).train} == set(images)
    assert len(drawn(rows).train) == 60  # whole images: all three rows of each


@pytest.mark.parametrize(
    ("fraction", "units", "expected"),
    [(0.01, 10, 1), (0.01, 149, 1), (0.01, 150, 2), (0.05, 30, 2), (0.29, 50, 15), (1.0, 7, 7)],
)
def test_share_rounds_half_up_and_never_to_zero(fraction, units, expected):
    assert share(fraction, units) == expected


@settings(max_examples=40, deadline=None)
@given(
    units=st.sets(st.text(min_size=1, max_size=6), min_size=3, max_size=60),
    draw=st.integers(0, 99),
    shuffle=st.randoms(),
    every=st.sampled_from([None, 2, 5]),
)
def test_order_of_the_file_makes_no_difference(units, draw, shuffle, every):
    rows = [Row(f"{unit}:{place}", unit) for unit in sorted(units) for place in range(2)]
    again = list(rows)
    shuffle.shuffle(again)
    select = None if every is None or len(units) < 10 else Select(every=every)
    one, two = (drawn(some, 0.6, draw, select) for some in (rows, again))
    assert one.manifest == two.manifest
    assert [row for row in again if row in set(one.train)] == list(two.train)  # file order is kept


@settings(max_examples=30, deadline=None)
@given(images=st.integers(60, 400), draw=st.integers(0, 20), unit=st.sampled_from(["image", "example"]))
def test_fractions_nest_and_train_and_select_stay_disjoint_across_them(images, draw, unit):
    rows = world(images)
    cells = [drawn(rows, fraction, draw, Select(every=5), unit=unit) for fraction in (0.1, 0.2, 0.5)]
    for small, large in pairwise(cells):
        assert ids(small.train) <= ids(large.train)
        assert ids(small.select) <= ids(large.select)
    for one in cells:
        for other in cells:
            assert not ids(one.train) & ids(other.select)
    assert ids(drawn(rows, 0.01, draw, unit=unit).train) <= ids(drawn(rows, 0.05, draw, unit=unit).train)


def test_every_fifth_unit_of_the_subset_order_selects():
    rows = world()
    subset = drawn(rows, 0.1, select=Select(every=5))
    order = key_order((row.image_id for row in rows), "vqa", 0)[:20]
    assert {row.image_id for row in subset.select} == {order[4], order[9], order[14], order[19]}
    assert ids(subset.train) | ids(subset.select) == ids(drawn(rows, 0.1).train)


@pytest.mark.parametrize(("select", "unit"), [(Select(movies=0.05), "group"), (Select(images=0.02), "image_id")])
def test_movies_or_images_set_aside_whole_by_the_same_key(select, unit):
    rows = world(movies=40)
    subset = drawn(rows, 1.0, select=select)
    groups = key_order((getattr(row, unit) for row in rows), "vqa", 0)
    aside = set(groups[: share(select.movies or select.images, len(groups))])
    assert {getattr(row, unit) for row in subset.select} == aside
    assert not aside & {getattr(row, unit) for row in subset.train}
    assert len(subset.train) + len(subset.select) == len(rows)


def test_a_split_of_its_own_selects_and_takes_no_training_row():
    rows, dev = world(), [Row("dev1", "other")]
    subset = drawn(rows, 1.0, select=Select(split="dev"), select_rows=dev)
    assert subset.select == tuple(dev) and len(subset.train) == len(rows)


def test_other_draws_the_global_generator_and_earlier_runs_make_no_difference():
    rows = world()
    alone = drawn(rows, draw=3).manifest
    for draw in range(3):
        drawn(rows, draw=draw)
    random.seed(1)
    np.random.seed(1)
    assert drawn(rows, draw=3).manifest == alone
    assert drawn(rows, draw=4).manifest["train"]["ids"] != alone["train"]["ids"]


def test_another_process_draws_the_same():
    code = (
        "from madbench.tasks.contract import Row; from madbench.tasks.subsets import carve, draw_subset;"
        "from madbench.protocols.schema import Subset;"
        "rows=[Row(f'{i}-{p}', f'image{i}') for i in range(200) for p in range(3)];"
        "print(draw_subset(rows, task='vqa', draw=7, subset=Subset(fraction=0.1), select=None).manifest['train']['sha256'])"
    )
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=None)
    assert seen.stdout.strip() == drawn(world(), draw=7).manifest["train"]["sha256"]


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(1, 60), min_size=1, max_size=6), draw=st.integers(0, 9))
@example(sizes=[5, 1, 1, 1], draw=0)
def test_every_prefix_of_the_stratified_order_is_proportional(sizes, draw):
    """At fraction x a stratum of s has s*x items within a half, and a prefix N*x within half the number of strata.

    So the deviation is at most 1/2 + (s/N) * strata/2; "within one" is false for many tiny strata (the example).
    """
    strata = {f"{place}-{item}": str(place) for place, size in enumerate(sizes) for item in range(size)}
    order = stratified_order(strata, "vqa", draw)
    assert sorted(order) == sorted(strata)
    for length in range(1, len(order) + 1):
        for place, size in enumerate(sizes):
            count = sum(strata[unit] == str(place) for unit in order[:length])
            bound = Fraction(1, 2) + Fraction(size * len(sizes), 2 * len(order))
            assert abs(count - Fraction(size * length, len(order))) <= bound


def test_shots_are_counted_per_class():
    subset = draw_subset(world(), task="vqa", draw=0, subset=Subset(shots=4, unit="example"), select=None)
    assert subset.manifest["train"]["label_shares"] == pytest.approx({"a": 1 / 3, "b": 1 / 3, "c": 1 / 3})
    assert len(subset.train) == 12


def test_the_manifest_of_vcr_counts_the_labels_of_both_legs():
    rows = [
        VcrRow(f"train-{n}", f"train-{n // 2}", labels=(n % 4, 3 if n % 4 == 3 else 0), image_name=f"{n // 2}.jpg")
        for n in range(40)
    ]
    manifest = drawn(rows, 1.0, select=Select(every=10), task="vcr").manifest
    shares = manifest["label_shares"]
    assert shares["pool"] == {"answer_label": dict.fromkeys("0123", 0.25), "rationale_label": {"0": 0.75, "3": 0.25}}
    for part in ("train", "select"):
        labels = [row.labels[0] for row in rows if row.example_id in manifest[part]["ids"]]
        assert shares[part]["answer_label"] == {str(one): labels.count(one) / len(labels) for one in set(labels)}
    # Manifests from before lie beside records, and `verify` makes their parts again.
    assert manifest["pool"]["label_shares"] == {} and manifest["train"]["label_shares"] == {}
    assert "label_shares" not in drawn(world()).manifest


def test_more_shots_than_rows_is_an_error():
    with pytest.raises(DataError, match="500 shots asked for, and class 'a' has 200 rows"):
        draw_subset(world(), task="vqa", draw=0, subset=Subset(shots=500, unit="example"), select=None)


def test_an_snli_ve_class_without_a_row_is_an_error_and_for_vqa_it_is_not():
    rows = [Row(str(item), f"i{item}", stratum="b" if item == 7 else "a") for item in range(50)]
    draw = next(d for d in range(99) if "7" not in ids(drawn(rows, 0.02, d).train))
    assert drawn(rows, 0.02, draw, task="vqa").train
    with pytest.raises(DataError, match="no training row of class"):
        drawn([Row(str(i), f"i{i}", stratum=str(i % 3)) for i in range(50)], 0.02, 0, task="snli_ve")


def test_too_few_units_to_select_on_is_an_error():
    with pytest.raises(DataError, match="4 units are too few to select on"):
        drawn(world(4), 1.0, select=Select(every=5))


def test_select_that_leaves_nothing_to_train_on_is_an_error():
    with pytest.raises(DataError, match="leaves none to train on"):
        drawn(world(), 0.01, select=Select(images=0.02))


def test_no_training_rows_is_an_error():
    with pytest.raises(DataError, match="no rows"):
        drawn([])


def test_limit_takes_the_first_units_of_the_subset():
    full, few = drawn(world(), 0.5), drawn(world(), 0.5, limit=3)
    assert few.manifest["train"]["n_units"] == 3 and ids(few.train) < ids(full.train)


def test_a_carved_part_holds_whole_images_and_is_the_same_for_every_draw():
    rows = [Row(str(number), str(number // 3)) for number in range(300)]
    rest, part = carve(rows, "vqa", 0.1)
    assert len({row.image_id for row in part}) == 10 and len(part) == 30
    assert {row.image_id for row in part}.isdisjoint(row.image_id for row in rest)
    assert carve(rows[::-1], "vqa", 0.1)[1] == part[::-1]
