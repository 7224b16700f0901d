"""JSON files of many elements, an object with the list under a key or a bare list, and where in them an element stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

from madbench.errors import DataMalformed
from madbench.tasks.archives import open_file
from madbench.tasks.json_places import line_of_element
from madbench.tasks.reading import field, no_rows, read_json_list

Record = Mapping[str, Any]


@dataclass(frozen=True)
class ElementFile:
    """A JSON file of elements. key: the field that holds the list, or None when the file is the list."""

    path: Path
    key: str | None

    @classmethod
    def found(cls, path: Path, key: str) -> ElementFile:
        """A file that may be either: a bare list, or an object with the list under `key`."""
        try:
            with open_file(path) as stream:
                start = stream.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
        except OSError:
            start = b""  # said better by whoever reads it
        return cls(path, None if start.startswith(b"[") else key)

    def unchecked(self) -> Iterator[Any]:
        """Whatever the list holds. Raises DataMissing, DataMalformed when there is no such list."""
        return chain.from_iterable(read_json_list(self.path, self.key, "use the file of the official release"))

    def elements(self, fields: Mapping[str, type]) -> Iterator[tuple[int, Record]]:
        """(index, element), each with these fields. Raises DataMissing, DataMalformed with file:line and the field."""
        kinds = tuple(fields.items())
        index = -1
        for index, record in enumerate(self.unchecked()):
            if not isinstance(record, dict) or any(type(record.get(name)) is not kind for name, kind in kinds):
                self.explain(index, record, fields)
            yield index, record
        if index < 0:
            raise no_rows(self.path)

    def explain(self, index: int, record: Any, fields: Mapping[str, type]) -> NoReturn:
        """Raise for an element that is known to be bad: which field, and on which line."""
        if not isinstance(record, dict):
            self.refuse(index, "not an object", "restore the file")
        line = line_of_element(self.path, self.key, index)
        for name, kind in fields.items():
            field(record, name, kind, self.path, line)
        self.refuse(index, "a field has the wrong type", "restore the file")

    def refuse(self, index: int, what: str, fix: str) -> NoReturn:
        """Raise DataMalformed for the element `index`, with its line."""
        raise DataMalformed(
            f"{self.key or 'element'}[{index}]: {what}",
            fix=fix,
            where=f"{self.path}:{line_of_element(self.path, self.key, index)}",
        )
