"""Tag overlap equals the authors' script, from raw tags and from what a model sees."""

from madbench.tasks.vcr import TASK
from madbench.tasks.vcr.overlap import overlap_scores
from madbench.tasks.vcr.tokens import freeze, tags_of


def test_all_golden_rows(golden):
    for line in golden:
        row = line["annot"]
        question, answers, rationales = (
            tags_of(freeze(row["question"])),
            [tags_of(freeze(choice)) for choice in row["answer_choices"]],
            [tags_of(freeze(choice)) for choice in row["rationale_choices"]],
        )
        expected = line["overlap_baseline"]
        assert list(overlap_scores([question], answers)) == expected["answer_scores"]
        right = answers[row["answer_label"]]
        assert list(overlap_scores([question, right], rationales)) == expected["rationale_scores"]


def test_the_visible_tags_give_the_same_scores(golden, read):
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
            assert (
                list(overlap_scores(example.tags.parts.values(), example.tags.choices)) == line["overlap_baseline"][key]
            )


def test_words_without_a_tag_do_not_overlap():
    assert overlap_scores([(-1, 0)], [(-1,), (0, 0, -1), (1, 0)]) == (0, 1, 1)
