"""Model specs by name or path: the YAML files of baselines/, or a registered adapter without one. No torch."""

from __future__ import annotations

from pathlib import Path

from madbench.models.spec import ModelFile
from madbench.protocols.catalogue import Catalogue, is_path
from madbench.registry import ADAPTERS

MODELS: Catalogue[ModelFile] = Catalogue("model", "baselines", ModelFile)


def load_model(name: str | Path) -> ModelFile:
    """A model by path, `name` or `name@version`; else the adapter registered under the name, with its defaults.

    Raises UsageError for an unknown name (with a did-you-mean), ConfigError with file:line for each problem.
    """
    if not is_path(name) and str(name) in added_adapters() and str(name) not in MODELS.names():
        return adapter_without_file(str(name))
    return MODELS.load(name, also_known=added_adapters())


def added_adapters() -> list[str]:
    """Adapters from entry points, plugins and decorators; a built-in one is an ingredient, its models are YAML files."""
    return [name for name in ADAPTERS.names() if ADAPTERS.origin(name) != "built-in"]


def adapter_without_file(name: str) -> ModelFile:
    """The model spec of an adapter nobody wrote a YAML for: version 1, no options."""
    return ModelFile.model_validate(
        {
            "schema": 1,
            "name": name,
            "version": 1,
            "adapter": name,
            "summary": f"adapter registered in {ADAPTERS.origin(name)}",
        }
    )
