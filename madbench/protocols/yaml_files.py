"""YAML files with the place of every key, so that whatever is wrong with them can be told by file and line.

Protocols and model specs are both read here. Reading is safe (no tags, no objects), and repeated keys are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from madbench.errors import ConfigError, DataMissing

KeyPath = tuple[str | int, ...]
Whole = Callable[[KeyPath, Mapping[str, Any]], bool]

# Aliases can make a small file huge; no honest protocol comes near this.
MOST_NODES = 100_000


def never(at: KeyPath, above: Mapping[str, Any]) -> bool:
    """The usual answer to `whole`: mappings merge."""
    return False


@dataclass(frozen=True)
class Place:
    """Where a value was written: file, line (from 1), and the text as written when it is a scalar."""

    path: Path
    line: int
    raw: str | None = None

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Document:
    """A YAML mapping and the place of each of its keys, whichever file of an `extends` chain it came from."""

    path: Path
    value: dict[str, Any]
    places: Mapping[KeyPath, Place]

    def place(self, key_path: KeyPath) -> Place:
        """The place of a key, or of its nearest parent that was written down."""
        while key_path and key_path not in self.places:
            key_path = key_path[:-1]
        return self.places.get(key_path, Place(self.path, 1))

    def without(self, *keys: str) -> Document:
        """This document less some of its top keys."""
        value = {key: item for key, item in self.value.items() if key not in keys}
        return Document(
            self.path, value, {at: place for at, place in self.places.items() if at[:1] not in {(k,) for k in keys}}
        )

    def part(self, *at: str | int) -> Document:
        """The mapping below a key path as a document of its own; an empty one when it is not there."""
        value: Any = self.value
        for key in at:
            value = value.get(key) if isinstance(value, dict) else None
        places = {path[len(at) :]: place for path, place in self.places.items() if path[: len(at)] == at}
        places[()] = self.place(at)
        return Document(self.path, value if isinstance(value, dict) else {}, places)

    def over(self, parent: Document, whole: Whole = never) -> Document:
        """This document laid over `parent`: mappings merge key by key, everything else is replaced.

        whole: says of a key path and the mapping above whether it is one decision, replaced as a whole.
        """
        places = dict(parent.places)
        value = _lay_over(self, parent.value, self.value, (), whole, places)
        places[()] = self.place(())
        return Document(self.path, value, places)


def read_document(path: Path) -> Document:
    """Read one YAML file. Raises DataMissing when it is not there, ConfigError when it is no plain YAML mapping."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataMissing(f"there is no file {path}", fix="check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read it: {error}", fix="give a UTF-8 YAML file", where=path) from None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        node = loader.get_single_node()
        builder = _Builder(path, loader)
        value = builder.build(node, ()) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError(
            f"not readable as YAML: {error.problem or error.context}",
            fix="mind indentation, quotes and colons; one document a file",
            where=f"{path}:{mark.line + 1}" if mark else path,
        ) from None
    except yaml.YAMLError as error:
        raise ConfigError(f"not readable as YAML: {error}", fix="save it as plain UTF-8 text", where=path) from None
    finally:
        loader.dispose()
    if not isinstance(value, dict):
        raise ConfigError("a protocol or model file is a mapping of keys to values", fix="see docs", where=f"{path}:1")
    return Document(path, value, builder.places)


# --------------------------------------------------------------------------- from YAML nodes to values


class _Builder:
    """Values from composed YAML nodes, noting places on the way."""

    def __init__(self, path: Path, loader: Any):
        self.path = path
        self.places: dict[KeyPath, Place] = {}
        self._loader = loader
        self._open: set[int] = set()
        self._nodes = 0

    def build(self, node: yaml.Node, at: KeyPath) -> Any:
        self._nodes += 1
        if not node.tag.startswith("tag:yaml.org,2002:") or ":python/" in node.tag:
            raise self._refuse(node, f"the tag {node.tag} is not plain YAML", "write a plain value")
        if self._nodes > MOST_NODES or id(node) in self._open:
            raise self._refuse(node, "its aliases repeat too much", "write the values out, or use `extends`")
        raw = node.value if isinstance(node, yaml.ScalarNode) else None
        self.places.setdefault(at, Place(self.path, node.start_mark.line + 1, raw))
        if isinstance(node, yaml.ScalarNode):
            return self._loader.construct_object(node, deep=True)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, at)
            return [self.build(item, (*at, index)) for index, item in enumerate(node.value)]
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, at: KeyPath) -> dict[str, Any]:
        value: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise self._refuse(key_node, "merge keys (<<) are not read", "use `extends`, or write the keys out")
            key = self._loader.construct_object(key_node) if isinstance(key_node, yaml.ScalarNode) else None
            if not isinstance(key, str):
                hint = f"YAML reads {key_node.value} as {key!r}; quote it" if key is not None else "keys are plain text"
                raise self._refuse(key_node, "a key is not a text", hint)
            if key in value:
                first = self.places[(*at, key)].line
                raise self._refuse(
                    key_node, f"the key '{key}' stands twice (first on line {first})", "keep one of them"
                )
            item = self.build(value_node, (*at, key))
            built = self.places[(*at, key)]
            self.places[(*at, key)] = Place(self.path, key_node.start_mark.line + 1, built.raw)
            value[key] = item
        return value

    def _refuse(self, node: yaml.Node, what: str, fix: str) -> ConfigError:
        return ConfigError(what, fix=fix, where=f"{self.path}:{node.start_mark.line + 1}")


def _lay_over(
    child: Document,
    below: Mapping[str, Any],
    above: Mapping[str, Any],
    at: KeyPath,
    whole: Whole,
    places: dict[KeyPath, Place],
) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        here = (*at, key)
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping) and not whole(here, value):
            merged[key] = _lay_over(child, merged[key], value, here, whole, places)
            continue
        merged[key] = value
        for stale in [path for path in places if path[: len(here)] == here]:
            del places[stale]
        places.update({path: place for path, place in child.places.items() if path[: len(here)] == here})
    return merged
