"""The command line: one thin module a command. `main` is the entry point of the `madbench` script."""

from madbench.cli.app import main

__all__ = ["main"]
