import numpy as np
import pytest
import torch
from PIL import Image

from madbench.models.options import StudentOptions
from madbench.models.students import parameters_of
from madbench.models.students.cross_modal import ChoiceHead, LabelHead, right_probability, task_loss
from madbench.models.students.encoding import encode_split, make_batch
from madbench.models.students.one_stream import student_module
from madbench.models.students.tokens import WordTokenizer
from madbench.tasks.contract import Example, LazyImage, SoftTarget

WORDS = ["why", "is", "casey", "red", "sad", "a", "dog", "?"]
OPTIONS = StudentOptions(width=16, layers=2, heads=2, image_size=32, patch_size=16, max_tokens=24)


def picture(colour):
    return LazyImage(colour, lambda: Image.new("RGB", (40, 20), colour))


def example(place, question, choices=(), target=0, colour="red", leg="q2a"):
    return Example(f"{place:016x}", leg, picture(colour), {"question": question}, tuple(choices), target=target)


def encode(examples, inputs=("image", "query", "choices")):
    return encode_split(
        examples, tokenizer=WordTokenizer(WORDS), inputs=inputs, max_tokens=24, image_size=32, legs=("q2a", "qa2r")
    )


@pytest.fixture
def student():
    torch.manual_seed(0)
    return student_module(OPTIONS, WordTokenizer(WORDS).size).eval()


CHOICES = ("casey is sad", "a dog", "red", "casey is a red dog ?")


def test_one_sequence_per_candidate_and_each_image_once():
    split = encode([example(1, "why ?", CHOICES), example(2, "why ?", CHOICES)])
    assert len(split.ids) == 8
    assert split.images.pixels.shape == (1, 32, 32, 3)


def test_padding_changes_nothing(student):
    split = encode([example(1, "why is casey sad ?", CHOICES), example(2, "why ?", ("a", "dog", "red", "is"))])
    alone = student(make_batch(split, np.array([1]), 0)).cls
    together = student(make_batch(split, np.array([0, 1]), 0)).cls[4:]
    assert torch.allclose(alone, together, atol=1e-5)


def test_the_order_of_candidates_only_permutes_the_scores(student):
    head = ChoiceHead(16).eval()

    def scores(choices):
        batch = make_batch(encode([example(1, "why ?", choices)]), np.array([0]), 0)
        return head(student(batch).cls, 4)[0]

    turned = scores(CHOICES[::-1])
    assert torch.allclose(scores(CHOICES), turned.flip(0), atol=1e-5)


def test_image_and_question_matter_and_can_be_left_out(student):
    def cls(colour, question, inputs):
        return student(make_batch(encode([example(1, question, CHOICES, colour=colour)], inputs), np.array([0]), 0)).cls

    everything = ("image", "query", "choices")
    assert not torch.allclose(cls("red", "why ?", everything), cls("blue", "why ?", everything))
    no_question = ("image", "choices")
    assert torch.equal(cls("red", "why ?", no_question), cls("red", "is casey sad ?", no_question))


def test_a_text_only_student_has_no_image_parameters():
    blind = student_module(OPTIONS.model_copy(update={"inputs": ["query", "choices"]}), 13)
    assert blind.patches == 0
    assert parameters_of(blind) < parameters_of(student_module(OPTIONS, 13))


def test_too_long_a_sequence_loses_tokens_of_its_longest_part():
    split = encode([example(1, "why " * 40, ("a dog",) * 4)])
    assert len(split.ids[0]) == 24
    assert split.ids[0][-3:].tolist() == [*WordTokenizer(WORDS).encode("a dog"), 3]


def test_task_loss_by_hand():
    split = encode([example(1, "why ?", target=2)])
    batch = make_batch(split, np.array([0]), 0)
    logits = torch.log(torch.tensor([[0.2, 0.3, 0.5]]))
    assert task_loss(logits, batch).item() == pytest.approx(-np.log(0.5), rel=1e-5)
    assert right_probability(logits, batch).item() == pytest.approx(0.5)


def test_soft_targets_by_hand_and_unanswerable_questions_cost_nothing():
    known = example(1, "why ?", target=SoftTarget("red", {0: 1.0, 2: 0.3}))
    unknown = example(2, "why ?", target=SoftTarget("zebra", {}))
    batch = make_batch(encode([known, unknown]), np.array([0, 1]), 3)
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.25]])).repeat(2, 1)
    expected = -(1.0 * np.log(0.5) + 0.3 * np.log(0.25))
    assert task_loss(logits, batch).tolist() == pytest.approx([expected, 0.0], rel=1e-5)
    assert right_probability(logits, batch).tolist() == pytest.approx([0.5 + 0.3 * 0.25, 0.0])


def test_a_label_head_starts_at_the_prior():
    torch.manual_seed(0)
    prior = torch.log(torch.tensor([0.7, 0.2, 0.1]))
    scores = LabelHead(16, 3, prior)(torch.zeros(1, 16)).softmax(1)
    assert scores[0].tolist() == pytest.approx([0.7, 0.2, 0.1], abs=1e-4)
