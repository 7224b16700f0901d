"""What tasks and sources are called in text for people."""

from __future__ import annotations

TITLES = {"vcr": "VCR", "snli_ve": "SNLI-VE", "vqa": "VQA"}


def task_title(task: str) -> str:
    return TITLES.get(task, task)


def source_title(source: str) -> str:
    return "mini data" if source == "mini" else f"{source} data"
