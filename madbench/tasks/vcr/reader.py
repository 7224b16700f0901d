"""VCR annotations in the official layout: `train.jsonl`, `val.jsonl`, `test.jsonl` and `vcr1images/`.

The annotation files may lie in the root, in `vcr1annots/`, in `annotation/` or in `vcr1annots.zip`. Whether an image exists is not asked
here. What leaks the label (`*_orig`, `*_match_iter`, `*_sources`) is looked at once, for an integrity check, and
not kept. A field that is not needed may be absent or null, which of them the test file has is not known, and so may both
labels together; one of another type is refused, because then the row is not what was released.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from madbench.errors import DataMalformed, DataMissing
from madbench.tasks import archives
from madbench.tasks.cache import through_cache
from madbench.tasks.contract import Layout, Row
from madbench.tasks.doubts import Doubts
from madbench.tasks.reading import (
    field,
    no_rows,
    read_json_lines,
    relative_name,
    without_collector,
)
from madbench.tasks.regions import region_path, regions_folder
from madbench.tasks.vcr.families import family_of
from madbench.tasks.vcr.tokens import MASKED, Tokens

SPLITS = ("train", "val", "test")
ANNOTATION_FOLDERS = ("", "vcr1annots", "annotation")
ANNOTATION_ARCHIVE = "vcr1annots.zip"
IMAGE_FOLDER = "vcr1images"
CHOICES = 4
# Fields that nothing here needs, with their types; `[]` of a type is a list of it.
UNUSED: Mapping[str, type | list[type]] = {
    "interesting_scores": [int],
    "answer_likelihood": str,
    "answer_orig": str,
    "question_orig": str,
    "rationale_orig": str,
    "answer_match_iter": [int],
    "answer_sources": [int],
    "rationale_match_iter": [int],
    "rationale_sources": [int],
    "question_number": int,
    "match_fold": str,
    "match_index": int,
}

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class VcrRow(Row):
    """One question with its four answers and four rationales; `group` is the movie.

    labels: (answer, rationale), each 0..3, or None (test). images: the folder that the two names are relative to.
    given_answer: the answer that rationales are shown for, instead of the right one (leaderboard files need all four).
    """

    objects: tuple[str, ...] = ()
    question: Tokens = ()
    answer_choices: tuple[Tokens, ...] = ()
    rationale_choices: tuple[Tokens, ...] = ()
    labels: tuple[int, int] | None = None
    images: Path = Path()
    image_name: str = ""
    metadata_name: str = ""
    given_answer: int | None = None

    @property
    def groups(self) -> Mapping[str, str]:
        return {"family": family_of(self.question)}

    @property
    def correct_answer(self) -> Tokens | None:
        """The answer that the rationales are for."""
        if self.given_answer is not None:
            return self.answer_choices[self.given_answer]
        return None if self.labels is None else self.answer_choices[self.labels[0]]


def locate(root: Path) -> Layout:
    """The annotation files that are there. Raises DataMissing when the root or every annotation file is not."""
    if not root.is_dir():
        raise DataMissing(
            "the vcr root is not a folder", fix="give the folder that holds train.jsonl and val.jsonl", where=root
        )
    files: dict[str, tuple[Path, ...]] = {}
    for split in SPLITS:
        found = archives.find([root / folder for folder in ANNOTATION_FOLDERS], f"{split}.jsonl", (ANNOTATION_ARCHIVE,))
        if found is not None:
            files[split] = (found,)
    if not files:
        names = ", ".join(f"{split}.jsonl" for split in SPLITS)
        raise DataMissing(
            f"no vcr annotations: none of {names} in the root, {' or '.join(ANNOTATION_FOLDERS[1:])}",
            fix="put vcr1annots.zip there, unpacked or not (the licence is agreed to at visualcommonsense.com)",
            where=root,
        )
    images = dict.fromkeys(SPLITS, root / IMAGE_FOLDER)
    return Layout(task="vcr", root=root, files=files, images=images, regions=regions_folder(root))


def read(layout: Layout, split: str) -> Sequence[VcrRow]:
    """All rows of a split; large files are remembered. Raises DataMissing when the source lacks it; see `read_rows`."""
    from madbench.tasks.vcr.columns import VcrColumns

    if split not in layout.files:
        raise DataMissing(
            f"the vcr source has no split '{split}' (found: {', '.join(layout.files) or 'none'})",
            fix=f"put {split}.jsonl beside the other annotation files",
            where=layout.root,
        )
    files, images = layout.files[split], layout.images[split]
    columns = VcrColumns(images, layout.regions)
    return through_cache(("vcr",), files, columns, lambda: _read(files[0], images, layout.regions))


def read_rows(path: Path, images: Path, *, allow_masked: bool = False, regions: Path | None = None) -> list[VcrRow]:
    """All rows in file order, checked. allow_masked: accept the hidden tags of adversarial files.

    regions: the folder of region features, or None. Raises DataMissing, or DataMalformed with file:line and the field.
    """
    rows, notes = _read(path, images, regions, allow_masked)
    for note in notes:
        _logger.warning("%s", note.replace("{path}", str(path)))
    return rows


def _read(path: Path, images: Path, regions: Path | None, allow_masked: bool = False) -> tuple[list[VcrRow], list[str]]:
    """Rows, and what is doubtful about them."""
    parser = _Parser(path, images, allow_masked, regions)
    with without_collector():
        rows = [parser.row(record, line) for line, record in read_json_lines(path)]
    if not rows:
        raise no_rows(path)
    return rows, parser.doubts.notes("look edited")


def row_checker(path: Path) -> Callable[[Mapping[str, Any], int], VcrRow]:
    """A check of single records of a file by the rules of `read_rows`, for those who keep the record as it stands.

    The names of image files may be absent: who changes only texts needs none. The check raises as `read_rows` does.
    """
    parser = _Parser(path, path.parent, allow_masked=False)
    nameless = {"img_fn": "unnamed.jpg", "metadata_fn": "unnamed.json", "img_id": ""}
    return lambda record, line: parser.row({**nameless, **record}, line)


class _Shared(dict):
    """Equal values become one object: `shared[value]` is the first one seen."""

    def __missing__(self, value):
        self[value] = value
        return value


class _Parser:
    """Checks one file's records and shares what repeats: words, tag groups, object lists, paths.

    Sharing is what keeps 212,923 rows in a few hundred megabytes.
    """

    def __init__(self, path: Path, images: Path, allow_masked: bool, regions: Path | None = None):
        self.path = path
        self.images = images
        self.regions = regions
        self.allow_masked = allow_masked
        self.doubts = Doubts()
        self._ids: dict[str, int] = {}
        self._shared = _Shared()
        self._image_paths: dict[str, tuple[Path, Path | None]] = {}
        self._names: set[str] = set()

    def row(self, record: dict, line: int) -> VcrRow:
        path = self.path
        annot_id = field(record, "annot_id", str, path, line)
        if annot_id in self._ids:
            raise self._bad(f"field 'annot_id': '{annot_id}' stands already on line {self._ids[annot_id]}", line)
        self._ids[annot_id] = line
        objects = self._objects(field(record, "objects", list, path, line), line)
        question = self._tokens(field(record, "question", list, path, line), objects, "question", line)
        answers, rationales = (
            self._choices(field(record, name, list, path, line), objects, name, line)
            for name in ("answer_choices", "rationale_choices")
        )
        image_name = self._name(record, "img_fn", line)
        paths = self._image_paths.get(image_name)
        if paths is None:
            paths = (self.images / image_name, region_path(self.regions, image_name))
            self._image_paths[image_name] = paths
        metadata_name = self._name(record, "metadata_fn", line)
        labels = self._labels(record, line)
        self._check_unused(record, line)
        self._doubt(record, labels, line)
        movie = field(record, "movie", str, path, line) if record.get("movie") is not None else None
        return VcrRow(
            example_id=annot_id,
            image_id=self._shared[field(record, "img_id", str, path, line)],
            image_path=paths[0],
            region_path=paths[1],
            group=None if movie is None else self._shared[movie],
            objects=objects,
            question=question,
            answer_choices=answers,
            rationale_choices=rationales,
            labels=labels,
            images=self.images,
            image_name=image_name,
            metadata_name=metadata_name,
        )

    def _objects(self, raw: list, line: int) -> tuple[str, ...]:
        for name in raw:
            if type(name) is not str or not name.strip():
                raise self._bad(f"field 'objects' must be a list of class names, got {name!r}", line)
        return self._shared[tuple([self._shared[name] for name in raw])]

    def _choices(self, raw: list, objects: tuple[str, ...], name: str, line: int) -> tuple[Tokens, ...]:
        if len(raw) != CHOICES:
            raise self._bad(f"field '{name}' must have {CHOICES} choices, got {len(raw)}", line)
        return tuple([self._tokens(choice, objects, name, line) for choice in raw])

    def _tokens(self, raw: Any, objects: tuple[str, ...], name: str, line: int) -> Tokens:
        if type(raw) is not list:
            raise self._bad(f"field '{name}' must be made of token lists", line)
        shared = self._shared
        if not raw:
            self.doubts.add(f"'{name}' has a token list without a token", line)
        return tuple(
            [shared[token] if type(token) is str else self._group(token, len(objects), name, line) for token in raw]
        )

    def _group(self, tags: Any, n_objects: int, name: str, line: int) -> tuple[int, ...]:
        if type(tags) is not list:
            raise self._bad(f"field '{name}': a token is a word or a list of tags, got {tags!r}", line)
        if not tags:
            self.doubts.add(f"'{name}' has a list of tags without a tag", line)
        for tag in tags:
            if type(tag) is not int:
                raise self._bad(f"field '{name}': a tag is a whole number, got {tag!r}", line)
            if 0 <= tag < n_objects:
                continue
            if self.allow_masked and MASKED <= tag < MASKED + n_objects:
                continue
            what = f"field '{name}': tag {tag}, but the image has {n_objects} objects"
            if not self.allow_masked and MASKED <= tag < MASKED + n_objects:
                hidden = f"{what}; it is a hidden tag of an adversarial file"
                raise DataMalformed(hidden, fix=_UNSHIFTED, where=self._at(line))
            raise self._bad(what, line)
        return self._shared[tuple(tags)]

    def _name(self, record: dict, field_name: str, line: int) -> str:
        name = field(record, field_name, str, self.path, line)
        if name not in self._names:
            relative_name(name, f"{self.path}:{line}", field_name)
            self._names.add(name)
        return self._shared[name]

    def _labels(self, record: dict, line: int) -> tuple[int, int] | None:
        if record.get("answer_label") is None and record.get("rationale_label") is None:
            return None  # absent or null: a row of test
        labels = tuple(field(record, f"{part}_label", int, self.path, line) for part in ("answer", "rationale"))
        for part, label in zip(("answer", "rationale"), labels, strict=True):
            if not 0 <= label < CHOICES:
                raise self._bad(f"field '{part}_label' must be 0 to {CHOICES - 1}, got {label}", line)
        return self._shared[labels]

    def _check_unused(self, record: dict, line: int) -> None:
        for name, kind in _UNUSED_VALUES:
            value = record.get(name)
            if value is not None and type(value) is not kind:
                field(record, name, kind, self.path, line)
        for name in _UNUSED_LISTS:
            value = record.get(name)
            if value is None or (type(value) is list and _WHOLE.issuperset(map(type, value))):
                continue
            shown = repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "..."
            raise self._bad(f"field '{name}' must be a list of whole numbers, got {shown}", line)

    def _doubt(self, record: dict, labels: tuple[int, int] | None, line: int) -> None:
        """In released files ids count, names agree, and matching round 0 and the row's own index mark the right choice."""
        if not _ID.fullmatch(record["annot_id"]):
            self.doubts.add("'annot_id' is not a split and a number", line)
        if record["metadata_fn"].removesuffix(".json") != record["img_fn"].rpartition(".")[0]:
            self.doubts.add("'metadata_fn' is not the name in 'img_fn' with .json", line)
        if labels is None:
            return
        for part, label in zip(("answer", "rationale"), labels, strict=True):
            rounds, sources = record.get(f"{part}_match_iter"), record.get(f"{part}_sources")
            if rounds is not None and rounds[label : label + 1] != [0]:
                self.doubts.add(f"'{part}_match_iter' is not 0 at the label", line)
            elif rounds is not None and sorted(rounds) != _ROUNDS:
                self.doubts.add(f"'{part}_match_iter' is not 0, 1, 2, 3 in some order", line)
            if sources is not None and len(sources) != CHOICES:
                self.doubts.add(f"'{part}_sources' has not {CHOICES} entries", line)
            elif sources is not None and record.get("match_index") not in (None, sources[label]):
                self.doubts.add(f"'{part}_sources' is not 'match_index' at the label", line)

    def _bad(self, what: str, line: int) -> DataMalformed:
        return DataMalformed(what, fix="get the file again, or correct the row", where=self._at(line))

    def _at(self, line: int) -> str:
        return f"{self.path}:{line}"


_UNSHIFTED = "use the unshifted file; the protocol domainshift-adversarial hides the words of it by itself"
_UNUSED_VALUES = tuple((name, kind) for name, kind in UNUSED.items() if isinstance(kind, type))
_UNUSED_LISTS = tuple(name for name, kind in UNUSED.items() if isinstance(kind, list))
_WHOLE = frozenset({int})
_ROUNDS = list(range(CHOICES))
_ID = re.compile(r"[a-z]+-[0-9]+")
