"""Finding YAML files by name: the working directory's folder first, then what ships with madbench.

Protocols and model specs are found by the same rules: a path is taken as it is; `name` is the file `name.yaml` in
`./protocols` (or `./baselines`), else in the shipped folder; `name@version` only fits a file of that version, and
`name@version.yaml` keeps an old one beside the new. Files that start with `_` are there to be extended, not listed.
The folders directly below (baselines/ablations) belong to the same catalogue, after the folder's own files: names are
names, wherever the file lies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from madbench.errors import ConfigError, DataMissing, UsageError, did_you_mean
from madbench.home import shipped
from madbench.protocols.problems import check
from madbench.protocols.yaml_files import Document, Whole, never, read_document

SUFFIXES = (".yaml", ".yml")
Spec = TypeVar("Spec", bound=BaseModel)


@dataclass(frozen=True)
class Entry(Generic[Spec]):
    """One file of a catalogue: its checked content, or what is wrong with it."""

    name: str
    origin: str
    path: Path
    spec: Spec | None = None
    problem: ConfigError | None = None


@dataclass(frozen=True)
class Catalogue(Generic[Spec]):
    """The files of one kind.

    folder: its name below the working directory and among what ships. whole: see Document.over. also: a check beyond
    the schema, of the document and the checked spec; it raises ConfigError.
    """

    kind: str
    folder: str
    schema: type[Spec]
    whole: Whole = never
    also: Callable[[Document, Any], None] | None = None

    def load(self, name: str | Path, also_known: Iterable[str] = ()) -> Spec:
        """A file by path, `name` or `name@version`. Raises UsageError for unknown names, ConfigError for bad content.

        also_known: more names for the did-you-mean.
        """
        return self._checked(self.find(name, also_known))

    def find(self, name: str | Path, also_known: Iterable[str] = ()) -> Path:
        """The path behind a name or path, without reading more than its version."""
        if is_path(name):
            path = Path(name).expanduser()
            if not path.is_file():
                raise UsageError(
                    f"there is no {self.kind} file {path}",
                    fix=f"give a file, or a name of `madbench list {self.kind}s`",
                )
            return path
        wanted, _, version = str(name).partition("@")
        found = self._named(wanted)
        if not found:
            known = sorted({*self.names(), *also_known})
            hint = did_you_mean(wanted, known)
            raise UsageError(
                f"no {self.kind} named '{wanted}'" + (f"; {hint}" if hint else ""),
                fix=f"run `madbench list {self.kind}s` to see all {len(known)}",
            )
        if not version:
            return found[0]
        versions = {str(read_document(path).value.get("version")): path for path in reversed(found)}
        if version not in versions:
            raise UsageError(
                f"{self.kind} '{wanted}' has no version {version}, only {', '.join(sorted(versions))}",
                fix=f"ask for {wanted}@{sorted(versions)[-1]}, or give the path of the old file",
            )
        return versions[version]

    def names(self) -> list[str]:
        return sorted({path.stem.partition("@")[0] for path in self._files() if not path.stem.startswith("_")})

    def entries(self) -> list[Entry[Spec]]:
        """Every listed file; the working directory's own hide shipped ones of the same file name."""
        listed: dict[str, Entry[Spec]] = {}
        for path in self._files():
            if path.stem.startswith("_") or path.stem in listed:
                continue
            origin = "built-in" if _lies_in(path, shipped(self.folder)) else str(path)
            try:
                listed[path.stem] = Entry(path.stem, origin, path, spec=self._checked(path))
            except (ConfigError, DataMissing) as error:
                problem = error if isinstance(error, ConfigError) else ConfigError(str(error), fix=error.fix)
                listed[path.stem] = Entry(path.stem, origin, path, problem=problem)
        return [listed[stem] for stem in sorted(listed)]

    def document(self, path: Path) -> Document:
        """A file with everything it extends laid below it. Raises ConfigError for cycles and unknown parents."""
        return self._resolve(path, ())

    def _checked(self, path: Path) -> Spec:
        document = self.document(path)
        spec = check(document, self.schema)
        named = document.value["name"]
        catalogued = any(_lies_in(path, folder) for folder in self._folders())
        if catalogued and path.stem.partition("@")[0] != named:
            raise ConfigError(
                f"name: the file is called {path.name} but names itself '{named}'",
                fix="give both the same name, so that it can be found by it",
                where=document.place(("name",)),
            )
        if self.also is not None:
            self.also(document, spec)
        return spec

    def _resolve(self, path: Path, below: tuple[Path, ...]) -> Document:
        document = read_document(path)
        parent = document.value.get("extends")
        if parent is None:
            return document.without("extends")
        where = document.place(("extends",))
        if not isinstance(parent, str):
            raise ConfigError("extends: expected one name or path", fix="name one parent", where=where)
        chain = (*below, path.resolve())
        parent_path = self._parent(parent, path, where)
        if parent_path.resolve() in chain:
            circle = " -> ".join([*(one.stem for one in chain), parent_path.stem])
            raise ConfigError(f"extends: goes round in a circle, {circle}", fix="remove one `extends`", where=where)
        # A parent's own name, version and prose describe the parent; a child that forgets them must not inherit them.
        inherited = self._resolve(parent_path, chain).without("name", "version", "summary")
        return document.without("extends").over(inherited, self.whole)

    def _parent(self, parent: str, child: Path, where: Any) -> Path:
        if is_path(parent):
            path = child.parent / Path(parent).expanduser()
            if not path.is_file():
                raise ConfigError(f"extends: there is no file {path}", fix="correct the path", where=where)
            return path
        wanted, _, version = parent.partition("@")
        beside = [*self._named(wanted, [child.parent]), *self._named(wanted)]
        if version:
            beside = [path for path in beside if str(read_document(path).value.get("version")) == version]
        if not beside:
            known = [path.stem.removeprefix("_") for path in self._files()]
            hint = did_you_mean(parent, known)
            raise ConfigError(
                f"extends: no {self.kind} named '{parent}'" + (f"; {hint}" if hint else ""),
                fix=f"extend one of {', '.join(sorted(set(known)))}",
                where=where,
            )
        # A user's file that improves on a shipped one of the same name extends that one, not itself.
        return next((path for path in beside if path.resolve() != child.resolve()), beside[0])

    def _folders(self) -> list[Path]:
        return [Path.cwd() / self.folder, shipped(self.folder)]

    def _files(self, folders: list[Path] | None = None) -> Iterator[Path]:
        """The YAML files of these folders alone, or of the catalogue's and of the folders directly below those."""
        for folder in folders if folders is not None else self._folders():
            if folder.is_dir():
                inside = sorted(folder.iterdir())
                yield from _yaml_in(inside)
                for below in inside if folders is None else ():
                    if below.is_dir() and not below.name.startswith((".", "_")):
                        yield from _yaml_in(sorted(below.iterdir()))

    def _named(self, name: str, folders: list[Path] | None = None) -> list[Path]:
        """Files for a name, best first: exact, then abstract (`_name`), then kept versions, folder by folder."""
        found = [path for path in self._files(folders) if path.stem.partition("@")[0] in (name, f"_{name}")]
        order = {folder: place for place, folder in enumerate(dict.fromkeys(path.parent for path in found))}
        return sorted(
            found, key=lambda path: (order[path.parent], path.stem.startswith("_"), "@" in path.stem, path.stem)
        )


def is_path(name: str | Path) -> bool:
    """Whether a request is a path (a Path, a separator, or a YAML suffix) and not a name."""
    return isinstance(name, Path) or "/" in name or "\\" in name or name.endswith(SUFFIXES)


def _yaml_in(paths: Iterable[Path]) -> Iterator[Path]:
    return (path for path in paths if path.suffix in SUFFIXES and path.is_file())


def _lies_in(path: Path, folder: Path) -> bool:
    """Whether a file lies in a catalogue's folder, or in a folder directly below it."""
    return folder.resolve() in path.resolve().parents[:2]
