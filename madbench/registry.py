"""Names to code: tables of `"module:attribute"`, so that listing names imports nothing.

Built-ins are listed here once. Others arrive by entry points (group `madbench.models`), by a decorator in a
module named with `--plugin`, or by `register`. A taken name is an error, never a silent overwrite.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from madbench.errors import MadbenchError, UsageError, did_you_mean


@dataclass
class Registry:
    """Named things of one kind; nothing is imported until `load`."""

    kind: str
    builtin: Mapping[str, str]
    entry_point_group: str | None = None
    _added: dict[str, tuple[Any, str]] = field(default_factory=dict)

    def names(self) -> list[str]:
        return sorted({*self.builtin, *self._entry_points(), *self._added})

    def __contains__(self, name: str) -> bool:
        return name in self.builtin or name in self._added or name in self._entry_points()

    def origin(self, name: str) -> str:
        """`built-in`, `entry point`, or where it was registered."""
        if name in self._added:
            return self._added[name][1]
        if name in self.builtin:
            return "built-in"
        if name in self._entry_points():
            return "entry point"
        raise self.unknown(name)

    def register(self, name: str, target: Any, origin: str) -> None:
        """Add an object under a name. Raises UsageError when another object has it.

        Registering the same definition again (a plugin file loaded twice) is no error.
        """
        if name in self._added and _same_definition(self._added[name][0], target):
            self._added[name] = (target, origin)
            return
        if name in self:
            raise UsageError(
                f"the {self.kind} name '{name}' is taken ({self.origin(name)})", fix="choose another name", where=origin
            )
        self._added[name] = (target, origin)

    def load(self, name: str) -> Any:
        """The object behind a name. Raises UsageError (with a did-you-mean) for an unknown one."""
        if name in self._added:
            return self._added[name][0]
        if name in self.builtin:
            return resolve(self.builtin[name])
        points = self._entry_points()
        if name in points:
            return _loaded(self.kind, points[name])
        raise self.unknown(name)

    def unknown(self, name: str) -> UsageError:
        hint = did_you_mean(name, self.names())
        return UsageError(
            f"no {self.kind} named '{name}'" + (f"; {hint}" if hint else ""),
            fix=f"use one of {', '.join(self.names())}",
        )

    def _entry_points(self) -> dict[str, Any]:
        if self.entry_point_group is None:
            return {}
        from importlib.metadata import entry_points

        return {point.name: point for point in entry_points(group=self.entry_point_group)}


def resolve(target: str) -> Any:
    """`"package.module:attribute"` to the attribute."""
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _loaded(kind: str, point: Any) -> Any:
    """Other people's code is imported here: whatever it does, it is told as theirs."""
    try:
        return point.load()
    except MadbenchError:
        raise
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"the {kind} '{point.name}' cannot be imported: {type(error).__name__}: {error}",
            fix="correct or uninstall the package that offers it",
            where=f"entry point {point.value}",
        ) from error


def _same_definition(old: Any, new: Any) -> bool:
    """Whether two classes or functions come from the same `class` or `def` line, loaded twice."""
    return all(getattr(old, name, 0) == getattr(new, name, 1) for name in ("__module__", "__qualname__"))


TASKS = Registry(
    "task",
    {
        "vcr": "madbench.tasks.vcr:TASK",
        "snli_ve": "madbench.tasks.snli_ve:TASK",
        "vqa": "madbench.tasks.vqa:TASK",
    },
)

ADAPTERS = Registry(
    "adapter",
    {
        "random": "madbench.models.priors:RandomGuess",
        "majority": "madbench.models.priors:Majority",
        "overlap": "madbench.models.overlap:Overlap",
        "clip-probe": "madbench.models.probe:ClipProbe",
        "finetune": "madbench.models.finetune:Finetune",
    },
    entry_point_group="madbench.models",
)
