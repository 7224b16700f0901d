"""Protocols by name or path, and the JSON Schema that editors check them with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from madbench.protocols.catalogue import Catalogue
from madbench.protocols.schema import Protocol, Select, TaskName
from madbench.protocols.task_check import check_tasks
from madbench.protocols.yaml_files import KeyPath


def one_decision(at: KeyPath, above: Mapping[str, Any]) -> bool:
    """Whether a child's mapping replaces its parent's: in `subset` and select rules, keys exclude each other."""
    if at[0] == "select":
        return len(at) == 2 or set(above) <= set(Select.model_fields)
    return at == ("subset",)


PROTOCOLS: Catalogue[Protocol] = Catalogue("protocol", "protocols", Protocol, one_decision, check_tasks)


def load_protocol(name: str | Path) -> Protocol:
    """A protocol by path, `name` or `name@version`, with `extends` resolved.

    Raises UsageError for an unknown name or version (with a did-you-mean), ConfigError with file:line for each problem.
    """
    return PROTOCOLS.load(name)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a protocol *file*: like `Protocol`, but `extends` may supply what is missing."""
    schema = Protocol.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "madbench protocol, schema 1"
    schema["properties"]["extends"] = {
        "type": "string",
        "description": "The name or path of a protocol whose values hold where this file gives none.",
    }
    rule = {"anyOf": [{"$ref": "#/$defs/Select"}, {"type": "null"}, {"const": "none"}]}
    per_task = {
        "type": "object",
        "properties": {task: rule for task in get_args(TaskName)},
        "additionalProperties": False,
    }
    schema["properties"]["select"] = {
        "description": "One rule for every task, or one under each.",
        "anyOf": [*rule["anyOf"], per_task],
    }
    required = schema.pop("required")
    own = [key for key in required if key in ("name", "version")]
    schema["if"] = {"required": ["extends"]}
    schema["then"] = {"required": own}
    schema["else"] = {"required": required}
    return schema


def json_schema_text() -> str:
    """The content of protocols/schema.json."""
    import json

    return json.dumps(json_schema(), indent=2, sort_keys=True) + "\n"
