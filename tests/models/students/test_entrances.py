"""Where adversarial training perturbs each student: words and pictures, without touching anything else."""

import numpy as np
import pytest
import torch
from PIL import Image

from madbench.models.objectives.adversarial import perturbed
from madbench.models.options import StudentOptions
from madbench.models.students import student_kind
from madbench.models.students.encoding import encode_split, make_batch
from madbench.models.students.one_stream import mini_tokenizer
from madbench.tasks.contract import Example, LazyImage

NAMES = ("one-stream", "uniter", "vilt", "visualbert")
CHOICES = ("a red square", "a blue circle")


def made(name):
    torch.manual_seed(0)
    options = StudentOptions.model_validate(
        {"name": name, "width": 16, "heads": 2, "layers": 1, "region_width": 12, "image_size": 32, "dropout": 0.0}
    )
    picture = LazyImage("red", lambda: Image.new("RGB", (32, 32), "red"))
    tokenizer = mini_tokenizer()
    split = encode_split(
        [Example("0" * 16, "q2a", picture, {"question": "what is this ?"}, CHOICES, target=0)],
        tokenizer=tokenizer,
        inputs=("image", "query", "choices"),
        max_tokens=32,
        image_size=32,
        legs=("q2a", "qa2r"),
        read_images=student_kind(name).read_images(options),
    )
    return student_kind(name).build(options, tokenizer)[0].eval(), make_batch(split, np.array([0]), 0)


@pytest.mark.parametrize("name", NAMES)
def test_words_have_a_row_per_sequence_and_pictures_one_each_where_they_are_embedded_once(name):
    student, batch = made(name)
    rows = {}

    def note(modality, value):
        rows[modality] = len(value)
        return value

    with perturbed(student.entrances(), note), torch.no_grad():
        student(batch)
    assert rows == {"text": len(CHOICES), "image": len(CHOICES) if name == "visualbert" else 1}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("modality", ["text", "image"])
def test_what_is_added_there_moves_the_summary_and_its_gradient_comes_back(name, modality):
    student, batch = made(name)
    entrances = {modality: student.entrances()[modality]}
    plain = student(batch).cls
    deltas = {}

    def add(_, value):
        deltas[modality] = torch.randn_like(value).requires_grad_()
        return value + deltas[modality]

    with perturbed(entrances, add):
        moved = student(batch).cls
    assert not torch.allclose(plain, moved, atol=1e-7)
    (gradient,) = torch.autograd.grad(moved.square().sum(), deltas[modality])
    assert gradient.abs().sum() > 0


def test_a_student_that_sees_no_picture_has_only_words():
    options = StudentOptions.model_validate({"inputs": ["query", "choices"], "width": 16, "heads": 2})
    student = student_kind("one-stream").build(options, mini_tokenizer())[0]
    assert set(student.entrances()) == {"text"}
