"""Options from the environment: MADBENCH_<COMMAND>_<OPTION> for one command, else MADBENCH_<OPTION> for all that have it.

What stands on the command line wins. A repeatable option holds several values with whitespace between them.
"""

from __future__ import annotations

from typing import Any

PREFIX = "MADBENCH_"
EPILOG = (
    "Every option can be set in the environment: MADBENCH_<COMMAND>_<OPTION> for one command (MADBENCH_RUN_DRAWS=all), "
    "MADBENCH_<OPTION> for all that have it, MADBENCH_OUT for those with a folder of results. The command line wins; "
    "values of a repeatable option have spaces between them."
)
# `--out` is the folder of results in these, and a file or folder to write in all others: one value cannot mean both.
_RESULTS = ("run", "plan", "import", "list")


def add_variables(command: Any, *path: str) -> Any:
    """The command, or group of commands, with a variable for each of its options; `path`: as it is called."""
    for name, below in getattr(command, "commands", {}).items():
        add_variables(below, *path, name)
    for option in command.params:
        if option.param_type_name != "option" or option.envvar is not None or "--help" in option.opts:
            continue
        name = max(option.opts, key=len).lstrip("-").replace("-", "_").upper()
        own = PREFIX + "_".join([*(part.replace("-", "_").upper() for part in path), name])
        shared = name != "OUT" or path[-1] in _RESULTS
        option.envvar = [own, PREFIX + name] if shared else [own]
        option.show_envvar = False  # the rule stands below `madbench --help`, not behind each option
    return command
