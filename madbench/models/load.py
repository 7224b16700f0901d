"""Model specs by name or path: the YAML files of baselines/, or a registered adapter without one. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from madbench.errors import ConfigError, did_you_mean
from madbench.models.spec import ModelFile
from madbench.models.tuned import option_names, unknown_option
from madbench.protocols.catalogue import Catalogue, is_path
from madbench.protocols.problems import Problem, problems_error, problems_of
from madbench.protocols.schema import TaskName
from madbench.protocols.yaml_files import Document
from madbench.registry import ADAPTERS

PROFILES = ("mini", "real")


def check_adapter(document: Document, model: ModelFile) -> None:
    """Whether the adapter exists and takes the options, for every task and profile the file may run on, and whether
    what `search` names is an option.

    Raises ConfigError with file:line. The options of an entry point are not checked here: that would import it.
    """
    if model.adapter not in ADAPTERS:
        hint = did_you_mean(model.adapter, ADAPTERS.names())
        raise ConfigError(
            f"adapter: no adapter named '{model.adapter}'" + (f"; {hint}" if hint else ""),
            fix=f"use one of {', '.join(ADAPTERS.names())}, or name its plugin with --plugin",
            where=document.place(("adapter",)),
        )
    if ADAPTERS.origin(model.adapter) == "entry point":
        return
    schema = _options_schema(model.adapter)
    problems: list[Problem] = []
    everything: list[dict[str, Any]] = []
    for profile in PROFILES:
        for task in model.only_tasks or get_args(TaskName):
            options = document.part("options")
            for layer in (("tasks", task), ("profiles", profile, "options"), ("profiles", profile, "tasks", task)):
                options = document.part(*layer).over(options)
            everything.append(options.value)
            try:
                if schema is not None:
                    schema.model_validate(options.value)
            except ValidationError as error:
                problems += problems_of(error, options, schema, below="options")
    problems += _unknown_in_search(document, model, everything if schema is None else [schema])
    if problems:
        raise problems_error(document.path, problems)


def _unknown_in_search(document: Document, model: ModelFile, known: Sequence[Any]) -> Iterator[Problem]:
    """Options that `search` names and that none of `known` has: pydantic classes, or options themselves."""
    for at, name in option_names(model.search or {}):
        found = [unknown_option(name, one) for one in known]
        if None not in found:
            hint, could = found[0]
            message = f"search.{name}: {model.adapter} has no such option; {hint or could}"
            yield Problem(document.place(("search", *at)), message)


def _options_schema(adapter: str) -> type[BaseModel] | None:
    """The pydantic class of an adapter's options, without importing an adapter that is not imported yet."""
    from madbench.models.options import OPTION_SCHEMAS

    if adapter in OPTION_SCHEMAS:
        return OPTION_SCHEMAS[adapter]
    if ADAPTERS.origin(adapter) in ("built-in", "entry point"):
        return None
    return ADAPTERS.load(adapter).options


MODELS: Catalogue[ModelFile] = Catalogue("model", "baselines", ModelFile, also=check_adapter)


def load_model(name: str | Path) -> ModelFile:
    """A model by path, `name` or `name@version`; else the adapter registered under the name, with its defaults.

    Raises UsageError for an unknown name (with a did-you-mean), ConfigError with file:line for each problem.
    """
    if _is_adapter_alone(name):
        return adapter_without_file(str(name))
    return MODELS.load(name, also_known=added_adapters())


def added_adapters() -> list[str]:
    """Adapters from entry points, plugins and decorators; a built-in one is an ingredient, its models are YAML files."""
    return [name for name in ADAPTERS.names() if ADAPTERS.origin(name) != "built-in"]


def _is_adapter_alone(name: str | Path) -> bool:
    return not is_path(name) and str(name) in added_adapters() and str(name) not in MODELS.names()


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


def model_path(name: str | Path) -> Path | None:
    """The YAML file behind a name; None for an adapter without one."""
    return None if _is_adapter_alone(name) else MODELS.find(name, also_known=added_adapters())


def json_schema_text() -> str:
    """The content of baselines/schema.json: like `ModelFile`, but `extends` may supply what is missing."""
    import json

    schema = ModelFile.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "madbench model, schema 1"
    schema["properties"]["extends"] = {
        "type": "string",
        "description": "The name or path of a model whose values hold where this file gives none.",
    }
    required = schema.pop("required")
    schema["if"] = {"required": ["extends"]}
    schema["then"] = {"required": [key for key in required if key in ("name", "version")]}
    schema["else"] = {"required": required}
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"
