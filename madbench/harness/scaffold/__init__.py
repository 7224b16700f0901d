"""A new adapter to start from: the files in template/, under the name of the user's choice."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from madbench.errors import UsageError
from madbench.files import write_text

TEMPLATE = Path(__file__).parent / "template"
NAME, MODULE, CLASS = "my-model", "my_model", "MyModel"


@dataclass(frozen=True)
class Scaffold:
    """The files that were written. plugin: registers the model. variant: a model file. test: for pytest."""

    folder: Path
    plugin: Path
    variant: Path
    test: Path


def write_scaffold(name: str, out: Path | None = None) -> Scaffold:
    """Write a runnable adapter, a model file and a test below `out` (default: a folder called like the model).

    Raises UsageError for a name that cannot be used, for files that are there already, and where nothing can be written.
    """
    check_name(name)
    module = name.replace("-", "_")
    words = {NAME: name, MODULE: module, CLASS: class_name(name)}
    folder = Path(name) if out is None else out.expanduser()
    files = {folder / _renamed(source.name, words): source for source in sorted(TEMPLATE.iterdir()) if source.is_file()}
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file", fix="name a folder with --out DIR")
    there = [str(path) for path in files if path.exists()]
    if there:
        raise UsageError(
            f"{', '.join(there)} {'is' if len(there) == 1 else 'are'} there already; nothing was written",
            fix="choose another name, or another folder with --out DIR",
        )
    for path, source in files.items():
        try:
            write_text(path, _renamed(source.read_text(encoding="utf-8"), words))
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}", fix="choose another --out DIR") from None
    return Scaffold(folder, folder / f"{module}.py", folder / f"{name}-long.yaml", folder / f"test_{module}.py")


def check_name(name: str) -> None:
    """Raises UsageError for a name that no model can have, that is taken, or whose file would hide another module."""
    from importlib.metadata import packages_distributions

    from madbench.models.load import MODELS
    from madbench.protocols.schema import KEBAB
    from madbench.registry import ADAPTERS

    if not KEBAB.match(name):
        suggested = re.sub(r"[^a-z0-9]+", "-", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()).strip("-")
        raise UsageError(
            f"'{name}' cannot name a model: names are lower-case words with hyphens between",
            fix=f"use {suggested}" if KEBAB.match(suggested) else "use a name like my-model",
        )
    for kind, names in (("model", MODELS.names()), ("adapter", ADAPTERS.names())):
        if name in names:
            raise UsageError(f"the {kind} name '{name}' is taken", fix=f"choose another, e.g. my-{name}")
    module = name.replace("-", "_")
    if module == "madbench" or module in sys.stdlib_module_names or module in packages_distributions():
        raise UsageError(f"a file {module}.py would hide the Python module {module}", fix=f"use e.g. {name}-model")


def class_name(name: str) -> str:
    """`my-model` as `MyModel`; `ModelField` for `field`, which the template uses for something else."""
    camel = "".join(word.capitalize() for word in name.split("-"))
    used = set(re.findall(r"\w+", (TEMPLATE / f"{MODULE}.py").read_text(encoding="utf-8"))) - {CLASS}
    return f"Model{camel}" if camel in used or not camel.isidentifier() else camel


def _renamed(text: str, words: dict[str, str]) -> str:
    return re.sub("|".join(map(re.escape, words)), lambda found: words[found[0]], text)
