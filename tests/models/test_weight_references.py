"""Which weights a spec names, and that a name stands for a content."""

import pytest

from madbench.errors import DataMissing, UsageError
from madbench.models.load import load_model
from madbench.models.weight_references import identity_of, references

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_every_place_that_names_weights_is_found():
    options = {
        "student": {"init": "somewhere", "tokenizer": "own"},
        "objective": {"teachers": [{"weights": "mini:clip"}, {"weights": "open_clip:ViT-B-32:openai"}]},
        "note": "mini:clip is not read here",
    }
    assert references(options) == ["mini:clip", "open_clip:ViT-B-32:openai", "somewhere"]
    assert references({"student": {"init": "scratch", "tokenizer": "clip-bpe"}}) == []


@pytest.mark.parametrize("name", ["mad", "student", "clip-probe", "text-only", "majority"])
def test_the_shipped_specs_start_from_the_mini_weights_they_always_started_from(name):
    spec = load_model(name).resolve("vqa", "mini")
    assert references(spec.options) == spec.mini_weights()


def test_a_folder_is_its_content(tmp_path):
    def folder(name, weights):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
        (tmp_path / name / "model.safetensors").write_bytes(weights)
        return str(tmp_path / name)

    one, same, other = folder("a", b"1"), folder("b", b"1"), folder("c", b"2")
    (tmp_path / "b" / "README.md").write_text("prose does not count")
    assert identity_of(one) == identity_of(same) != identity_of(other)
    assert identity_of(str(tmp_path / "a" / "model.safetensors")) != identity_of(one)
    assert identity_of(f"open_clip:ViT-B-32:{tmp_path}/a/model.safetensors").startswith("ViT-B-32:")


def test_a_pinned_hub_id_is_its_own_identity():
    assert identity_of(f"owner/name@{COMMIT}") == f"owner/name@{COMMIT}"


@pytest.mark.parametrize(
    ("reference", "error", "message"),
    [
        ("owner/name", UsageError, "neither here nor pinned"),
        ("owner/name@main", UsageError, "neither here nor pinned"),
        ("/no/such/folder", DataMissing, "no weights at"),
        ("./absent", DataMissing, "no weights at"),
    ],
)
def test_what_can_change_or_is_not_there_is_refused(reference, error, message):
    with pytest.raises(error, match=message):
        identity_of(reference)


def test_a_folder_without_weights_is_refused(tmp_path):
    with pytest.raises(DataMissing, match="holds no weights"):
        identity_of(str(tmp_path))
