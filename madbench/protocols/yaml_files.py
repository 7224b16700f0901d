"""YAML files with the line of every key, and all their problems at once.

Protocols and model specs are both read here. Reading is safe (no tags, no objects), repeated keys are refused, and
what pydantic finds wrong is told as `file:line`, with the two YAML surprises explained: `1e-5` is a text and a bare
`no` is a truth value.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from madbench.errors import ConfigError, DataMissing, did_you_mean

KeyPath = tuple[str | int, ...]
Whole = Callable[[KeyPath, Mapping[str, Any]], bool]
Checked = TypeVar("Checked", bound=BaseModel)

# Aliases can make a small file huge; no honest protocol comes near this.
MOST_NODES = 100_000
EXPONENT_WITHOUT_POINT = re.compile(r"^[+-]?\d+[eE][+-]?\d+$|^[+-]?\d*\.\d*[eE]\d+$")


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


def check(document: Document, schema: type[Checked]) -> Checked:
    """The document as an instance of a pydantic class. Raises ConfigError naming every problem by file and line."""
    try:
        return schema.model_validate(document.value)
    except ValidationError as error:
        raise problems_error(document.path, problems_of(error, document, schema)) from None


def check_part(document: Document, schema: type[BaseModel]) -> None:
    """A document that others extend: what stands there must fit, what is missing may come from them."""
    try:
        schema.model_validate(document.value)
    except ValidationError as error:
        found = [one for one in error.errors(include_url=False) if one["type"] != "missing" or len(one["loc"]) > 1]
        if found:
            raise problems_error(document.path, [Problem.of(one, document, schema) for one in found]) from None


def problems_of(error: ValidationError, document: Document, schema: type[BaseModel], below: str = "") -> list[Problem]:
    """What pydantic found wrong with a document, in our words. below: the key the document is the part of, if any."""
    return [Problem.of(found, document, schema, below) for found in error.errors(include_url=False)]


def problems_error(path: Path, problems: Iterable[Problem]) -> ConfigError:
    """One ConfigError for all problems, each told once, in the order of their lines."""
    problems = sorted(set(problems), key=lambda problem: (str(problem.place.path), problem.place.line, problem.message))
    fix = "correct the file, then run `madbench validate` on it"
    if len(problems) == 1:
        return ConfigError(problems[0].message, fix=fix, where=problems[0].place)
    lines = "".join(f"\n  {problem.place}: {problem.message}" for problem in problems)
    return ConfigError(f"{path}: {len(problems)} problems{lines}", fix=fix)


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


# --------------------------------------------------------------------------- from pydantic's errors to ours


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and where it was written."""

    place: Place
    message: str

    @classmethod
    def of(cls, found: Mapping[str, Any], document: Document, schema: type[BaseModel], below: str = "") -> Problem:
        at = tuple(part for part in found["loc"] if part != "[key]")
        place = document.place(at)
        if found["type"] == "value_error":
            # Checks across fields begin their message with the key they are about.
            named = re.match(r"[\w.-]+", str(found["ctx"]["error"]))
            place = document.place((*at, *named[0].split("."))) if named else place
        name = ".".join(str(part) for part in ((below, *at) if below else at))
        message = _message(found, at, schema, place)
        return cls(place, f"{name}: {message}" if name else message)


def _message(found: Mapping[str, Any], location: KeyPath, schema: type[BaseModel], place: Place) -> str:
    kind, value = found["type"], found.get("input")
    if kind == "extra_forbidden":
        known = _known_keys(schema, location[:-1])
        hint = did_you_mean(str(location[-1]), known)
        return "unknown key" + (f"; {hint}" if hint else "") + (f" known keys: {', '.join(known)}" if known else "")
    if kind == "missing":
        return "missing and has no default"
    if kind == "value_error":
        return str(found["ctx"]["error"])
    if kind == "literal_error":
        hint = did_you_mean(str(value), re.findall(r"'([^']*)'", found["ctx"]["expected"]))
        return (
            f"expected {found['ctx']['expected']}, got {value!r}" + (f"; {hint}" if hint else "") + _trap(value, place)
        )
    message = found["msg"][0].lower() + found["msg"][1:]
    if isinstance(value, (str, int, float, bool)) or value is None:
        message += f", got {value!r}"
    return message + _trap(value, place if kind == "string_type" else None)


def _trap(value: Any, place: Place | None) -> str:
    """What YAML did to a value that does not fit, when it is one of the two usual surprises."""
    if isinstance(value, str) and EXPONENT_WITHOUT_POINT.match(value):
        mantissa, exponent = re.split("[eE]", value)
        mantissa = mantissa if "." in mantissa else f"{mantissa}.0"
        sign = exponent if exponent[0] in "+-" else f"+{exponent}"
        return f"; YAML reads this as text, write {mantissa}e{sign}"
    if isinstance(value, bool) and place is not None and place.raw and place.raw.lower() not in ("true", "false"):
        return f"; YAML reads a bare {place.raw} as {str(value).lower()}, write '{place.raw}' in quotes"
    return ""


def _known_keys(schema: type[BaseModel], location: KeyPath) -> list[str]:
    """The keys a pydantic class knows at a location inside it; empty when that is no fixed set."""
    kind: Any = schema
    for part in location:
        kind = _plain(kind)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            named = {field.alias or name: field for name, field in kind.model_fields.items()}
            if part not in named:
                return []
            kind = named[part].annotation
        else:
            arguments = typing.get_args(kind)
            kind = arguments[-1] if arguments else None
    kind = _plain(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [field.alias or name for name, field in kind.model_fields.items()]
    return []


def _plain(kind: Any) -> Any:
    """An annotation without `Annotated` and `| None`."""
    while True:
        if typing.get_origin(kind) is typing.Annotated:
            kind = typing.get_args(kind)[0]
        elif typing.get_origin(kind) in (typing.Union, types.UnionType):
            kind = next(option for option in typing.get_args(kind) if option is not type(None))
        else:
            return kind
