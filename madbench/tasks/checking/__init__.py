"""Is this the official data set? Every file read, rows, classes, images and joins checked, nothing changed."""

from madbench.tasks.checking.missing import Missing, missing_files
from madbench.tasks.checking.report import Depth, Finding, SourceCheck, SplitCheck
from madbench.tasks.checking.source import check_source
from madbench.tasks.checking.text import as_text, missing_text

__all__ = [
    "Depth",
    "Finding",
    "Missing",
    "SourceCheck",
    "SplitCheck",
    "as_text",
    "check_source",
    "missing_files",
    "missing_text",
]
