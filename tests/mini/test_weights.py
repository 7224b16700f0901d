import pytest

from madbench.errors import DataMissing, UsageError
from madbench.mini import weights


def test_an_unknown_name_gets_a_did_you_mean():
    with pytest.raises(UsageError, match="no mini weights named 'studnt'") as found:
        weights.path_of_weights("mini:studnt")
    assert "'student'" in found.value.fix


def test_a_missing_file_is_told_with_its_cure(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    with pytest.raises(DataMissing, match=r"clip\.safetensors") as found:
        weights.path_of_weights("clip")
    assert "--pretrain" in found.value.fix


def test_hash_and_metadata_of_the_shipped_files():
    assert len({weights.sha256_of_weights(f"mini:{name}") for name in weights.NAMES}) == 3
    assert weights.metadata_of(weights.path_of_weights("student"))["config"]["width"] == 96
