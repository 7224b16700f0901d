"""Results to share as one file: records, histories, manifests and predictions of cells, in a .tar.zst.

No checkpoints, no images, no text of the data sets, no absolute paths: only files of known names go in, prediction
files only with known columns, and paths in messages are cut (and said to be). The same folder gives the same bytes.
What comes from somebody else is unpacked with suspicion: plain files of these names only, bounded in number and size.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from madbench.errors import DataMalformed, DataMissing, NotComparable, UsageError
from madbench.files import atomic_path
from madbench.report.records import cell_folders, read_failure, read_record
from madbench.report.redaction import without_paths

SUFFIX = ".tar.zst"
MOST_FILES, MOST_BYTES = 200_000, 64 << 30
PLAIN = ("digests.json", "error.json", "history.jsonl", "manifest.json", "record.json")
_CELL_FILE = re.compile(rf"(?:{'|'.join(map(re.escape, PLAIN))}|predictions/[^/]+@\d+\.parquet)")
_COLUMN = re.compile(r"example_id|unit_id|\w+_(?:prediction|scores|correct)|qa2r_scores_a\d|group_\w+")

# What the harness knows of digests and this layer may not import: (folder, record) -> problems, and the sealing of one.
Broken = Callable[[Path, Mapping[str, Any]], list[str] | None]
Seal = Callable[[Path, Mapping[str, Any]], dict[str, Any]]


@dataclass
class Packed:
    """What went into a file. left_out: files of cells that stayed behind. redacted: cell -> fields that had a path."""

    cells: int = 0
    files: int = 0
    left_out: list[str] = field(default_factory=list)
    redacted: dict[str, list[str]] = field(default_factory=dict)


def pack(dirs: Sequence[Path], out: Path, *, broken: Broken, seal: Seal) -> Packed:
    """Writes all cells below `dirs`. Raises NotComparable for a cell that does not agree with its digests, DataError."""
    if not str(out).endswith(SUFFIX):
        raise UsageError(f"--out {out}: results are packed as {SUFFIX}", fix=f"e.g. --out results{SUFFIX}")
    cells: dict[str, Path] = {}
    for folder, finished in cell_folders(dirs):
        name = _name_of(folder, finished)
        if name is None:
            continue
        if name in cells:
            raise NotComparable(f"two folders hold the cell {name}", fix="pack one of them", where=folder)
        cells[name] = folder
    if not cells:
        raise DataMissing(
            f"no records below {', '.join(map(str, dirs))}", fix="name the --out folder of `madbench run`"
        )
    done = Packed()
    with atomic_path(out) as temporary, _writing(temporary) as tar:
        for name in sorted(cells):
            for file, content in sorted(_contents(name, cells[name], done, broken, seal).items()):
                _add(tar, f"{name}/{file}", content)
                done.files += 1
            done.cells += 1
    return done


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """A folder of results: the path itself, or for a packed file a temporary folder with its content.

    Raises DataMissing, DataMalformed for a file that holds anything but what `pack` writes.
    """
    if not path.is_file():
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="madbench-") as folder:
        _unpack(path, Path(folder))
        yield Path(folder)


@contextmanager
def opened(paths: Iterable[Path | str]) -> Iterator[list[Path]]:
    """The paths with packed results unpacked; folders, archives of records and whatever is not there stay as they are."""
    with ExitStack() as stack:
        yield [stack.enter_context(unpacked(Path(one))) if str(one).endswith(SUFFIX) else Path(one) for one in paths]


def _name_of(folder: Path, finished: bool) -> str | None:
    """The place of a cell in a pack, from its record: where its folder lies here is nobody's business.

    None for a failed cell that was moved: nothing says what it was.
    """
    if finished:
        return read_record(folder).place
    failure = read_failure(folder)
    if failure is None or "@" not in failure.protocol:
        return None
    return "/".join((failure.model, failure.protocol, failure.task, folder.name))


def _contents(name: str, folder: Path, done: Packed, broken: Broken, seal: Seal) -> dict[str, bytes]:
    """File name -> bytes of one cell, as shared."""
    files = {file.relative_to(folder).as_posix(): file for file in sorted(folder.rglob("*")) if file.is_file()}
    shared = {one: file for one, file in files.items() if _CELL_FILE.fullmatch(one) and not file.is_symlink()}
    hidden = {one for one in files if any(part.startswith(".") for part in PurePosixPath(one).parts)}
    done.left_out += [f"{name}/{one}" for one in sorted(files.keys() - shared.keys() - hidden)]
    for one, file in shared.items():
        if one.endswith(".parquet"):
            _check_columns(file)
    if "record.json" not in files:
        return {"error.json": _error(shared["error.json"])}
    record = dict(read_record(folder).content)
    problems = broken(folder, record)
    if problems:
        raise NotComparable(
            f"{name}: {problems[0]}" + (f", and {len(problems) - 1} more" if len(problems) > 1 else ""),
            fix="see `madbench verify`, and run the cell again",
        )
    contents = {one: file.read_bytes() for one, file in shared.items()}
    changed: list[str] = []
    for one in ("manifest.json", "history.jsonl"):
        if one in contents:
            contents[one], found = _clean_text(contents[one], folder / one)
            changed += [one] if found else []
    record, found = without_paths(record)
    changed += found
    if changed:
        done.redacted[name] = changed
        contents.update(_resealed(record, changed, contents, problems is not None, seal))
    return contents


def _resealed(
    record: dict[str, Any], changed: list[str], contents: Mapping[str, bytes], had_digests: bool, seal: Seal
) -> dict[str, bytes]:
    """record.json and digests.json of a cell whose texts were cut; what it was before stands in the record."""
    record["packed"] = {"redacted": changed, "digests_sha256": record.get("digests_sha256")}
    with tempfile.TemporaryDirectory(prefix="madbench-") as temporary:
        for one, content in contents.items():
            target = Path(temporary) / one
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        if had_digests:
            record = seal(Path(temporary), record)
            return {"record.json": _json(record), "digests.json": (Path(temporary) / "digests.json").read_bytes()}
    return {"record.json": _json(record)}


def _clean_text(content: bytes, path: Path) -> tuple[bytes, bool]:
    try:
        lines = content.decode("utf-8").splitlines() if path.suffix == ".jsonl" else [content.decode("utf-8")]
        cleaned = [without_paths(json.loads(line)) for line in lines]
    except ValueError as error:
        raise DataMalformed(f"not JSON: {error}", where=path) from None
    if not any(found for _, found in cleaned):
        return content, False
    if path.suffix == ".jsonl":
        return "".join(json.dumps(value, sort_keys=True) + "\n" for value, _ in cleaned).encode(), True
    return _json(cleaned[0][0]), True


def _error(file: Path) -> bytes:
    """The error of a failed cell without its traceback, which is full of paths."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        kept = {name: str(content.get(name, "")) for name in ("error", "fix")}
    except (ValueError, AttributeError):
        kept = {"error": "unreadable error.json", "fix": ""}
    return _json({**without_paths(kept)[0], "traceback": ""})


def _check_columns(file: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    try:
        names = pyarrow.parquet.read_schema(file).names
    except (OSError, pyarrow.ArrowException) as error:
        raise DataMalformed(f"predictions cannot be read: {error}", where=file) from None
    strange = [name for name in names if not _COLUMN.fullmatch(name)]
    if strange:
        raise NotComparable(
            f"predictions with a column '{strange[0]}', which may hold text of the data set",
            where=file,
            fix="keep the columns that `madbench run` writes",
        )


def _json(value: Any) -> bytes:
    return (json.dumps(value, sort_keys=True, indent=1, ensure_ascii=True, allow_nan=False) + "\n").encode()


@contextmanager
def _writing(path: Path) -> Iterator[tarfile.TarFile]:
    import pyarrow

    with (
        open(path, "wb") as file,
        pyarrow.CompressedOutputStream(file, "zstd") as stream,
        tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        yield tar


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    # A TarInfo of our own: no owner, no time, no mode of this machine.
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o644
    tar.addfile(member, io.BytesIO(content))


def _unpack(path: Path, folder: Path) -> None:
    import pyarrow

    total = count = 0
    try:
        with (
            open(path, "rb") as file,
            pyarrow.CompressedInputStream(file, "zstd") as stream,
            tarfile.open(fileobj=stream, mode="r|") as tar,
        ):
            for member in tar:
                _check_member(member, path)
                count, total = count + 1, total + member.size
                if count > MOST_FILES or total > MOST_BYTES:
                    raise DataMalformed(f"more than {MOST_FILES:,} files or {MOST_BYTES >> 30} GiB", where=path)
                target = folder / member.name
                if target.exists():
                    raise DataMalformed(f"'{member.name}' is in there twice", where=path)
                target.parent.mkdir(parents=True, exist_ok=True)
                source = tar.extractfile(member)
                with open(target, "wb") as written:
                    while chunk := source.read(1 << 20):
                        written.write(chunk)
    except (OSError, tarfile.TarError, EOFError) as error:
        raise DataMalformed(f"not a {SUFFIX} of results: {error}", where=path, fix="pack it again") from None


def _check_member(member: tarfile.TarInfo, path: Path) -> None:
    """Four folders and a file of a known name, nothing else: no links, no way out."""
    parts = PurePosixPath(member.name).parts
    safe = not any(part in ("..", ".", "/") or "\\" in part or "\0" in part for part in parts)
    known = len(parts) > 4 and _CELL_FILE.fullmatch("/".join(parts[4:]))
    if not member.isreg() or member.name.startswith("/") or not safe or not known:
        raise DataMalformed(
            f"it holds '{member.name}', which `madbench pack` would not write", where=path, fix="do not trust this file"
        )
