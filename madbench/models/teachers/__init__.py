"""Frozen encoders, used in training only. `load_teacher` keeps one instance a process: two terms may share one CLIP."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from madbench.errors import ConfigError

if TYPE_CHECKING:
    from madbench.models.teachers.interface import Teacher

# What a term asks for, and the library of its weights -> the class, and which choices it has.
_CLASSES = {
    ("clip", "mini"): ("madbench.models.teachers.clip:ClipTeacher", ()),
    ("clip", "open_clip"): ("madbench.models.teachers.open_clip_teacher:OpenClipTeacher", ("precision",)),
    ("text-encoder", "mini"): ("madbench.models.teachers.text_encoder:TextTeacher", ()),
    ("text-encoder", "hub"): ("madbench.models.teachers.text_encoder:HubTextTeacher", ("pooling", "precision")),
    ("vision-encoder", "timm"): ("madbench.models.teachers.timm_teacher:TimmTeacher", ("precision",)),
}
FORMS = {
    "clip": "mini:clip, open_clip:ARCHITECTURE:TAG_OR_PATH or open_clip:local-dir:FOLDER",
    "text-encoder": "mini:text, a folder in the hub's format, or owner/name@<commit>",
    "vision-encoder": "timm:ARCHITECTURE:TAG_OR_PATH or timm:local-dir:FOLDER",
}


def load_teacher(kind: str, weights: str, device: str, *, pooling: str = "mean", precision: str = "fp32") -> Teacher:
    """The frozen teacher of a term. Its weights are opened at its first forward.

    kind: `clip-image`, `clip-text`, `text-encoder` or `vision-encoder`. pooling, precision: see TeacherOptions.
    Raises ConfigError for weights of another form, DataMissing for a path where nothing is and nothing ever was.
    """
    from madbench.models.weight_references import identity_of

    problem = library_problem(kind, weights)
    if problem is not None:
        raise ConfigError(problem, fix="correct `weights` of the teacher")
    family = "clip" if kind.startswith("clip") else kind
    # The identity is among the arguments: a file that was replaced meanwhile is another teacher.
    return _teacher(family, weights, identity_of(weights), device, pooling, precision)


def library_problem(kind: str, weights: str) -> str | None:
    """Why a kind of teacher cannot have such weights, or None. Touches no file of theirs."""
    from madbench.models.weight_references import parse

    family = "clip" if kind.startswith("clip") else kind
    named = parse(weights)
    fits = (family, named.library) in _CLASSES and (
        named.library != "mini" or named.place == {"clip": "clip", "text-encoder": "text"}.get(family)
    )
    return None if fits else f"weights '{weights}' are not for kind {kind}: use {FORMS[family]}"


@functools.lru_cache(maxsize=8)
def _teacher(family: str, weights: str, identity: str, device: str, pooling: str, precision: str) -> Teacher:
    from madbench.models.weight_references import parse
    from madbench.registry import resolve

    place, choices = _CLASSES[family, parse(weights).library]
    given = {"pooling": pooling, "precision": precision}
    return resolve(place)(weights, device, **{name: given[name] for name in choices})
