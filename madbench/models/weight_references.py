"""Initial weights by name: where a spec names them, and what they are, as content. Imports no torch.

    mini:NAME                        ships with madbench
    PATH                             a local file or folder
    owner/name@<commit>              the hub, with the revision pinned
    open_clip:ARCHITECTURE:TAG       a release that open_clip knows
    open_clip:ARCHITECTURE:PATH      a checkpoint of that architecture
    open_clip:local-dir:FOLDER       a folder with open_clip_config.json and weights
    timm:ARCHITECTURE:TAG or :PATH   the same for timm, also timm:local-dir:FOLDER
    random:NAME                      the architecture of any of these with seeded random weights (for open_clip and timm
                                     without tag or path): the control that tells knowledge from regularisation

What a name stands for enters the identity of a training as a hash or a commit; a name that can change its meaning does not.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from madbench.errors import DataMissing, UsageError
from madbench.files import recall_json, remember_json, sha256_of
from madbench.home import home
from madbench.mini.weights import sha256_of_weights
from madbench.models.known_weights import known
from madbench.models.spec import MINI_WEIGHTS
from madbench.tasks.sources import remembered_sha256

WEIGHT_KEYS = ("init", "weights", "tokenizer")
NO_WEIGHTS = ("scratch", "mini", "own", "clip-bpe")
LOCAL_FOLDER = "local-dir"
# What a recipe of a paper has in the place of weights that whoever runs it must name.
OFFICIAL = "official"
RANDOM = "random:"
_LIBRARIES = ("open_clip", "timm")
_FILES = ("*.json", "*.safetensors", "*.pt", "*.pth", "*.bin", "vocab.txt", "merges.txt", "*.model")
_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".npz")
# What stands for a local place in identities and records.
CONTENT = "sha256="
_SHA256 = re.compile(r"^[0-9a-f]{64}$")
_COMMIT = re.compile(r"^[0-9a-f]{40}$")
_logger = logging.getLogger(__name__)
_told: set[str] = set()


@dataclass(frozen=True)
class Reference:
    """A name of weights, taken apart.

    library: `mini`, `open_clip`, `timm`, or `hub` (a path or hub id, in the format of transformers). architecture: for
    open_clip and timm, else empty. place: what the weights are: a mini name, a tag, a path, a hub id with its commit;
    empty only for random weights. random: take the architecture, not the weights.
    """

    library: str
    architecture: str
    place: str
    random: bool = False

    @property
    def path(self) -> Path | None:
        """The local file or folder, there or not; None for what is no path."""
        if self.library == "mini" or not self.place:
            return None
        path = Path(self.place).expanduser()
        if self.library == "hub":
            if path.exists():
                return path
            at, commit = self.place.rpartition("@")[1:]
            pinned = bool(at and _COMMIT.match(commit))
            rooted = path.is_absolute() or self.place.startswith((".", "~"))
            return path if not pinned and (rooted or self.place.count("/") != 1) else None
        separated = "/" in self.place or os.sep in self.place
        if self.architecture == LOCAL_FOLDER or separated or path.suffix in _SUFFIXES or path.exists():
            return path
        return None

    @property
    def name(self) -> str:
        """The name with an absolute path, under which things are remembered wherever the command was started."""
        place = str(self.path.resolve()) if self.path is not None else self.place
        parts = [part for part in ("random" if self.random else "", self.library, self.architecture, place) if part]
        return ":".join(parts)


def parse(reference: str) -> Reference:
    """A name taken apart. Raises UsageError for one that says too little."""
    plain = reference.removeprefix(RANDOM)
    random = plain != reference
    if plain.startswith(MINI_WEIGHTS):
        return Reference("mini", "", plain.removeprefix(MINI_WEIGHTS), random)
    library, _, rest = plain.partition(":")
    if library not in _LIBRARIES:
        return Reference("hub", "", plain, random)
    architecture, _, place = rest.partition(":")
    if architecture == "hf-hub":
        raise UsageError(
            f"weights '{reference}': a hub id can change its content",
            fix=f"download it and write {library}:{LOCAL_FOLDER}:FOLDER",
        )
    if not architecture or not (place or (random and architecture != LOCAL_FOLDER)):
        raise UsageError(
            f"weights '{reference}' name no {'weights' if architecture else 'architecture'}",
            fix=f"write {library}:ARCHITECTURE:TAG, {library}:ARCHITECTURE:PATH or {library}:{LOCAL_FOLDER}:FOLDER",
        )
    return Reference(library, architecture, place, random)


def references(options: Mapping[str, Any]) -> list[str]:
    """Every name of weights (and of tokenizers that lie outside) in resolved options, sorted, each once."""
    return sorted(set(_named(options)))


def identity_of(reference: str) -> str:
    """What a name stands for: a sha256 of the content, or `name@commit` for the hub.

    A teacher's path that is gone stands for what lay there when it was loaded last: with its features cached, nothing
    else of it is needed (and what must be computed then fails, saying so).
    Raises DataMissing for a path that is not there, UsageError for a hub id without its revision.
    """
    named = parse(reference)
    identity = _identity(named, reference)
    return f"{RANDOM}{identity}" if named.random else identity


def names_by_content(options: Mapping[str, Any], identities: Mapping[str, str]) -> dict[str, str]:
    """Local place of weights -> its name by content, of those that options name.

    `open_clip:ViT-B-32:/w/vit.pt` becomes `open_clip:ViT-B-32:sha256=<64 hex>`, equal on every machine. identities: name
    -> what `identity_of` says. Mini names, tags and hub ids stay: they mean the same everywhere.
    """
    found = {}
    for name in references(options):
        named, content = parse(name), identities.get(name, "").rpartition(":")[2]
        if named.library == "mini" or not _SHA256.match(content):
            continue
        parts = ["random" if named.random else "", "" if named.library == "hub" else named.library, named.architecture]
        found[name] = ":".join([part for part in parts if part] + [CONTENT + content])
    return found


def remember_places(names: Mapping[str, str]) -> None:
    """Keep in MADBENCH_HOME where contents lie, so that a record's name finds them. names: as `names_by_content`."""
    for name, by_content in names.items():
        path = parse(name).path
        if path is not None and path.exists() and recall_json(_remembered(by_content)) != str(path.resolve()):
            remember_json(_remembered(by_content), str(path.resolve()))


def located(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a record with the files and folders that its names by content stand for on this machine.

    Raises DataMissing for a content that no plan or run on this machine has named, or that lies there no more.
    """
    names = {}
    for name in references(options):
        before, mark, content = name.rpartition(CONTENT)
        if not mark:
            continue
        place = recall_json(_remembered(name))
        found = None if place is None else f"{before}{place}"
        try:
            same = found is not None and identity_of(found).rpartition(":")[2] == content
        except DataMissing:
            same = False
        if not same:
            raise DataMissing(
                f"the weights {before}{mark}{content[:12]}... are not known on this machine"
                + (f", or no longer what lies at {place}" if place else ""),
                fix="`madbench plan` a model that names their file or folder here, then try again",
            )
        names[name] = found
    return renamed(options, names)


def _remembered(by_content: str) -> Path:
    return home() / "weights" / f"{by_content.rpartition(CONTENT)[2]}.json"


def renamed(options: Any, names: Mapping[str, str], key: str | None = None) -> Any:
    """Options with other names of weights: name -> name."""
    if isinstance(options, Mapping):
        return {name: renamed(item, names, name) for name, item in options.items()}
    if isinstance(options, (list, tuple)):
        return [renamed(item, names, key) for item in options]
    return names.get(options, options) if key in WEIGHT_KEYS and isinstance(options, str) else options


def _identity(named: Reference, reference: str) -> str:
    if named.place.startswith(CONTENT):
        raise UsageError(
            f"'{reference}' is what a record calls weights that lie on some machine", fix="name the file or folder"
        )
    if named.library == "mini":
        return sha256_of_weights(named.place)
    if named.place == OFFICIAL:
        raise UsageError(
            "this recipe starts from official weights, and none are named",
            fix="--set student.init=FOLDER, where they lie with their vocabulary, or a pinned hub id",
        )
    path, prefix = named.path, f"{named.architecture}:" if named.architecture else ""
    if path is not None:
        return prefix + (_content(path) if path.exists() else _before(named, reference))
    if named.library != "hub":
        # A tag names one release of one architecture; the library pins what it downloads.
        return prefix + (named.place or f"{named.library} architecture")
    place, at, commit = named.place.rpartition("@")
    if at and _COMMIT.match(commit):
        return named.place
    raise UsageError(
        f"weights '{reference}' are neither here nor pinned: a hub id can change its content",
        fix=f"write {place or named.place}@<the 40 digits of a commit>, or name a local folder",
    )


def _before(named: Reference, reference: str) -> str:
    """The identity that a path had when it was loaded last, without the architecture. Raises DataMissing."""
    before = known(named.name)
    if before is None:
        raise DataMissing(f"no weights at '{named.place}'", fix="name a file or folder that is there")
    if reference not in _told:
        _told.add(reference)
        _logger.warning(
            "the weights %s are gone; their identity is remembered, so cached features of theirs still serve", reference
        )
    return before.identity.removeprefix(RANDOM).rpartition(":")[2]


def _content(path: Path) -> str:
    """sha256 of a file, or over the names and contents of a folder's weights, configuration and vocabulary."""
    if path.is_file():
        return remembered_sha256(path)
    files = sorted({file for pattern in _FILES for file in path.glob(pattern) if file.is_file()})
    if not files:
        raise DataMissing("the folder holds no weights", fix="name the folder of a checkpoint", where=path)
    return sha256_of([[file.name, remembered_sha256(file)] for file in files])


def _named(value: Any, key: str | None = None) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _named(item, name)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _named(item, key)
    elif key in WEIGHT_KEYS and isinstance(value, str) and value not in NO_WEIGHTS:
        yield value
