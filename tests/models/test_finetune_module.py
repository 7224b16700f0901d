"""Which rows the trained module tries a batch size with."""

import numpy as np

from madbench.models.finetune_module import FinetuneModule, TrainingData
from madbench.models.options import FinetuneOptions
from madbench.models.students.encoding import EncodedSplit
from madbench.models.students.image_inputs import RegionInputs
from madbench.tasks.contract import LazyImage, Regions

COUNTS = (3, 40, 5, 12)


def regions_of(count):
    return Regions(np.zeros((count, 4), np.float32), np.zeros((count, 8), np.float32), np.ones(count, np.float32))


def split(words):
    n = len(words)
    return EncodedSplit(
        ids=[np.ones(length, np.int64) for length in words],
        segments=[np.zeros(length, np.int64) for length in words],
        places=[np.zeros(length, np.int64) for length in words],
        first=np.arange(n + 1),
        legs=np.zeros(n, np.int64),
        image=np.arange(n),
        images=RegionInputs(
            [LazyImage("picture", lambda: None, regions=lambda count=count: regions_of(count)) for count in COUNTS],
            most=30,
        ),
        image_keys=[str(row) for row in range(n)],
        targets=np.zeros(n, np.int64),
        soft=None,
    )


def test_a_batch_size_is_tried_with_the_examples_that_have_most_words_and_regions_together():
    student = {"name": "uniter", "regions": "detector", "init": "random"}
    options = FinetuneOptions.model_validate({"student": student, "training": {"batch_examples": 2}})
    module = FinetuneModule(None, None, None)
    # 9 + 3, 6 + 30 (of its 40 regions), 14 + 5, 8 + 12 places
    module.attach(TrainingData(split([9, 6, 14, 8])), options, 3, 0, "cpu")
    assert module.largest(2).rows["train"].tolist() == [1, 3]
