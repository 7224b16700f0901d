"""protocols.lock: which scores a name and version stand for. `python -m madbench.protocols.lock [--write]`.

`name@version` of each shipped protocol maps to the hash of what determines a score in it (prose, file names, draws and
seeds to be run are not in that), `metric@version` to the hash of its golden output. A test checks it: whoever changes
what a name and version stand for has to raise the version. Entries of old versions stay: results carry them.
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
from madbench.registry import resolve

GOLDEN = "madbench.tasks.golden:outputs"
COMMAND = "python -m madbench.protocols.lock --write"
Lock = Mapping[str, Mapping[str, str]]


def lock_file() -> Path:
    return shipped("protocols") / "protocols.lock"


def current() -> dict[str, dict[str, str]]:
    """What the protocols that ship and the scorers of this code stand for. Raises ConfigError for a broken protocol."""
    files = sorted(file for file in shipped("protocols").glob("*.yaml") if not file.stem.startswith("_"))
    protocols = [PROTOCOLS.load(str(file)) for file in files]
    return {
        "metrics": {name: sha256_of(output) for name, output in resolve(GOLDEN)().items()},
        "protocols": {one.id: one.hash for one in protocols},
    }


def read() -> dict[str, dict[str, str]]:
    path = lock_file()
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"metrics": {}, "protocols": {}}


def changed(locked: Lock, now: Lock) -> list[str]:
    """Names whose content changed under the same version, each with what to do."""
    todo = {
        "protocols": "raise `version` in protocols/{name}.yaml",
        "metrics": "raise the version of {name} where its task declares metric_versions",
    }
    return [
        f"{part[:-1]} {full} does not score as it did ({locked[part][full][:12]} is locked, it is now {sha[:12]}): "
        + todo[part].format(name=full.partition("@")[0])
        + f", then run `{COMMAND}`"
        for part in ("protocols", "metrics")
        for full, sha in sorted(now[part].items())
        if full in locked[part] and locked[part][full] != sha
    ]


def missing(locked: Lock, now: Lock) -> list[str]:
    """Names and versions that are not locked yet, and metrics that are locked and nobody computes any more."""
    new = [
        f"{part[:-1]} {full} is not locked: run `{COMMAND}`"
        for part in ("protocols", "metrics")
        for full in sorted(now[part])
        if full not in locked[part]
    ]
    gone = sorted(set(locked["metrics"]) - set(now["metrics"]) - _replaced(locked["metrics"], now["metrics"]))
    return new + [f"metric {full} is locked, and no golden case computes it" for full in gone]


def write() -> list[str]:
    """Adds what is new and returns it. Raises NotComparable when something changed under its version."""
    locked, now = read(), current()
    problems = changed(locked, now)
    if problems:
        raise NotComparable(
            problems[0], fix="raise the version first: results with the old one must keep their meaning"
        )
    new = [full for part in now for full in sorted(now[part]) if full not in locked[part]]
    write_json(lock_file(), {part: {**locked[part], **now[part]} for part in now})
    return new


def _replaced(locked: Mapping[str, str], now: Mapping[str, str]) -> set[str]:
    """Locked versions of metrics that have another version now."""
    names = {full.partition("@")[0] for full in now}
    return {full for full in locked if full.partition("@")[0] in names}


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
