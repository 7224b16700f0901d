"""Students: `build_student` makes the one that a spec asks for, with its tokenizer."""

from __future__ import annotations

import torch

from madbench.mini.weights import path_of_weights
from madbench.models.options import StudentOptions
from madbench.models.students.cross_modal import CrossModalStudent
from madbench.models.students.pretraining import PretrainingHeads
from madbench.models.students.tokens import Tokenizer, WordTokenizer
from madbench.models.weights import load_weights


def student_module(options: StudentOptions, vocabulary: int) -> CrossModalStudent:
    """A student with random weights."""
    return CrossModalStudent(
        vocabulary=vocabulary,
        width=options.width,
        layers=options.layers,
        heads=options.heads,
        max_tokens=options.max_tokens,
        image_size=options.image_size,
        patch_size=options.patch_size,
        dropout=options.dropout,
        sees_image="image" in options.inputs,
    )


def build_student(options: StudentOptions, tokenizer: Tokenizer) -> tuple[CrossModalStudent, PretrainingHeads | None]:
    """(student, pretraining heads): from the shipped weights where `init` names them, else random and no heads.

    A student without the image input takes the text part of the shipped weights.
    """
    student = student_module(options, tokenizer.size)
    if options.init == "scratch":
        return student, None
    tensors, _ = load_weights(path_of_weights(options.init))
    own = student.state_dict()
    student.load_state_dict({name: tensors[f"student.{name}"] for name in own})
    heads = PretrainingHeads(options.width, tokenizer.size)
    heads.load_state_dict({name: tensors[f"heads.{name}"] for name in heads.state_dict()})
    return student, heads


def mini_student_options(options: StudentOptions) -> StudentOptions:
    """The options with the sizes of the shipped student, whose weights fix them."""
    if options.init == "scratch":
        return options
    _, settings = load_weights(path_of_weights(options.init))
    return options.model_copy(update=settings["config"])


def mini_tokenizer() -> WordTokenizer:
    """The mini vocabulary, as the shipped student has it."""
    _, settings = load_weights(path_of_weights("mini:student"))
    return WordTokenizer(settings["words"])


def parameters_of(module: torch.nn.Module, trainable_only: bool = False) -> int:
    """How many numbers a module holds."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad or not trainable_only)
