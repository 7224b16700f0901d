"""Teachers in published formats: the library's own numbers, nothing trained, no network for what lies here."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from madbench.errors import ConfigError, DataMalformed, DataMissing, UsageError
from madbench.models.objective_options import TeacherOptions
from madbench.models.teachers import load_teacher
from madbench.models.weight_references import identity_of

TEXTS = ["a man is riding a brown horse", "a red cup", "a " + "very " * 200 + "long text"]


def test_open_clip_gives_what_the_library_gives_by_hand(clip_folder, no_network, pictures):
    import open_clip

    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{clip_folder}")
    model.eval()
    tokens = open_clip.get_tokenizer(f"local-dir:{clip_folder}")(TEXTS)
    with torch.no_grad():
        texts = torch.nn.functional.normalize(model.encode_text(tokens), dim=-1)
        images = torch.stack([transform(one.open()) for one in pictures(3)])
        images = torch.nn.functional.normalize(model.encode_image(images), dim=-1)
    teacher = load_teacher("clip-text", f"open_clip:local-dir:{clip_folder}", "cpu")
    assert teacher.dimensions == 16
    assert np.allclose(teacher.text_features(TEXTS), texts, atol=1e-6)
    assert np.allclose(teacher.image_features(pictures(3)), images, atol=1e-6)
    assert tokens.shape[1] == 77 and int(tokens[2].argmax()) == 76  # the long text ends in its end-of-text token


def test_two_terms_share_one_clip_and_it_is_frozen(clip_folder):
    weights = f"open_clip:local-dir:{clip_folder}"
    teacher = load_teacher("clip-image", weights, "cpu")
    assert teacher is load_teacher("clip-text", weights, "cpu")
    assert not teacher.model.training
    assert not any(parameter.requires_grad for parameter in teacher.model.parameters())


def test_a_checkpoint_of_a_training_is_read_for_its_architecture(clip_folder, tmp_path, no_network):
    """open_clip's training saves {"state_dict": ...} of a data-parallel model; a bare state dict and safetensors do too."""
    import open_clip

    (tmp_path / "tiny-test-clip.json").write_text(
        json.dumps(json.loads((clip_folder / "open_clip_config.json").read_text())["model_cfg"])
    )
    open_clip.add_model_config(tmp_path / "tiny-test-clip.json")
    tensors = load_file(clip_folder / "open_clip_model.safetensors")
    torch.save(
        {"epoch": 1, "state_dict": {f"module.{name}": one for name, one in tensors.items()}}, tmp_path / "epoch_1.pt"
    )
    torch.save(tensors, tmp_path / "bare.bin")
    folder = load_teacher("clip-text", f"open_clip:local-dir:{clip_folder}", "cpu").text_features(TEXTS)
    for place in ("epoch_1.pt", "bare.bin"):
        teacher = load_teacher("clip-text", f"open_clip:tiny-test-clip:{tmp_path / place}", "cpu")
        assert np.array_equal(teacher.text_features(TEXTS), folder)
        assert teacher.identity.startswith("tiny-test-clip:")


def with_releases(monkeypatch, tmp_path, clip_folder, **releases):
    """An architecture `tiny-released-clip` of open_clip's with releases, tag -> how pictures are prepared for it."""
    import open_clip

    config = json.loads((clip_folder / "open_clip_config.json").read_text())["model_cfg"]
    (tmp_path / "tiny-released-clip.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path / "tiny-released-clip.json")
    monkeypatch.setattr(open_clip, "list_pretrained_tags_by_model", lambda name: list(releases))
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda name, tag: releases[tag])
    torch.save(load_file(clip_folder / "open_clip_model.safetensors"), tmp_path / "own.pt")
    return f"open_clip:tiny-released-clip:{tmp_path / 'own.pt'}"


def test_a_checkpoint_by_path_is_prepared_for_as_its_architectures_releases_are(
    clip_folder, tmp_path, monkeypatch, pictures, no_network
):
    """open_clip takes OpenAI's mean and deviation for any file, which 54 of its architectures were not trained with."""
    half = {"mean": (0.5, 0.5, 0.5), "std": [0.25, 0.25, 0.25]}
    weights = with_releases(monkeypatch, tmp_path, clip_folder, one=half, two={**half, "interpolation": "bicubic"})
    teacher = load_teacher("clip-image", weights, "cpu")
    folder = load_teacher("clip-image", f"open_clip:local-dir:{clip_folder}", "cpu")  # its configuration says the same
    assert np.array_equal(teacher.image_features(pictures(3)), folder.image_features(pictures(3)))
    assert "mean (0.5, 0.5, 0.5)" in teacher.preprocessing and "bicubic" in teacher.preprocessing


def test_a_path_whose_architecture_was_released_in_two_ways_is_refused(clip_folder, tmp_path, monkeypatch):
    weights = with_releases(monkeypatch, tmp_path, clip_folder, one={"mean": (0.5, 0.5, 0.5)}, two={})
    with pytest.raises(ConfigError, match="releases of tiny-released-clip differ: one with mean") as caught:
        load_teacher("clip-image", weights, "cpu")
    assert "open_clip_config.json" in caught.value.fix


def test_random_weights_of_a_release_are_random(clip_folder, tmp_path, monkeypatch, no_network):
    """A tag behind `random:` once loaded what it names, and the control would have known everything."""
    with_releases(monkeypatch, tmp_path, clip_folder, one={"mean": (0.5, 0.5, 0.5), "quick_gelu": True})
    teacher = load_teacher("clip-text", "random:open_clip:tiny-released-clip:one", "cpu")
    assert teacher.text_features(["a"]).shape == (1, 16)
    assert "mean (0.5, 0.5, 0.5)" in teacher.preprocessing
    by_path = load_teacher("clip-text", f"random:open_clip:tiny-released-clip:{tmp_path / 'own.pt'}", "cpu")
    known = load_teacher("clip-text", f"open_clip:tiny-released-clip:{tmp_path / 'own.pt'}", "cpu")
    assert not np.allclose(by_path.text_features(["a"]), known.text_features(["a"]), atol=1e-3)


def test_a_pickle_with_code_is_not_run(tmp_path):
    import pickle

    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "it-ran"), "w"))

    (tmp_path / "trap.pt").write_bytes(pickle.dumps(Trap()))
    torch.save({"state_dict": Trap()}, tmp_path / "zip.pt")
    (tmp_path / "it-ran").unlink(missing_ok=True)
    for name in ("trap.pt", "zip.pt"):
        with pytest.raises(DataMalformed, match="cannot be used"):
            load_teacher("clip-text", f"open_clip:ViT-B-32:{tmp_path / name}", "cpu").text_features(["a"])
    assert not (tmp_path / "it-ran").exists()


def test_a_text_encoder_is_pooled_over_what_is_no_padding(roberta_folder, no_network):
    from transformers import AutoTokenizer, RobertaModel

    model = RobertaModel.from_pretrained(roberta_folder, add_pooling_layer=False).eval()
    tokenizer = AutoTokenizer.from_pretrained(roberta_folder)
    teacher = load_teacher("text-encoder", str(roberta_folder), "cpu")
    first = load_teacher("text-encoder", str(roberta_folder), "cpu", pooling="cls")
    features, firsts = teacher.text_features(TEXTS), first.text_features(TEXTS)
    for row, text in enumerate(TEXTS):
        ids = tokenizer(text, truncation=True, max_length=16, return_tensors="pt")  # 18 rows, 2 before the first word
        with torch.no_grad():
            states = model(**ids).last_hidden_state[0]
        assert np.allclose(features[row], states.mean(0), atol=1e-5)
        assert np.allclose(firsts[row], states[0], atol=1e-5)
    assert teacher.dimensions == 24
    assert teacher.preprocessing != first.preprocessing  # so that no cache takes one for the other


@pytest.mark.parametrize("prefix", ["", "random:"])
def test_a_text_encoder_saved_in_half_precision_computes_in_float32(roberta_folder, tmp_path, prefix, no_network):
    import shutil

    from transformers import RobertaForMaskedLM

    folder = tmp_path / "half"
    shutil.copytree(roberta_folder, folder)
    RobertaForMaskedLM.from_pretrained(roberta_folder).half().save_pretrained(folder)
    teacher = load_teacher("text-encoder", f"{prefix}{folder}", "cpu")
    assert {one.dtype for one in teacher.model.parameters()} == {torch.float32}
    assert "float32 weights" in teacher.preprocessing  # so that no cache holds features of the half-precision model


def test_a_timm_encoder_gives_pooled_features_before_its_classifier(timm_file, no_network, pictures):
    import timm
    from timm.data import create_transform, resolve_model_data_config

    model = timm.create_model("test_vit", num_classes=7).eval()
    model.load_state_dict(torch.load(timm_file, weights_only=True)["state_dict"])
    transform = create_transform(**resolve_model_data_config(model), is_training=False)
    with torch.no_grad():
        batch = torch.stack([transform(one.open()) for one in pictures(3)])
        by_hand = model.forward_head(model.forward_features(batch), pre_logits=True)
    teacher = load_teacher("vision-encoder", f"timm:test_vit:{timm_file}", "cpu")
    assert np.allclose(teacher.image_features(pictures(3)), by_hand, atol=1e-5)
    assert teacher.dimensions == by_hand.shape[1]
    assert teacher.identity.startswith("test_vit:")


def test_random_weights_are_an_architecture_and_the_same_every_time(clip_folder, roberta_folder, no_network):
    torch.manual_seed(5)
    for kind, name in [
        ("clip-text", "mini:clip"),
        ("text-encoder", "mini:text"),
        ("clip-text", f"open_clip:local-dir:{clip_folder}"),
        ("text-encoder", str(roberta_folder)),
    ]:
        teacher = load_teacher(kind, f"random:{name}", "cpu")
        features = teacher.text_features(["a red cup"])
        teacher.release()
        torch.manual_seed(6)
        assert np.array_equal(teacher.text_features(["a red cup"]), features)
        assert not np.allclose(load_teacher(kind, name, "cpu").text_features(["a red cup"]), features, atol=1e-3)
        assert teacher.identity == f"random:{identity_of(name)}"
        assert teacher.labels_seen == 0


def test_opening_a_teacher_moves_no_generator(clip_folder, timm_file):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    for kind, weights in [
        ("clip-image", "mini:clip"),
        ("clip-image", f"open_clip:local-dir:{clip_folder}"),
        ("vision-encoder", f"timm:test_vit:{timm_file}"),
    ]:
        load_teacher(kind, weights, "cpu").release()
        assert load_teacher(kind, weights, "cpu").model is not None
    assert torch.equal(torch.rand(3), expected)


def test_weights_are_opened_at_the_first_forward_and_known_without_afterwards(tmp_path, no_network, caplog, save_clip):
    folder = save_clip(tmp_path / "clip", seed=9)
    weights = f"open_clip:local-dir:{folder}"
    before = load_teacher("clip-text", weights, "cpu")
    expected = (before.identity, before.dimensions, before.parameters)
    folder.rename(tmp_path / "elsewhere")
    after = load_teacher("clip-text", weights, "cpu")
    after.release()
    assert (after.identity, after.dimensions, after.parameters) == expected
    assert "are gone" in caplog.text
    with pytest.raises(DataMissing, match="have to be computed"):
        after.text_features(["a"])
    (tmp_path / "elsewhere").rename(folder)
    assert after.text_features(["a"]).shape == (1, 16)


def test_other_weights_at_the_same_path_are_another_teacher(tmp_path, save_clip):
    folder = save_clip(tmp_path / "clip", seed=1)
    weights = f"open_clip:local-dir:{folder}"
    one = load_teacher("clip-text", weights, "cpu")
    features = one.text_features(["a"])
    (folder / "open_clip_model.safetensors").unlink()
    (folder / "open_clip_config.json").unlink()
    folder.rmdir()
    save_clip(folder, seed=2)
    one.release()
    with pytest.raises(DataMalformed, match="changed during the run"):
        one.text_features(["a"])
    other = load_teacher("clip-text", weights, "cpu")
    assert other.identity != one.identity
    assert not np.allclose(other.text_features(["a"]), features)


@pytest.mark.parametrize(
    ("kind", "weights", "error", "message"),
    [
        ("clip-image", "mini:text", ConfigError, "not for kind clip-image: use mini:clip, open_clip"),
        ("clip-text", "owner/name@" + "0" * 40, ConfigError, "not for kind clip-text"),
        ("text-encoder", "open_clip:ViT-B-32:openai", ConfigError, "not for kind text-encoder"),
        ("vision-encoder", "mini:clip", ConfigError, "use timm:ARCHITECTURE"),
        ("clip-text", "open_clip:ViT-B-33:openai", ConfigError, "no architecture 'ViT-B-33'"),
        ("clip-text", "open_clip:ViT-B-32:openay", ConfigError, "no weights 'openay' of ViT-B-32"),
        ("clip-text", "open_clip:ViT-B-32-quickgelu:laion2b_e16", ConfigError, "no weights|quick GELU"),
        ("clip-text", "open_clip:ViT-B-32:/no/such.pt", DataMissing, "no weights at '/no/such.pt'"),
        ("clip-text", "open_clip:hf-hub:owner/name", UsageError, "can change its content"),
        ("clip-text", "open_clip:ViT-B-32", UsageError, "name no weights"),
        ("vision-encoder", "timm:no_such_vit:a1_in1k", ConfigError, "no architecture 'no_such_vit'"),
        ("vision-encoder", "timm:resnet18:b9_in1k", ConfigError, "no weights 'b9_in1k'"),
    ],
)
def test_what_cannot_be_a_teacher_is_refused_before_anything_is_fetched(kind, weights, error, message, no_network):
    with pytest.raises(error, match=message):
        assert load_teacher(kind, weights, "cpu").model


def test_a_model_file_with_an_impossible_teacher_is_invalid():
    with pytest.raises(ValueError, match="not for kind vision-encoder"):
        TeacherOptions(kind="vision-encoder", weights="mini:clip")
    with pytest.raises(ValueError, match="pooling cls"):
        TeacherOptions(kind="clip-text", weights="mini:clip", pooling="cls")


def test_a_folder_without_weights_is_no_random_teacher(clip_folder, tmp_path):
    (tmp_path / "open_clip_config.json").write_text((clip_folder / "open_clip_config.json").read_text())
    with pytest.raises(DataMissing, match="holds no weights"):
        load_teacher("clip-text", f"open_clip:local-dir:{tmp_path}", "cpu").text_features(["a"])
