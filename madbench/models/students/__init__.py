"""Students by name. Each is one module with a `KIND`; `madbench.models.students.interface` says what that must do."""

from __future__ import annotations

import torch

from madbench.models.students.interface import States, StudentKind
from madbench.registry import resolve

STUDENTS = {
    "one-stream": "madbench.models.students.one_stream:KIND",
    "uniter": "madbench.models.students.uniter_student:KIND",
    "vilt": "madbench.models.students.vilt:KIND",
    "visualbert": "madbench.models.students.visualbert:KIND",
}

__all__ = ["STUDENTS", "States", "StudentKind", "parameters_of", "student_kind"]


def student_kind(name: str) -> StudentKind:
    """The kind of a student; the options' schema knows the names."""
    return resolve(STUDENTS[name])


def parameters_of(module: torch.nn.Module, trainable_only: bool = False) -> int:
    """How many numbers a module holds."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad or not trainable_only)
