"""The mark of a rescore that has begun: what it may find changed when it goes on after a kill, and what not.

Item scores, evaluation points' metrics and the digests are rewritten, the record last. Everything else of these files is
named in the mark by hash; without that, a mark left behind would let any edit pass as our own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from madbench.errors import MadbenchError
from madbench.files import sha256_of, write_json
from madbench.harness.digests import DIGESTS, RESCORING, broken_digests
from madbench.harness.prediction_files import answers_sha256
from madbench.harness.store import HISTORY, CellFolder

Record = Mapping[str, Any]


def begin(folder: CellFolder, record: Record, files: Sequence[Path]) -> None:
    """Leave the mark. files: of predictions, whose item scores will be rewritten."""
    answers = {file.relative_to(folder.path).as_posix(): answers_sha256(file) for file in files}
    mark = {"record": sha256_of(record), "selected": _selected(folder), "answers": answers}
    write_json(folder.path / RESCORING, mark)


def completes(path: Path, record: Record) -> bool:
    """Whether a cell that disagrees with its digests is one that `begin` was about to change, and nothing else of it."""
    folder = CellFolder(path)
    try:
        mark = json.loads((path / RESCORING).read_text(encoding="utf-8"))
        if mark["record"] != sha256_of(record) or mark["selected"] != _selected(folder):
            return False
        if any(answers_sha256(path / name) != sha for name, sha in mark["answers"].items()):
            return False
    except (MadbenchError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    broken = broken_digests(path, record, [*mark["answers"], HISTORY, DIGESTS]) or []
    # The record is the one that the mark names: it only waits for its new digests.
    return all(one.startswith("record.json:") for one in broken)


def _selected(folder: CellFolder) -> str:
    """Of what the run chose its step by: steps and metrics of the select split, which rescoring leaves."""
    return sha256_of([[point["step"], point["select"]] for point in folder.history()])
