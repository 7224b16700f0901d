"""The kind of madbench's own small student (`cross_modal.py`): from random weights, or those shipped for mini."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torch import nn

from madbench.mini.weights import path_of_weights
from madbench.models.options import StudentOptions
from madbench.models.students.clip_features import ClipFeatures
from madbench.models.students.cross_modal import CrossModalStudent
from madbench.models.students.image_inputs import ImageInputs, PixelArray
from madbench.models.students.interface import StudentKind
from madbench.models.students.pretraining import PretrainingHeads
from madbench.models.students.tokens import Tokenizer, WordTokenizer
from madbench.models.weights import load_weights
from madbench.tasks.contract import LazyImage


class OneStreamKind(StudentKind):
    def resolved(self, options: StudentOptions) -> StudentOptions:
        """With the sizes of the shipped student, whose weights fix them."""
        if options.init == "scratch":
            return options
        _, settings = load_weights(path_of_weights(options.init))
        return options.model_copy(update=settings["config"])

    def tokenizer(self, options: StudentOptions, texts: Callable[[], Iterable[str]]) -> Tokenizer:
        return mini_tokenizer() if options.tokenizer == "mini" else super().tokenizer(options, texts)

    def read_images(self, options: StudentOptions) -> Callable[[list[LazyImage]], ImageInputs]:
        """One array: its pictures are small, and every one is read many times."""
        return lambda lazy: PixelArray(lazy, options.image_size)

    def build(self, options: StudentOptions, tokenizer: Tokenizer) -> tuple[nn.Module, PretrainingHeads | None]:
        """A student without the image input takes the text part of the shipped weights."""
        student = student_module(options, tokenizer.size)
        if options.init == "scratch":
            return _with_plugged(student, options), None
        tensors, _ = load_weights(path_of_weights(options.init))
        student.load_state_dict({name: tensors[f"student.{name}"] for name in student.state_dict()})
        heads = PretrainingHeads(options.width, tokenizer.size)
        heads.load_state_dict({name: tensors[f"heads.{name}"] for name in heads.state_dict()})
        return _with_plugged(student, options), heads


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


def _with_plugged(student: CrossModalStudent, options: StudentOptions) -> CrossModalStudent:
    """After the student's own weights are in: they know nothing of a plugged-in encoder."""
    if options.image_encoder.name != "own":
        encoder = ClipFeatures(options.image_encoder, options.width)
        student.plug_in(encoder, replace=options.image_encoder.use == "replace")
    return student


def mini_tokenizer() -> WordTokenizer:
    """The mini vocabulary, as the shipped student has it."""
    _, settings = load_weights(path_of_weights("mini:student"))
    return WordTokenizer(settings["words"])


KIND = OneStreamKind()
