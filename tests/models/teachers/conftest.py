"""Small random teachers, saved in the formats of the libraries that real ones come in; and a wall to the network."""

import json
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from madbench.tasks.contract import LazyImage

TINY_CLIP = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}
WORDS = ["<s>", "<pad>", "</s>", "<unk>", "a", "man", "is", "riding", "brown", "horse", "red", "cup"]


@pytest.fixture
def no_network(monkeypatch):
    """Whoever asks the network fails."""

    def refuse(*_, **__):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def _pictures(count: int, size: int = 48, seed: int = 0) -> list[LazyImage]:
    rng = np.random.default_rng(seed)
    made = [Image.fromarray(rng.integers(0, 256, (size, size, 3), np.uint8)) for _ in range(count)]
    return [LazyImage(f"{seed}-{row}", lambda one=one: one) for row, one in enumerate(made)]


def _save_clip(folder: Path, seed: int = 1) -> Path:
    """A folder as `open_clip` writes it for the hub: its configuration and safetensors."""
    import open_clip

    folder.mkdir(parents=True)
    config = {
        "model_cfg": TINY_CLIP,
        "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
    }
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    torch.manual_seed(seed)
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return folder


@pytest.fixture(scope="session")
def pictures():
    """(count, size, seed) -> that many lazy images of noise."""
    return _pictures


@pytest.fixture(scope="session")
def save_clip():
    """(folder, seed) -> the folder, with a small CLIP in it."""
    return _save_clip


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory) -> Path:
    return _save_clip(tmp_path_factory.mktemp("clip") / "tiny")


@pytest.fixture(scope="session")
def roberta_folder(tmp_path_factory) -> Path:
    """A RoBERTa for masked words with its tokenizer, as `save_pretrained` leaves them."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaForMaskedLM

    folder = tmp_path_factory.mktemp("roberta")
    tokenizer = Tokenizer(models.WordLevel({word: row for row, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    special = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "cls_token": "<s>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    config = RobertaConfig(
        vocab_size=len(WORDS),
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=18,
        pad_token_id=1,
        type_vocab_size=1,
    )
    torch.manual_seed(2)
    RobertaForMaskedLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def timm_file(tmp_path_factory) -> Path:
    """A state dict with its classifier, as timm's training writes it."""
    import timm

    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("timm") / "test_vit.pth"
    torch.save({"state_dict": timm.create_model("test_vit", num_classes=7).state_dict()}, path)
    return path
