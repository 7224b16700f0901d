"""What records are verified and rescored with: the sources, protocols and rows that are at hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from madbench.harness.data import CellData, answer_space, digest, load_data, make_mini
from madbench.protocols import load_protocol
from madbench.protocols.schema import Protocol
from madbench.registry import TASKS
from madbench.tasks.contract import AnswerSpace
from madbench.tasks.sources import Source, locate, parse_data, registered


def sources_at_hand(data: Sequence[str], wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Source]:
    """(task, kind) -> source, for those that are there: mini is always, a real one when registered or named.

    data: as given with `--data`. Raises UsageError, and DataMissing for a root that is named and not there.
    """
    # A record may name any task; what is wrong with it is said later, with its file.
    wanted, choice = {one for one in wanted if one[0] in TASKS.names()}, parse_data(data)
    real = {task: root for task, root in {**registered(), **choice.named}.items() if root is not None}
    mini = make_mini(sorted(task for task, kind in wanted if kind == "mini"))
    roots = {("mini", task): root for task, root in mini.items()} | {
        ("real", task): root for task, root in real.items()
    }
    return {
        (task, kind): Source(task, kind, roots[kind, task], locate(TASKS.load(task), roots[kind, task]))
        for task, kind in wanted
        if (kind, task) in roots
    }


class Verifier:
    """Verifies cells, and remembers the data of the last one: cells that differ in the model alone share it.

    protocols: files of protocols that no name finds.
    """

    def __init__(self, sources: Mapping[tuple[str, str], Source], protocols: Iterable[str] = ()):
        self.sources = sources
        given = [load_protocol(file) for file in protocols]
        self._given = {one.id: one for one in given}
        self._key: tuple | None = None
        self._data: tuple[Mapping[str, Any], CellData] | None = None
        self._spaces: list[AnswerSpace] | None = None
        self._ceilings: dict[tuple[str, AnswerSpace], float | None] = {}

    def protocol(self, name: str) -> Protocol:
        """A protocol by `name@version`. Raises MadbenchError."""
        return self._given[name] if name in self._given else load_protocol(name)

    def data(
        self, source: Source, protocol: Protocol, draw: int, limit: int | None
    ) -> tuple[Mapping[str, Any], CellData]:
        """The digest and the data of a cell. Raises DataError, NotComparable for a leak."""
        key = (source, protocol.id, protocol.task_hash(source.task), draw, limit)
        if key != self._key:
            self._data = digest(source, protocol, draw, limit), load_data(source, protocol, draw, limit)
            self._key, self._spaces, self._ceilings = key, None, {}
        return self._data

    def spaces(self, source: Source, protocol: Protocol) -> list[AnswerSpace]:
        """The answer spaces of the data asked for last: of a model that is fitted on train, and on train and select."""
        if self._spaces is None:
            _, data = self._data
            subset, pool = data.subset, len(data.pool)
            fits = [subset.train, *([] if subset.select is None else [(*subset.train, *subset.select)])]
            self._spaces = [
                answer_space(source, protocol, rows, protocol.subset.fraction or len(rows) / pool) for rows in fits
            ]
        return self._spaces

    def ceiling(self, condition: str, space: AnswerSpace) -> float | None:
        """What an oracle reaches on a condition of the data asked for last."""
        key = condition, space
        if key not in self._ceilings:
            _, data = self._data
            rows = next(one.rows for one in data.conditions if one.name == condition)
            self._ceilings[key] = data.task.ceiling(rows, space)
        return self._ceilings[key]
