"""`madbench validate FILE...`: protocol and model YAML, every problem with its file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def validate_command(
    files: Annotated[list[Path], typer.Argument(help="YAML files of protocols and models.")],
    plugin: Annotated[list[str] | None, typer.Option(help="A file or module that registers adapters.")] = None,
) -> None:
    """Check protocol and model files.

    Every problem is told with its file and line; exit code 2 when a file would not run.
    """
    from madbench.cli.errors import show_error
    from madbench.errors import MadbenchError
    from madbench.plugins import load_plugin

    for one in plugin or []:
        load_plugin(one)
    failed: list[MadbenchError] = []
    for file in files:
        try:
            typer.echo(f"ok: {file}: {validate_file(file)}")
        except MadbenchError as error:
            failed.append(error)
            show_error(error)
    if failed:
        raise typer.Exit(max(error.exit_code for error in failed))


def validate_file(file: Path) -> str:
    """What a file is, e.g. `protocol lowshot-1pct@1`. Raises ConfigError or DataMissing when it does not validate."""
    from madbench.models.load import MODELS
    from madbench.protocols import PROTOCOLS
    from madbench.protocols.problems import check_part

    # A model names an adapter, itself or by way of what it extends; a protocol never does.
    catalogue = MODELS if _names_adapter(file) else PROTOCOLS
    if file.stem.startswith("_"):
        check_part(catalogue.document(file), catalogue.schema)
        return f"{catalogue.kind} part, to be extended"
    spec = catalogue.load(file)
    return f"{catalogue.kind} {spec.name}@{spec.version}"


def _names_adapter(file: Path) -> bool:
    from madbench.errors import ConfigError
    from madbench.models.load import MODELS
    from madbench.protocols.schema import Protocol
    from madbench.protocols.yaml_files import read_document

    own = read_document(file).value
    if "adapter" in own or "extends" not in own:
        return "adapter" in own
    try:
        return "adapter" in MODELS.document(file).value
    except ConfigError:
        # Its parent is no model. Judge by the keys: a model's options are nothing a protocol has.
        return "options" in own and not set(own) & (set(Protocol.model_fields) - {"tasks", "provenance"})
