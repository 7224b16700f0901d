import pytest
from pydantic import ValidationError

from madbench.models.options import FinetuneOptions, ObjectiveOptions


def refuse(text, schema=FinetuneOptions, **options):
    with pytest.raises(ValidationError, match=text):
        schema.model_validate(options)


def test_an_unknown_key_is_refused():
    refuse("Extra inputs", training={"learning_rat": 1e-3})


def test_confidence_without_a_teacher_is_refused_not_ignored():
    refuse("at least one teacher", ObjectiveOptions, confidence={"mode": "ratio"})


def test_token_selection_needs_both_clip_teachers():
    one = [{"kind": "clip-text", "weights": "mini:clip"}]
    refuse("clip-image and a clip-text", ObjectiveOptions, teachers=one, token_selection={"use": "compress"})


def test_distillation_into_a_blind_student_is_refused():
    teachers = [{"kind": "clip-image", "weights": "mini:clip"}]
    refuse("sees the image", student={"inputs": ["query", "choices"]}, objective={"teachers": teachers})


def test_a_student_with_nothing_to_look_at_is_refused():
    refuse("image or query", student={"inputs": ["choices"]})


def test_the_mini_student_comes_with_the_mini_vocabulary():
    refuse("mini vocabulary", student={"init": "mini:student", "tokenizer": "clip-bpe"})
