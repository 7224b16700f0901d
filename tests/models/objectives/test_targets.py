"""Targets of a split: which tokens of the student a teacher's word is for."""

import json

import numpy as np
import pytest
from PIL import Image

from madbench.models.objectives.targets import TargetBuilder
from madbench.models.options import FinetuneOptions
from madbench.models.students.encoding import encode_split
from madbench.models.students.tokens import PretrainedTokenizer, ReducedBpe
from madbench.models.teachers.features import FeatureStore
from madbench.tasks.contract import Example, LazyImage

CHOICES = ("A dog runs", "Snow falls", "The snowboarder jumps", "A red dog jumps")
CLIP = [{"kind": kind, "weights": "mini:clip"} for kind in ("clip-image", "clip-text")]
WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] Why is the snow ##board ##er Snow A a dog red falls runs jumps The ?"


def example(place=0):
    image = LazyImage(f"picture-{place}", lambda: Image.new("RGB", (64, 64), "red"))
    return Example(f"{place:016x}", "q2a", image, {"question": "Why is the snow red?"}, CHOICES, target=0)


def built(tmp_path, tokenizer, inputs, words=16):
    selection = {"use": "token_targets", "words": words}
    options = FinetuneOptions.model_validate(
        {
            "student": {"inputs": inputs, "max_tokens": 32},
            "objective": {"teachers": CLIP, "token_selection": selection},
        }
    )
    examples = [example()]
    split = encode_split(
        examples, tokenizer=tokenizer, inputs=inputs, max_tokens=32, image_size=64, legs=("q2a", "qa2r")
    )
    builder = TargetBuilder(options, tokenizer, FeatureStore(tmp_path), "cpu", 0)
    return split, builder.build(examples, split).words


@pytest.fixture
def cased(tmp_path):
    folder = tmp_path / "words"
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(WORDS.split()) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": False}))
    return PretrainedTokenizer.of(str(folder))


def test_a_word_is_all_its_tokens_and_no_token_of_another_word(tmp_path, cased):
    """By first pieces `snow` was a target wherever a snowboarder is, and a cased vocabulary never matched `Snow`."""
    split, words = built(tmp_path, cased, ["image", "query", "choices"])
    named = [piece for piece, _ in sorted(cased._fast.get_vocab().items(), key=lambda one: one[1])]
    tokens = [[named[token] for token in split.ids[sequence][words.places[sequence]]] for sequence in range(4)]
    assert tokens[0] == ["snow", "red", "dog", "runs"]
    assert tokens[1] == ["snow", "red", "Snow", "falls"]
    assert tokens[2] == ["snow", "red", "snow", "##board", "##er", "jumps"]
    assert words.of_word[2].tolist() == [0, 1, 2, 2, 2, 3]
    assert words.words[1][0] == words.words[1][2] != words.words[2][2]  # Snow is snow, a snowboarder is not


def test_places_are_those_of_what_the_student_reads(tmp_path):
    """A student without the question has shorter sequences than the teacher's text: places once lay outside of them."""
    tokenizer = ReducedBpe.of(["Why is the snow red?", *CHOICES])
    split, words = built(tmp_path, tokenizer, ["image", "choices"])
    for sequence, choice in enumerate(CHOICES):
        ids = split.ids[sequence]
        content = [word for word in choice.lower().split() if word not in ("a", "the")]
        assert all(place < len(ids) for place in words.places[sequence])
        assert len(words.words[sequence]) == len(content)
        kept = np.array([token for word in content for token in tokenizer.encode(word)])
        assert np.array_equal(ids[words.places[sequence]], kept)
