"""The built wheel in a clean environment: what ships inside it is found from there."""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """A wheel built by way of the sdist, as `python -m build` does it, so that both are whole."""
    repository = Path(__file__).resolve().parent.parent
    out = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(repository)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """`madbench` of a new environment that holds the wheel; the dependencies are those of this one."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, with_pip=False)
    packages = (
        next((folder / "lib").glob("python*/site-packages")) if os.name == "posix" else folder / "Lib" / "site-packages"
    )
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(folder), "install", "-q", "--no-deps", "--no-index", str(wheel)],
        check=True,
    )
    # After the wheel, so that an editable madbench of this environment cannot stand in for it.
    (packages / "dependencies.pth").write_text(
        "\n".join(dict.fromkeys(site.getsitepackages())) + "\n", encoding="utf-8"
    )
    return folder / ("bin" if os.name == "posix" else "Scripts") / "madbench"


def run(command: Path, *arguments: str, cwd: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(command), *arguments], capture_output=True, text=True, check=False, cwd=cwd, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_holds_all_that_is_not_code(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for part in (
        "madbench/_shipped/protocols/_lowshot-base.yaml",
        "madbench/_shipped/protocols/schema.json",
        "madbench/_shipped/baselines/mad.yaml",
        "madbench/_shipped/baselines/ablations/a0-student.yaml",
        "madbench/_shipped/baselines/recipes/uniter-base.yaml",
        "madbench/_shipped/leaderboards/published.yaml",
    ):
        assert part in names
    assert any(name.startswith("madbench/mini/") and name.endswith(".safetensors") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "runs/", "protocols/"))]


@pytest.mark.parametrize(("kind", "name"), [("protocols", "lowshot-1pct"), ("models", "mad"), ("published", "MAD")])
def test_the_installed_command_lists_what_ships(installed, tmp_path, kind, name):
    rows = json.loads(run(installed, "list", kind, "--json", cwd=tmp_path))
    assert name in {row["name"] for row in rows}


def test_what_is_listed_lies_inside_the_wheel(installed, tmp_path):
    card = json.loads(run(installed, "show", "protocol", "lowshot-5pct", "--json", cwd=tmp_path))
    assert "_shipped" in card["file"] and str(installed.parent.parent) in card["file"]
