"""Who may import whom, read from the source, so that a circle or a back door is a failing test and not a habit."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import madbench

PACKAGE = Path(madbench.__file__).parent

# From the top down: a layer may import from itself and from those to its right.
ORDER = ("cli", "harness", "report", "models", "training", "mini", "tasks", "protocols", "base")
BASE = {"__init__", "errors", "registry", "home", "files", "plugins"}
# harness and report stand side by side, and report reads records and predictions: no models, no training.
FORBIDDEN_BESIDES = {("harness", "report"), ("report", "models"), ("report", "training"), ("report", "mini")}
HEAVY = {"torch", "torchvision", "transformers", "open_clip", "accelerate", "safetensors", "timm"}
HEAVY_LAYERS = {"models", "training"}


def layer_of(module: str) -> str:
    """`madbench.tasks.vqa.task` -> `tasks`; the modules beside the folders are the base."""
    parts = module.split(".")
    first = parts[1] if len(parts) > 1 else "__init__"
    return "base" if first in BASE else "cli" if first == "__main__" else first


def module_name(path: Path) -> str:
    parts = ("madbench", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)


def imported(tree: ast.AST, at_import_only: bool = False):
    """(module, line) for every import; `at_import_only` leaves out those inside functions and `if TYPE_CHECKING`."""
    for node in _walk(tree) if at_import_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write imports in full, `from madbench...`"
            yield node.module, node.lineno
            if node.module == "madbench":
                yield from ((f"madbench.{alias.name}", node.lineno) for alias in node.names)


def _walk(node: ast.AST):
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield from _walk(child)


def wrong_direction(module: str, source: str) -> list[str]:
    """What a module imports that it may not, each with its cure."""
    own, found = layer_of(module), []
    for target, line in imported(ast.parse(source)):
        if not (target or "").startswith("madbench"):
            continue
        other = layer_of(target)
        if other not in ORDER:
            continue  # a public name of `madbench` itself
        if ORDER.index(other) < ORDER.index(own) or (own, other) in FORBIDDEN_BESIDES:
            found.append(
                f"{module} line {line} imports {target}: {own} may not import {other}. Cure: move what both need into "
                f"a lower layer ({' -> '.join(ORDER)}), or let the layer above pass it in as an argument"
            )
    return found


def heavy_at_import(module: str, source: str) -> list[str]:
    """Heavy packages that a module outside of models/ and training/ imports as soon as it is imported."""
    if layer_of(module) in HEAVY_LAYERS:
        return []
    return [
        f"{module} line {line} imports {target} at module level. Cure: import it inside the function that needs it"
        for target, line in imported(ast.parse(source), at_import_only=True)
        if (target or "").split(".")[0] in HEAVY
    ]


SOURCES = {module_name(path): path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py"))}


@pytest.mark.parametrize("module", SOURCES)
def test_imports_point_down(module):
    found = wrong_direction(module, SOURCES[module])
    assert not found, "\n".join(found)


@pytest.mark.parametrize("module", SOURCES)
def test_heavy_packages_stay_inside_functions(module):
    found = heavy_at_import(module, SOURCES[module])
    assert not found, "\n".join(found)


def test_every_folder_has_its_place_in_the_order():
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and (path / "__init__.py").is_file()}
    assert folders <= set(ORDER), f"give {folders - set(ORDER)} a place in ORDER"


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("madbench.tasks.vqa.task", "from madbench.models.spec import ModelSpec"),
        ("madbench.tasks.vqa.task", "def f():\n    import madbench.training.loop"),
        ("madbench.report.board", "from madbench.models.spec import ModelSpec"),
        ("madbench.harness.plan", "import madbench.report"),
        ("madbench.errors", "from madbench.protocols import load_protocol"),
        ("madbench.protocols.schema", "from madbench import models"),
    ],
)
def test_the_check_finds_an_import_that_points_up(module, source):
    assert "Cure:" in wrong_direction(module, source)[0]


@pytest.mark.parametrize(
    "source", ["import torch", "from transformers import AutoModel", "try:\n    import open_clip\nfinally:\n    pass"]
)
def test_the_check_finds_a_heavy_import(source):
    assert "Cure:" in heavy_at_import("madbench.tasks.vqa.task", source)[0]
    assert not heavy_at_import("madbench.models.probe", source)


def test_the_check_allows_heavy_imports_inside_functions():
    assert not heavy_at_import("madbench.cli.doctor", "def f():\n    import torch")
