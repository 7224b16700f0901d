"""uniter, vilt and visualbert as students: small random weights in their own file formats, real readers of them."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from madbench.errors import ConfigError, DataMalformed, DataMissing
from madbench.models.options import StudentOptions
from madbench.models.students import student_kind
from madbench.models.students.encoding import encode_split, make_batch
from madbench.models.students.tokens import PretrainedTokenizer, tokenizer_from
from madbench.tasks.contract import Example, LazyImage, Regions

GOLDEN = Path(__file__).parents[2] / "data" / "uniter"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "why", "is", "casey", "sad", "a", "dog", "red", "?", "##s"]
CHOICES = ("casey is sad", "a dog", "red", "dogs ?")


def vocabulary(folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": True})
    )


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """name -> folder with random weights as they are published."""
    from transformers import ViltConfig, ViltModel, VisualBertConfig, VisualBertModel

    torch.manual_seed(0)
    root = tmp_path_factory.mktemp("weights")
    small = {
        "vocab_size": len(WORDS),
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 32,
    }
    ViltModel(ViltConfig(**small, image_size=32, patch_size=16)).save_pretrained(root / "vilt")
    VisualBertModel(VisualBertConfig(**small, visual_embedding_dim=6)).save_pretrained(root / "visualbert")
    (root / "uniter").mkdir()
    (root / "uniter" / "config.json").write_bytes((GOLDEN / "config.json").read_bytes())
    weights = load_file(GOLDEN / "vqa_state_dict.safetensors")
    save_file(weights, root / "uniter" / "model.safetensors")
    for name in ("vilt", "visualbert", "uniter"):
        vocabulary(root / name)
    return {name: str(root / name) for name in ("vilt", "visualbert", "uniter")}


WIDTH = {"vilt": 0, "visualbert": 6, "uniter": 24}


def picture(colour, width):
    rng = np.random.default_rng(len(colour))
    count = len(colour)  # another number of regions for each picture
    regions = Regions(
        np.tile(np.array([0.1, 0.2, 0.5, 0.9], np.float32), (count, 1)),
        rng.normal(size=(count, width)).astype(np.float32),
        np.linspace(0.9, 0.3, count, dtype=np.float32),
    )
    return LazyImage(colour, lambda: Image.new("RGB", (40, 20), colour), regions=lambda: regions)


def example(place, colour, choices=CHOICES, width=0):
    return Example(
        f"{place:016x}", "q2a", picture(colour, width), {"question": "why is casey sad ?"}, choices, target=0
    )


def options(saved, name, **more):
    regions = {} if name == "vilt" else {"regions": "detector"}
    given = {"name": name, "init": saved[name], "tokenizer": "own", "image_size": 32, "patch_size": 16}
    chosen = StudentOptions.model_validate({**given, **regions, **more})
    return student_kind(name).resolved(chosen)


def encode(chosen, examples):
    kind = student_kind(chosen.name)
    tokenizer = kind.tokenizer(chosen, list)
    split = encode_split(
        examples,
        tokenizer=tokenizer,
        inputs=chosen.inputs,
        max_tokens=chosen.max_tokens,
        image_size=chosen.image_size,
        legs=("q2a", "qa2r"),
        read_images=kind.read_images(chosen),
    )
    return tokenizer, split


def states(chosen, examples, rows):
    tokenizer, split = encode(chosen, examples)
    torch.manual_seed(1)
    student, _ = student_kind(chosen.name).build(chosen, tokenizer)
    student.eval()
    with torch.no_grad():
        return student, student(make_batch(split, np.array(rows), 0))


NAMES = ("vilt", "visualbert", "uniter")


@pytest.mark.parametrize("name", NAMES)
def test_states_have_the_shapes_that_heads_and_objectives_read(saved, name):
    chosen = options(saved, name)
    examples = [example(1, "red", width=WIDTH[name]), example(2, "green", width=WIDTH[name])]
    student, found = states(chosen, examples, [0, 1])
    assert student.width == chosen.width
    assert found.cls.shape == (8, chosen.width) and found.pooled.shape == (8, chosen.width)
    assert found.text.shape[:2] == found.text_padding.shape and found.text_padding.any()
    assert found.image.shape[1] == (4 if name == "vilt" else len("green"))
    for state in ("cls", "pooled", "text", "image", "whole_image"):
        assert found.named(state).shape == (8, chosen.width)


@pytest.mark.parametrize("name", NAMES)
def test_the_whole_image_is_the_students_own_token_for_it_else_the_summary(saved, name):
    _, found = states(options(saved, name), [example(1, "red", width=WIDTH[name])], [0])
    own = found.whole_image if name == "vilt" else found.cls
    assert torch.equal(found.named("whole_image"), own)


@pytest.mark.parametrize("name", NAMES)
def test_company_in_the_batch_changes_nothing(saved, name):
    """Neither padded words nor padded regions may leak into a state."""
    chosen = options(saved, name)
    short = example(1, "red", ("red",) * 4, WIDTH[name])
    both = [short, example(2, "yellow", width=WIDTH[name])]
    _, alone = states(chosen, both, [0])
    _, together = states(chosen, both, [1, 0])
    for state in ("cls", "text", "image"):
        torch.testing.assert_close(alone.named(state), together.named(state)[4:], atol=2e-6, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_image_and_words_both_count(saved, name):
    chosen = options(saved, name)
    _, red = states(chosen, [example(1, "red", width=WIDTH[name])], [0])
    _, blue = states(chosen, [example(1, "blue", width=WIDTH[name])], [0])
    _, other = states(chosen, [example(1, "red", CHOICES[::-1], WIDTH[name])], [0])
    assert not torch.allclose(red.cls, blue.cls, atol=1e-6)
    assert not torch.allclose(red.cls, other.cls, atol=1e-6)


def test_vilt_gives_what_transformers_gives(saved):
    """Its patches come in a fixed order here; apart from the order the states are those of its own image embedding."""
    from transformers import ViltModel

    chosen = options(saved, "vilt")
    _, split = encode(chosen, [example(1, "red")])
    batch = make_batch(split, np.array([0]), 0)
    _, ours = states(chosen, [example(1, "red")], [0])
    model = ViltModel.from_pretrained(saved["vilt"]).eval()
    pixels = ((batch.pixels.permute(0, 3, 1, 2) - 0.5) / 0.5).repeat_interleave(4, 0)
    with torch.no_grad():
        theirs = model(
            input_ids=batch.ids,
            attention_mask=(~batch.padding).long(),
            pixel_values=pixels,
            pixel_mask=torch.ones(4, 32, 32, dtype=torch.long),
        )
    torch.testing.assert_close(ours.cls, theirs.last_hidden_state[:, 0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(ours.pooled, theirs.pooler_output, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ("uniter", "visualbert"))
def test_words_and_regions_are_packed_and_their_states_are_what_they_were(saved, name):
    """Only the longest sequence decides what the encoder reads, not the longest text beside the most regions."""
    chosen = options(saved, name)
    long_text, many_regions = ("a dog",) * 4, ("red",) * 4
    examples = [example(1, "red", long_text, WIDTH[name]), example(2, "yellow", many_regions, WIDTH[name])]
    _, split = encode(chosen, examples)
    student, _ = states(chosen, examples, [0])
    batch = make_batch(split, np.array([0, 1]), 0)
    read = []
    encoder = student.encoder.encoder if name == "uniter" else student.model.encoder
    encoder.register_forward_hook(lambda module, given, out: read.append(given[0].shape[1]))
    with torch.no_grad():
        packed, apart = student(batch), student(dataclasses.replace(batch, joint_length=None))
    words, regions = batch.ids.shape[1], len("yellow")
    lengths = [(~batch.padding[row]).sum() for row in (0, 4)]
    assert batch.joint_length == max(lengths[0] + 3, lengths[1] + 6)
    assert read == [batch.joint_length, words + regions] and batch.joint_length < words + regions
    torch.testing.assert_close(packed.text[~packed.text_padding], apart.text[~apart.text_padding], atol=2e-6, rtol=1e-4)
    hidden = packed.image_padding
    torch.testing.assert_close(packed.image[~hidden], apart.image[~hidden], atol=2e-6, rtol=1e-4)
    torch.testing.assert_close(packed.pooled, apart.pooled, atol=2e-6, rtol=1e-4)


def test_visualbert_gives_what_transformers_gives(saved):
    from transformers import VisualBertModel

    chosen = options(saved, "visualbert")
    examples = [example(1, "red", width=6), example(2, "yellow", ("red",) * 4, 6)]
    _, split = encode(chosen, examples)
    batch = make_batch(split, np.array([0, 1]), 0)
    _, ours = states(chosen, examples, [0, 1])
    model = VisualBertModel.from_pretrained(saved["visualbert"]).eval()
    with torch.no_grad():
        theirs = model(
            input_ids=batch.ids,
            attention_mask=(~batch.padding).long(),
            token_type_ids=torch.zeros_like(batch.ids),
            visual_embeds=batch.regions.repeat_interleave(4, 0),
            visual_attention_mask=(~batch.region_padding).long().repeat_interleave(4, 0),
        )
    words, seen = batch.ids.shape[1], ~ours.image_padding
    torch.testing.assert_close(ours.pooled, theirs.pooler_output, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(ours.image[seen], theirs.last_hidden_state[:, words:][seen], atol=1e-5, rtol=1e-5)


def test_regions_that_bypass_the_encoder_are_refused(saved, tmp_path):
    import shutil

    shutil.copytree(saved["visualbert"], tmp_path / "visualbert")
    config = tmp_path / "visualbert" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "bypass_transformer": True}))
    with pytest.raises(DataMalformed, match="bypass"):
        options({"visualbert": str(tmp_path / "visualbert")}, "visualbert")


@pytest.mark.parametrize("name", ("uniter", "visualbert"))
def test_without_a_detector_patches_stand_for_regions(saved, name):
    _, found = states(options(saved, name, regions="patches"), [example(1, "red")], [0])
    assert found.image.shape[1] == 4


@pytest.mark.parametrize("name", NAMES)
def test_from_scratch_the_options_give_the_sizes(saved, name):
    chosen = student_kind(name).resolved(
        StudentOptions(
            name=name, width=16, layers=1, heads=2, image_size=32, patch_size=16, region_width=6, tokenizer=saved[name]
        )
    )
    student, found = states(chosen, [example(1, "red")], [0])
    assert student.width == 16 and found.cls.shape == (4, 16)


@pytest.mark.parametrize("name", NAMES)
def test_dropout_of_pretrained_weights_is_what_the_option_says(saved, name):
    """As the published fine-tuning sets it (UNITER's set_dropout), whatever the checkpoint's configuration says."""
    student, _ = states(options(saved, name, dropout=0.3), [example(1, "red", width=WIDTH[name])], [0])
    assert {one.p for one in student.modules() if isinstance(one, torch.nn.Dropout)} == {0.3}


@pytest.mark.parametrize(
    ("name", "asked", "message"),
    [
        ("vilt", {"width": 32}, "width 32, not 16"),
        ("vilt", {"image_size": 64}, "image_size 64, not 32"),
        ("vilt", {"max_tokens": 40}, "max_tokens 40, and they have 32 places"),
        ("visualbert", {"layers": 7}, "layers 7, not 2"),
        ("visualbert", {"region_width": 2048}, "region_width 2048, not 6"),
        ("uniter", {"heads": 8, "layers": 7}, "layers 7, not 2; heads 8, not 4"),
    ],
)
def test_sizes_that_contradict_the_weights_are_refused_not_ignored(saved, name, asked, message):
    with pytest.raises(ConfigError, match=message):
        options(saved, name, **asked)


def test_sizes_that_agree_with_the_weights_may_be_said(saved):
    assert options(saved, "vilt", width=16, layers=2, heads=2, max_tokens=20).max_tokens == 20


def test_the_tokenizer_travels_with_a_checkpoint(saved):
    tokenizer = PretrainedTokenizer.of(saved["vilt"])
    again = tokenizer_from(tokenizer.state())
    assert again.encode("Dogs why?") == tokenizer.encode("Dogs why?") == [10, 13, 5, 12]
    assert (again.cls, again.sep, again.pad) == (2, 3, 0)


def test_only_the_surest_regions_are_kept(saved):
    chosen = options(saved, "uniter", max_regions=2)
    _, split = encode(chosen, [example(1, "yellow", width=24)])
    batch = make_batch(split, np.array([0]), 0)
    assert batch.regions.shape == (1, 2, 24)
    np.testing.assert_array_equal(batch.regions[0], split.images.lazy[0].regions().features[:2])


@pytest.mark.parametrize(
    ("name", "break_it", "error", "message"),
    [
        ("vilt", lambda folder: (folder / "config.json").unlink(), DataMissing, "no usable weights"),
        ("vilt", lambda folder: (folder / "model.safetensors").unlink(), DataMissing, "no usable weights"),
        ("uniter", lambda folder: (folder / "model.safetensors").unlink(), DataMissing, "no UNITER checkpoint"),
        ("uniter", lambda folder: (folder / "second.pt").write_bytes(b""), DataMalformed, "several files of weights"),
        ("vilt", lambda folder: (folder / "vocab.txt").unlink(), DataMissing, "no tokenizer"),
    ],
)
def test_a_broken_folder_says_what_is_wrong(saved, tmp_path, name, break_it, error, message):
    import shutil

    folder = tmp_path / name
    shutil.copytree(saved[name], folder)
    break_it(folder)
    with pytest.raises(error, match=message):
        chosen = options({name: str(folder)}, name)
        states(chosen, [example(1, "red", width=WIDTH[name])], [0])


def test_another_architecture_is_refused(saved):
    with pytest.raises(DataMalformed, match="holds a visual_bert"):
        options({"vilt": saved["visualbert"]}, "vilt")


def test_a_pickled_object_is_never_loaded(saved, tmp_path):
    import pickle
    import shutil

    folder = tmp_path / "uniter"
    shutil.copytree(saved["uniter"], folder)
    (folder / "model.safetensors").unlink()

    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    (folder / "model.pt").write_bytes(pickle.dumps({"uniter.x": Trap()}))
    with pytest.raises(DataMalformed, match="without unpickling"):
        options({"uniter": str(folder)}, "uniter")
    assert not (tmp_path / "sprung").exists()
