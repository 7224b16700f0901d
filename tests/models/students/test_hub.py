"""Weights in the hub's format: their place, and the precision they are used in."""

import pytest
import torch

from madbench.models.students.hub import load_pretrained, place_and_revision

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (f"owner/name@{COMMIT}", ("owner/name", COMMIT)),
        ("owner/name", ("owner/name", None)),
        ("runs@home/vilt", ("runs@home/vilt", None)),
        ("vilt@v1", ("vilt@v1", None)),
    ],
)
def test_only_a_commit_is_split_off(reference, expected):
    assert place_and_revision(reference) == expected


def test_a_folder_that_is_there_is_a_folder_whatever_it_is_called(tmp_path):
    folder = tmp_path / f"vilt@{COMMIT}"
    folder.mkdir()
    assert place_and_revision(str(folder)) == (str(folder), None)


def test_a_checkpoint_in_half_precision_becomes_a_model_in_float32(tmp_path):
    """transformers 5 keeps the type of the file, and training in float16 without a scaler loses small gradients."""
    from transformers import ViltConfig, ViltModel

    small = {"vocab_size": 9, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = ViltConfig(**small, intermediate_size=16, image_size=32, patch_size=16, max_position_embeddings=8)
    folder = tmp_path / "vilt@half"
    torch.manual_seed(0)
    ViltModel(config).half().save_pretrained(folder)
    loaded = load_pretrained(ViltModel, str(folder))
    assert {one.dtype for one in loaded.parameters()} == {torch.float32}
