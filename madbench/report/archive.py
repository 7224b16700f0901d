"""Records and item scores in one .jsonl.gz: all that a board is made of, small enough to be committed.

One JSON object a line. First `{"kind": "madbench-records", "form": 1}`; then `items` (example ids, the image of each and
the groups it is counted in) and `rows` (ids of a condition that lists rows), each once under a key that records name;
then a `record` for each finished cell and a `failure` for each failed one:

    {"kind": "record", "folder": "mad/lowshot-1pct@1/vqa/mini-d0-s0-8ba8a0ad", "record": {...}, "predictions": true,
     "rows": {"changed-prior": KEY}, "scores": {"val": {"items": KEY, "legs": [["main", {"of": [0.0, 0.6, 1.0],
     "codes": "0021..."}]]}}}

Item scores, not only their sums by image: sums in another order would change the last digits, and what is reported from
an archive is to be what is reported from the folder, byte for byte. Predictions, texts and paths are not in here.
"""

from __future__ import annotations

import gzip
import json
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from madbench.errors import DataMalformed, UsageError
from madbench.files import atomic_path, canonical_json, read_json, sha256_of
from madbench.report.record_problems import problems_of
from madbench.report.records import Failure, Record, load_runs
from madbench.report.redaction import without_paths

KIND, FORM, SUFFIX = "madbench-records", 1, ".jsonl.gz"
GROUP, CORRECT = "group_", "_correct"
MOST_BYTES = 4 << 30
# One character an item: a question of VQA has one of seven scores, and one of 65 types.
CODES = string.digits + string.ascii_letters + "!#$%&()*+,-./:;<=>?@[]^_`{|}~"


@dataclass(frozen=True, eq=False)
class Archived:
    """What an archive holds of one cell beside its record. scores: condition -> (columns of items, leg -> `[items]`)."""

    predictions: bool
    rows: Mapping[str, list[str]]
    scores: Mapping[str, tuple[Mapping[str, Any], Mapping[str, np.ndarray]]] = field(repr=False)

    def table(self, condition: str) -> Any:
        """The columns that a prediction file would give a report, in its order; None where there is no file."""
        import pyarrow

        if condition not in self.scores:
            return None
        columns, legs = self.scores[condition]
        return pyarrow.table({**columns, **{f"{leg}{CORRECT}": values for leg, values in legs.items()}})


def is_archive(path: Path | str) -> bool:
    return str(path).endswith(SUFFIX) and Path(path).is_file()


# --------------------------------------------------------------------------- writing


def write_archive(dirs: Sequence[Path | str], out: Path) -> tuple[int, int]:
    """Writes what `report` reads of all cells below `dirs`; the numbers of records and of failures. Same bytes each time."""
    if not str(out).endswith(SUFFIX):
        raise UsageError(f"--out {out}: records are packed as {SUFFIX}", fix=f"e.g. --out board.records{SUFFIX}")
    runs = load_runs(dirs)
    shared: dict[str, dict[str, Any]] = {}
    lines = [_record_line(record, shared) for record in runs.records]
    lines += [{"kind": "failure", **without_paths(asdict(one))[0]} for one in runs.failures]
    head = {"kind": KIND, "form": FORM, "records": len(runs.records), "failures": len(runs.failures)}
    ordered = [head, *(shared[key] for key in sorted(shared)), *lines]
    with (
        atomic_path(out) as temporary,
        open(temporary, "wb") as file,
        # No name and no time of writing: they would make other bytes of the same records.
        gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=file, mtime=0) as stream,
    ):
        for line in ordered:
            stream.write(canonical_json(line).encode() + b"\n")
    return len(runs.records), len(runs.failures)


def _record_line(record: Record, shared: dict[str, dict[str, Any]]) -> dict[str, Any]:
    from madbench.report.predictions import read_table

    scores: dict[str, Any] = {}
    rows = _rows(record)
    for name, condition in record.conditions.items():
        if not condition.get("available", True) or condition.get("kind") == "rows":
            continue
        table = read_table(record, name, groups=True)
        if table is None:
            continue
        items = {
            "kind": "items",
            "ids": table["example_id"].to_pylist(),
            "images": table["unit_id"].to_pylist(),
            # Lists of pairs: the order of columns is the order in which a board tells of them.
            "groups": [
                [column, _encoded(table[column].to_pylist())]
                for column in table.column_names
                if column.startswith(GROUP)
            ],
        }
        legs = [
            [column.removesuffix(CORRECT), _encoded(table[column].to_numpy().astype(np.float64).tolist())]
            for column in table.column_names
            if column.endswith(CORRECT)
        ]
        scores[name] = {"items": _share(shared, items), "legs": legs}
    return {
        "kind": "record",
        "folder": record.place,
        "record": without_paths(record.content)[0],
        "predictions": record.has_predictions,
        "rows": {name: _share(shared, {"kind": "rows", "ids": ids}) for name, ids in sorted(rows.items())},
        "scores": scores,
    }


def _rows(record: Record) -> Mapping[str, list[str]]:
    if record.archived is not None:
        return record.archived.rows
    path = record.folder / "manifest.json"
    return read_json(path).get("rows", {}) if path.is_file() else {}


def _share(shared: dict[str, dict[str, Any]], content: dict[str, Any]) -> str:
    key = sha256_of(content)[:16]
    shared[key] = {**content, "key": key}
    return key


def _encoded(values: list[Any]) -> dict[str, Any]:
    """The different values once, and a character for each item; the plain values where there are too many."""
    of = sorted(set(values), key=lambda value: (value is None, value))
    if len(of) > len(CODES):
        return {"values": values}
    code_of = dict(zip(of, CODES, strict=False))
    return {"of": of, "codes": "".join([code_of[value] for value in values])}


# --------------------------------------------------------------------------- reading


def read_archive(path: Path) -> tuple[list[Record], list[Failure]]:
    """Records and failures of an archive. Raises DataMalformed naming the line."""
    shared: dict[str, Any] = {}
    records, failures = [], []
    for number, line in _lines(path):
        where = f"{path}:{number}"
        try:
            kind = line["kind"]
            if number == 1:
                if kind != KIND or line["form"] != FORM:
                    raise DataMalformed(f"not an archive of records in form {FORM}", where=where)
            elif kind in ("items", "rows"):
                shared[line["key"]] = _columns(line)
            elif kind == "record":
                records.append(_record(path, line, shared, where))
            elif kind == "failure":
                failures.append(Failure(**{name: value for name, value in line.items() if name != "kind"}))
            else:
                raise DataMalformed(f"a line of kind '{kind}'", where=where)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise DataMalformed(f"not an archive of records: {type(error).__name__}: {error}", where=where) from None
    return records, failures


def _lines(path: Path) -> Iterator[tuple[int, Any]]:
    fix = "write it again with `madbench pack --records-only`"
    read = 0
    try:
        with gzip.open(path, "rb") as stream:
            for number, line in enumerate(stream, start=1):
                read += len(line)
                if read > MOST_BYTES:
                    raise DataMalformed(f"more than {MOST_BYTES >> 30} GiB of records", where=path, fix=fix)
                yield number, json.loads(line)
    except (OSError, EOFError, ValueError) as error:
        raise DataMalformed(f"not an archive of records: {error}", where=path, fix=fix) from None


def _columns(line: Mapping[str, Any]) -> Any:
    import pyarrow

    if line["kind"] == "rows":
        return [str(one) for one in line["ids"]]
    columns = {"example_id": line["ids"], "unit_id": line["images"]}
    columns |= {name: _decoded(one) for name, one in line["groups"] if name.startswith(GROUP)}
    if len({len(one) for one in columns.values()}) != 1:
        raise ValueError("columns of items that differ in length")
    return {name: pyarrow.array(one, pyarrow.string()) for name, one in columns.items()}


def _record(path: Path, line: Mapping[str, Any], shared: Mapping[str, Any], where: str) -> Record:
    content = line["record"]
    for problem in problems_of(content):
        raise DataMalformed(problem, where=where)
    scores = {}
    for name, one in line["scores"].items():
        columns = shared[one["items"]]
        legs = {leg: np.asarray(_decoded(values), dtype=np.float64) for leg, values in one["legs"]}
        if any(len(values) != len(columns["example_id"]) for values in legs.values()):
            raise ValueError(f"scores of '{name}' do not fit its items")
        scores[name] = columns, legs
    rows = {name: shared[key] for name, key in line["rows"].items()}
    return Record(path / line["folder"], content, Archived(bool(line["predictions"]), rows, scores))


def _decoded(column: Mapping[str, Any]) -> list[Any]:
    if "values" in column:
        return list(column["values"])
    value_of = dict(zip(CODES, column["of"], strict=False))
    return [value_of[code] for code in column["codes"]]
