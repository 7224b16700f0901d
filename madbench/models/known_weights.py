"""What is known of a teacher's weights without opening them: their identity and a few numbers. Imports no torch.

Written to MADBENCH_HOME when a teacher was loaded. With all its features cached, a run then needs the weights no more,
and they may be moved away. One small file for each name, so that two processes never write the same one differently.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

from madbench.files import read_json, write_json
from madbench.home import home

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Known:
    """name: the weights' name with an absolute path. dimensions: width of a feature. parameters: of the whole encoder."""

    name: str
    identity: str
    dimensions: int
    parameters: int


def known(name: str) -> Known | None:
    """What was remembered under a name; None for a name never seen, or a file that cannot be used."""
    try:
        found = Known(**read_json(_file(name)))
    except (OSError, ValueError, TypeError):
        return None
    return found if found.name == name and isinstance(found.identity, str) else None


def remember(what: Known) -> None:
    """Keep it for later runs, as far as MADBENCH_HOME can be written."""
    if known(what.name) == what:
        return
    try:
        write_json(_file(what.name), asdict(what))
    except OSError as problem:
        _logger.info("weights cannot be remembered in %s: %s", home(), problem)


def _file(name: str) -> Path:
    return home() / "teachers" / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"
