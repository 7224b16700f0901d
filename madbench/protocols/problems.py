"""What pydantic finds wrong with a YAML file, told by file and line: every problem at once, with a way out.

Two YAML surprises are explained where they bite: `1e-5` is a text, and a bare `no` is a truth value.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from madbench.errors import ConfigError, did_you_mean
from madbench.protocols.yaml_files import Document, KeyPath, Place

Checked = TypeVar("Checked", bound=BaseModel)
EXPONENT_WITHOUT_POINT = re.compile(r"^[+-]?\d+[eE][+-]?\d+$|^[+-]?\d*\.\d*[eE]\d+$")
# Kinds of problems that a bare `no` or `yes` can be behind: YAML made a truth value of it.
_NOT_A_TRUTH = ("string_type", "dict_type", "model_type", "list_type")


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
    return message + _trap(value, place if kind in _NOT_A_TRUTH else None, kind, location)


def _trap(value: Any, place: Place | None, kind: str = "", location: KeyPath = ()) -> str:
    """What YAML did to a value that does not fit, when it is one of the two usual surprises."""
    if isinstance(value, str) and EXPONENT_WITHOUT_POINT.match(value):
        return f"; YAML reads this as text, write {_written(value, whole=kind == 'int_type')}"
    if isinstance(value, bool) and place is not None and place.raw and place.raw.lower() not in ("true", "false"):
        # A rule that selects nothing is the word none; a quoted 'no' would be no rule either.
        cure = "write none" if location[:1] == ("select",) else f"write '{place.raw}' in quotes"
        return f"; YAML reads a bare {place.raw} as {str(value).lower()}, {cure}"
    return ""


def _written(number: str, whole: bool) -> str:
    """An exponent as YAML reads it; where a whole number is wanted, as one, if it is one of a readable length."""
    value = float(number)
    if whole and value.is_integer() and abs(value) < 1e12:
        return str(int(value))
    mantissa, exponent = re.split("[eE]", number)
    mantissa = mantissa if "." in mantissa else f"{mantissa}.0"
    return f"{mantissa}e{exponent if exponent[0] in '+-' else '+' + exponent}"


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
