"""protocols.lock: which scores a name and version stand for. `python -m madbench.protocols.lock [--write]`.

`name@version` of each shipped protocol maps to the hash of what determines a score in it (prose, file names, draws and
seeds to be run are not in that), `metric@version` and `task/shift@version` to the hash of their golden outputs. A test
checks it: whoever changes what a name and version stand for has to raise the version. Entries of old versions stay:
results carry them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from madbench.errors import NotComparable
from madbench.files import sha256_of, write_json
from madbench.home import shipped
from madbench.protocols.loading import PROTOCOLS
from madbench.registry import TASKS, resolve

GOLDEN = {"metrics": "madbench.tasks.golden:outputs", "shifts": "madbench.tasks.golden_shifts:outputs"}
PARTS = ("protocols", "metrics", "shifts")
COMMAND = "python -m madbench.protocols.lock --write"
Lock = Mapping[str, Mapping[str, str]]
# What to do about a name that changed under its version, and about one that is locked and nowhere any more.
CHANGED = {
    "protocols": ("does not score as it did", "raise `version` in protocols/{name}.yaml"),
    "metrics": ("does not score as it did", "raise the version of {name} where its task declares metric_versions"),
    "shifts": ("does not give the rows it gave", "raise the `version` of its Shift (task/shift: {name})"),
}
GONE = {
    "protocols": "no file has it: restore protocols/{name}.yaml",
    "metrics": "no golden case computes it",
    "shifts": "no task has it: restore the shift {name}",
}


def lock_file() -> Path:
    return shipped("protocols") / "protocols.lock"


def current() -> dict[str, dict[str, str]]:
    """What the protocols that ship and the code of scorers and shifts stand for. Raises ConfigError for a broken protocol."""
    files = sorted(file for file in shipped("protocols").glob("*.yaml") if not file.stem.startswith("_"))
    protocols = [PROTOCOLS.load(str(file)) for file in files]
    golden = {
        part: {name: sha256_of(output) for name, output in resolve(target)().items()} for part, target in GOLDEN.items()
    }
    return {"protocols": {one.id: one.hash for one in protocols}, **golden}


def read() -> dict[str, dict[str, str]]:
    path = lock_file()
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return {part: found.get(part, {}) for part in PARTS}


def changed(locked: Lock, now: Lock) -> list[str]:
    """Names whose content changed under the same version, each with what to do."""
    return [
        f"{part[:-1]} {full} {CHANGED[part][0]} ({locked[part][full][:12]} is locked, it is now {sha[:12]}): "
        + CHANGED[part][1].format(name=full.partition("@")[0])
        + f", then run `{COMMAND}`"
        for part in PARTS
        for full, sha in sorted(now[part].items())
        if full in locked[part] and locked[part][full] != sha
    ]


def missing(locked: Lock, now: Lock) -> list[str]:
    """Names and versions that are not locked yet, and what is locked or declared and nowhere any more."""
    new = [
        f"{part[:-1]} {full} is not locked: run `{COMMAND}`"
        for part in PARTS
        for full in sorted(now[part])
        if full not in locked[part]
    ]
    gone = [
        f"{part[:-1]} {full} is locked, and {GONE[part].format(name=full.partition('@')[0])}"
        for part in PARTS
        for full in _gone(part, locked[part], now[part])
    ]
    unlocked = sorted(_known_metrics() - set(now["metrics"]) - set(locked["metrics"]))
    return [*new, *gone, *(f"metric {full} is declared, and no golden case computes it" for full in unlocked)]


def write() -> list[str]:
    """Adds what is new and returns it. Raises NotComparable when something changed under its version."""
    locked, now = read(), current()
    problems = changed(locked, now)
    if problems:
        raise NotComparable(
            problems[0], fix="raise the version first: results with the old one must keep their meaning"
        )
    new = [full for part in PARTS for full in sorted(now[part]) if full not in locked[part]]
    write_json(lock_file(), {part: {**locked[part], **now[part]} for part in PARTS})
    return new


def _gone(part: str, locked: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Locked entries that are nowhere, unless another version of the same name has replaced them.

    A version of a metric that its task still declares is replaced by none: protocols may ask for it.
    """
    names = {full.partition("@")[0] for full in now}
    declared = _known_metrics() if part == "metrics" else set()
    return sorted(
        full for full in locked.keys() - now.keys() if full in declared or full.partition("@")[0] not in names
    )


def _known_metrics() -> set[str]:
    """`metric@version` of every version that a task says it can compute."""
    return {
        f"{metric}@{version}"
        for name in TASKS.names()
        for metric, versions in TASKS.load(name).known_versions.items()
        for version in versions
    }


def main(arguments: Sequence[str]) -> int:
    if list(arguments) not in ([], ["--write"]):
        print(f"usage: {COMMAND.removesuffix(' --write')} [--write]", file=sys.stderr)
        return 2
    try:
        if arguments:
            print("\n".join(f"locked {name}" for name in write()) or "nothing new to lock")
            return 0
        locked, now = read(), current()
        problems = changed(locked, now) + missing(locked, now)
    except NotComparable as error:
        print(f"error: {error}\nfix: {error.fix}", file=sys.stderr)
        return error.exit_code
    print("\n".join(problems) or f"{lock_file().name} is up to date")
    return 4 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
