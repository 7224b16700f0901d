"""What a clone and a wheel promise: versions, extras, and that CI runs the README's command."""

from __future__ import annotations

import re
import tomllib

import pytest

import madbench


@pytest.fixture
def project(repository):
    return tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))


def test_ci_runs_the_readmes_test_command_word_for_word(repository):
    command = "python3 -m venv .venv-test && ./.venv-test/bin/pip install -q -e '.[test]' && ./.venv-test/bin/python -m pytest"
    assert command in (repository / "README.md").read_text(encoding="utf-8")
    assert command in (repository / ".ci" / "run").read_text(encoding="utf-8")


def test_every_public_name_resolves():
    for name in madbench.__all__:
        assert getattr(madbench, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = madbench.no_such_name


def test_the_core_dependencies_are_those_that_are_imported(project):
    declared = {line.split(">=")[0].lower().replace("-", "_") for line in project["project"]["dependencies"]}
    assert {"torch", "transformers", "open_clip_torch", "pandas", "typer", "rich", "pyyaml", "pytest"} <= declared
    assert {
        "pydantic",
        "numpy",
        "pyarrow",
        "scipy",
        "pillow",
        "safetensors",
        "accelerate",
        "jinja2",
        "matplotlib",
    } <= declared


def test_the_licence_is_apache(repository, project):
    assert project["project"]["license"] == "Apache-2.0"
    assert "Apache License" in (repository / "LICENSE").read_text(encoding="utf-8")


def test_links_between_documents_lead_to_files(repository):
    pages = [repository / "README.md", repository / "madbench" / "mini" / "CARD.md"]
    pages += [page for folder in ("docs", "benchmarks") for page in sorted((repository / folder).glob("*.md"))]
    for page in pages:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.relative_to(repository)} links to {target}"


def test_every_page_of_docs_can_be_reached_from_the_readme(repository):
    seen, ahead = set(), [repository / "README.md"]
    while ahead:
        page = ahead.pop()
        for target in re.findall(r"\]\(([^)#\s]+\.md)", page.read_text(encoding="utf-8")):
            found = (page.parent / target).resolve()
            if "://" not in target and found not in seen:
                seen.add(found)
                ahead.append(found)
    assert {page.resolve() for page in (repository / "docs").glob("*.md")} <= seen
