import pytest
from pydantic import ValidationError

from madbench.models.objective_options import ObjectiveOptions
from madbench.models.options import FinetuneOptions


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


def test_adversarial_steps_need_something_to_perturb():
    refuse("sees no image", student={"inputs": ["query", "choices"]}, objective={"adversarial": {"steps": 3}})
    refuse("does not notice", training={"compile": True}, objective={"adversarial": {"steps": 3}})
    refuse("name text, image", ObjectiveOptions, adversarial={"steps": 1, "modalities": []})
    refuse("pool: none", ObjectiveOptions, adversarial={"steps": 3}, pool="self")


def test_competing_teachers_are_several_and_have_probes_of_their_own():
    one = [{"kind": "text-encoder", "weights": "mini:text", "probe": "own"}]
    refuse("only one", ObjectiveOptions, teachers=one, confidence={"mode": "softmax", "per_teacher": True})
    refuse("per_teacher: true", ObjectiveOptions, teachers=one * 2, confidence={"mode": "softmax"})


def test_a_control_of_the_weights_needs_weights():
    two = [{"kind": kind, "weights": "mini:clip"} for kind in ("clip-image", "clip-text")]
    refuse("weights that differ", ObjectiveOptions, teachers=two, confidence={"control": "shuffled"})


def test_losses_of_pretraining_heads_need_a_student_that_has_them():
    stages = [{"name": "words", "share": 1.0, "self_supervised": 1.0}]
    refuse("self_supervised needs the pretraining heads", objective={"stages": stages})


def test_no_more_regions_are_asked_for_than_allowed():
    refuse("more than max_regions", student={"name": "uniter", "min_regions": 10, "max_regions": 5})


def test_the_mini_student_comes_with_the_mini_vocabulary():
    refuse("mini vocabulary", student={"init": "mini:student", "tokenizer": "clip-bpe"})
