"""CLIP's tower inside a student: beside its own patches or in their place, frozen or trained."""

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from madbench.errors import ConfigError
from madbench.models.options import ImageEncoderOptions, StudentOptions
from madbench.models.students import parameters_of, student_kind
from madbench.models.students.clip_features import ClipFeatures, ClipTower, refuse_small_pictures
from madbench.models.students.encoding import encode_split, make_batch
from madbench.models.students.one_stream import mini_tokenizer
from madbench.models.teachers import load_teacher
from madbench.tasks.contract import Example, LazyImage

PIXELS = torch.rand(2, 64, 64, 3, generator=torch.Generator().manual_seed(0))
PLACES = 16  # mini's CLIP cuts 64 pixels into 4 x 4 patches, as mini's student does


def encoder(**options):
    return ImageEncoderOptions.model_validate({"name": "clip", "weights": "mini:clip", **options})


def student(**image_encoder):
    plugged = {"name": "clip", "weights": "mini:clip", **image_encoder}
    chosen = {"init": "mini:student", "tokenizer": "mini", "image_encoder": plugged}
    kind = student_kind("one-stream")
    options = kind.resolved(StudentOptions.model_validate(chosen if image_encoder else {**chosen, "image_encoder": {}}))
    return kind.build(options, mini_tokenizer())[0].eval()


def batch():
    pictures = [
        LazyImage(colour, lambda colour=colour: Image.new("RGB", (64, 64), colour)) for colour in ("red", "blue")
    ]
    examples = [
        Example(f"{place:016x}", "main", picture, {"hypothesis": "a red square"}, (), target=0)
        for place, picture in enumerate(pictures)
    ]
    split = encode_split(
        examples,
        tokenizer=mini_tokenizer(),
        inputs=("image", "query", "choices"),
        max_tokens=64,
        image_size=64,
        legs=("main",),
    )
    return make_batch(split, np.array([0, 1]), 0)


def test_pooled_is_what_the_teacher_says_of_the_picture():
    picture = (PIXELS * 255).round().to(torch.uint8)
    tower = ClipTower(encoder(states="pooled"))
    expected = load_teacher("clip-image", "mini:clip", "cpu").pixel_features(picture.numpy())
    assert np.allclose(tower(picture.float() / 255)[:, 0].numpy(), expected, atol=1e-5)


def test_patches_come_row_by_row_with_the_boxes_of_their_places():
    module = ClipFeatures(encoder(), 8)
    features, boxes = module(PIXELS)
    assert features.shape == (2, PLACES, 8) and boxes.shape == (2, PLACES, 7)
    assert boxes[0, 1, :4].tolist() == [0.25, 0.0, 0.5, 0.25]  # to the right of the first
    changed = PIXELS.clone()
    changed[:, 16:32, 48:] = 0  # second row, last column
    moved = (module.tower(changed) - module.tower(PIXELS)).norm(dim=2)[0]
    assert moved.argmax() == 7


def test_another_size_of_picture_is_resized():
    large = torch.nn.functional.interpolate(PIXELS.permute(0, 3, 1, 2), scale_factor=2).permute(0, 2, 3, 1)
    assert ClipTower(encoder())(large).shape == (2, PLACES, 128)


def test_beside_adds_to_what_the_student_sees_and_replace_takes_its_place():
    with torch.no_grad():
        plain, beside, replaced = (student(**one)(batch()) for one in ({}, {"use": "beside"}, {"use": "replace"}))
    assert plain.image.shape[1] == PLACES
    assert beside.image.shape[1] == 2 * PLACES
    assert replaced.image.shape[1] == PLACES
    assert plain.text.shape == beside.text.shape and not torch.allclose(plain.cls, beside.cls)


def test_the_tower_counts_at_inference_and_is_trained_only_when_asked():
    plain, frozen, trained = student(), student(trained=False), student(trained=True)
    tower = parameters_of(ClipTower(encoder()))
    assert parameters_of(frozen) > parameters_of(plain) + tower
    assert parameters_of(trained, trainable_only=True) == parameters_of(frozen, trainable_only=True) + tower
    frozen.train()
    assert not frozen.plugged.tower.visual.training and frozen.encoder.training
    assert trained.train().plugged.tower.visual.training


def test_a_teacher_is_not_touched_by_a_student_that_trains_its_tower():
    trained = student(trained=True)
    teacher = load_teacher("clip-image", "mini:clip", "cpu").model.visual
    assert not any(one.requires_grad for one in teacher.parameters())
    own = next(trained.plugged.tower.visual.parameters())
    assert own.data_ptr() != next(teacher.parameters()).data_ptr()


def test_gradients_reach_the_tower_when_it_is_trained():
    module = ClipFeatures(encoder(trained=True), 8)
    module(PIXELS)[0].square().sum().backward()
    assert any(one.grad is not None and one.grad.abs().sum() > 0 for one in module.tower.visual.parameters())


def test_region_students_read_it_as_regions():
    """Beside the learned patches, as further boxes."""
    options = StudentOptions.model_validate(
        {
            "name": "uniter",
            "width": 16,
            "heads": 2,
            "layers": 1,
            "region_width": 12,
            "image_encoder": {"name": "clip", "weights": "mini:clip"},
        }
    )
    tokenizer = mini_tokenizer()
    with torch.no_grad():
        states = student_kind("uniter").build(options, tokenizer)[0].eval()(batch())
    assert states.image.shape == (2, 2 * PLACES, 16)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"name": "vilt"}, "vilt is built on its own patches"),
        ({"name": "uniter", "regions": "detector"}, "set regions: patches"),
        ({"inputs": ["query", "choices"]}, "keep `image`"),
    ],
)
def test_what_cannot_be_plugged_is_refused(options, text):
    with pytest.raises(ValidationError, match=text):
        StudentOptions.model_validate({**options, "image_encoder": {"name": "clip", "weights": "mini:clip"}})


def test_a_plugged_in_clip_names_its_weights():
    """A default of mini:clip stood in no option, so neither the identity nor the refusal of mini weights knew of it."""
    with pytest.raises(ValidationError, match="clip needs weights"):
        ImageEncoderOptions.model_validate({"name": "clip"})
    with pytest.raises(ValidationError, match="name is own"):
        ImageEncoderOptions.model_validate({"weights": "mini:clip"})


def test_pictures_smaller_than_clip_reads_are_refused():
    """Real pictures opened at 64 pixels and enlarged to 224 would show CLIP next to nothing."""
    plugged = {"name": "clip", "weights": "mini:clip"}
    refuse_small_pictures(StudentOptions.model_validate({"image_size": 64, "image_encoder": plugged}))
    refuse_small_pictures(StudentOptions.model_validate({"image_size": 128, "image_encoder": plugged}))
    refuse_small_pictures(StudentOptions.model_validate({"image_size": 32}))
    with pytest.raises(ConfigError, match="64 pixels, and the student opens them at 32") as caught:
        refuse_small_pictures(StudentOptions.model_validate({"image_size": 32, "image_encoder": plugged}))
    assert caught.value.fix == "--set student.image_size=64"
