import numpy as np
import pytest
import torch

from madbench.mini.text import WORDS
from madbench.mini.weights import NAMES, metadata_of, path_of_weights
from madbench.models.mini_clip import CLIP_CONFIG
from madbench.models.mini_pretrain import RECIPES, pretrain
from madbench.models.mini_student import STUDENT_CONFIG
from madbench.models.students.one_stream import mini_tokenizer
from madbench.models.students.tokens import UNKNOWN
from madbench.models.teachers.clip import ClipTeacher
from madbench.models.teachers.text_encoder import TextTeacher

TINY = {"scenes": 40, "updates": 2, "batch": 32}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_pretraining_writes_weights_that_load_and_repeats_itself(name, tmp_path):
    figures = [pretrain(name, tmp_path / run, **TINY) for run in ("one", "two")]
    for one in figures:
        one.pop("minutes")
    assert figures[0] == figures[1]
    path = tmp_path / "one" / f"{name}.safetensors"
    assert metadata_of(path)["words"] == list(WORDS)
    if name == "clip":
        teacher = ClipTeacher(path)
        features = teacher.pixel_features(np.zeros((2, 64, 64, 3), np.uint8))
        assert np.allclose(np.linalg.norm(features, axis=1), 1, atol=1e-4)
        assert np.allclose(np.linalg.norm(teacher.text_features(["a red cup"]), axis=1), 1, atol=1e-4)
    if name == "text":
        assert TextTeacher(path).text_features(["a red cup", "casey"]).shape == (2, 96)


def test_the_shipped_weights_say_how_they_were_made():
    for name in NAMES:
        settings = metadata_of(path_of_weights(name))
        recipe = settings["recipe"]
        assert {key: RECIPES[name][key] for key in ("scenes", "updates", "batch", "seed")} == {
            key: recipe[key] for key in ("scenes", "updates", "batch", "seed")
        }
        assert settings["figures"]
    assert metadata_of(path_of_weights("student"))["config"] == STUDENT_CONFIG
    assert metadata_of(path_of_weights("clip"))["config"]["vision"] == CLIP_CONFIG["vision"]


def test_the_shipped_vocabulary_covers_every_word_of_mini():
    tokenizer = mini_tokenizer()
    assert UNKNOWN not in tokenizer.encode(" ".join(WORDS))


def test_text_features_do_not_depend_on_the_texts_beside_them():
    for teacher in (ClipTeacher(path_of_weights("clip")), TextTeacher(path_of_weights("text"))):
        alone = teacher.text_features(["casey is sitting ."])
        beside = teacher.text_features(["casey is sitting .", "a man in a red shirt is holding a blue cup ."])
        assert np.allclose(alone[0], beside[0], atol=1e-5)


def test_teachers_are_frozen():
    teacher = ClipTeacher(path_of_weights("clip"))
    assert not teacher.model.training
    assert not any(parameter.requires_grad for parameter in teacher.model.parameters())
    assert isinstance(teacher.text_features(["casey"]), np.ndarray)
    assert torch.is_grad_enabled()
