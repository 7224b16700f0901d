"""The tag overlap of the `overlap` baseline equals the authors' script."""

import numpy as np

from madbench.models.overlap import tag_overlap
from madbench.tasks.vcr import TASK


def test_all_golden_rows(golden, read):
    rows = read([{**line["annot"], "img_fn": "x.jpg", "metadata_fn": "x.json", "img_id": "val-0"} for line in golden])
    for leg, key in (("q2a", "answer_scores"), ("qa2r", "rationale_scores")):
        examples = TASK.examples(
            rows,
            leg=leg,
            condition="val",
            space=TASK.answer_space([], 1.0),
            rendering="index@1",
            labelled=False,
        )
        for example, line in zip(examples, golden, strict=True):
            # What is behind the point are shared words, which break ties.
            assert np.floor(tag_overlap(example)).tolist() == line["overlap_baseline"][key]
