"""Model specs by name, path or adapter; what an options block may hold."""

from __future__ import annotations

import pytest

from madbench.errors import ConfigError, UsageError
from madbench.home import shipped
from madbench.models.adapter import ModelAdapter, register_model
from madbench.models.load import MODELS, json_schema_text, load_model, model_path
from madbench.registry import ADAPTERS


@pytest.fixture(autouse=True)
def own_adapters(monkeypatch):
    """What a test registers is gone after it."""
    monkeypatch.setattr(ADAPTERS, "_added", dict(ADAPTERS._added))


def test_an_unknown_model_gets_a_did_you_mean():
    with pytest.raises(UsageError, match="no model named 'mda'; did you mean 'mad'"):
        load_model("mda")


def test_every_shipped_model_resolves_for_every_task_and_profile():
    for entry in MODELS.entries():
        assert entry.problem is None, entry.problem
        for task in entry.spec.only_tasks or ("vcr", "snli_ve", "vqa"):
            for profile in ("mini", "real"):
                assert entry.spec.resolve(task, profile).hash


def test_a_registered_adapter_is_a_model_without_a_file():
    @register_model("tiny-adapter")
    class Tiny(ModelAdapter):
        pass

    model = load_model("tiny-adapter")
    assert (model.name, model.adapter, model.version) == ("tiny-adapter", "tiny-adapter", 1)
    assert model_path("tiny-adapter") is None
    with pytest.raises(UsageError, match="did you mean 'tiny-adapter'"):
        load_model("tiny-adaptr")


def test_a_built_in_adapter_is_an_ingredient_and_no_model():
    with pytest.raises(UsageError, match="no model named 'finetune'"):
        load_model("finetune")


def test_a_file_of_ones_own_may_extend_a_shipped_one(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nversion: 1\nsummary: mine\nextends: mad\n", encoding="utf-8")
    mine, mad = load_model(path), load_model("mad")
    assert mine.resolve("vqa", "mini").options == mad.resolve("vqa", "mini").options
    assert mine.resolve("vqa", "mini").hash != mad.resolve("vqa", "mini").hash


def test_the_options_class_of_a_registered_adapter_is_used(tmp_path):
    from madbench.protocols.schema import Strict

    class Options(Strict):
        strength: float = 1.0

    @register_model("with-options")
    class WithOptions(ModelAdapter):
        options = Options

    path = tmp_path / "mine.yaml"
    text = "schema: 1\nname: mine\nversion: 1\nadapter: with-options\nsummary: mine\noptions:\n  strength: 1e-3\n"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"options\.strength:.*write 1\.0e-3.*mine\.yaml:7"):
        load_model(path)


def test_the_schema_for_editors_is_current_and_named_by_every_shipped_file():
    written = (shipped("baselines") / "schema.json").read_text(encoding="utf-8")
    assert written == json_schema_text(), (
        "baselines/schema.json is stale; write madbench.models.load.json_schema_text() into it"
    )
    for folder, schema in (("", "schema.json"), ("ablations", "../schema.json"), ("recipes", "../schema.json")):
        for path in (shipped("baselines") / folder).glob("*.yaml"):
            assert path.read_text(encoding="utf-8").startswith(f"# yaml-language-server: $schema={schema}\n"), path


def test_a_file_in_a_folder_below_baselines_is_found_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "baselines" / "mine").mkdir(parents=True)
    path = tmp_path / "baselines" / "mine" / "quick.yaml"
    path.write_text("name: quick\nversion: 1\nsummary: mine\nextends: a4-naive-kd-both\n", encoding="utf-8")
    assert load_model("quick").name == "quick"
    assert "quick" in MODELS.names() and "a0-student" in MODELS.names()
    path.write_text(path.read_text().replace("name: quick", "name: slow"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"called quick\.yaml but names itself 'slow'"):
        load_model("quick")
