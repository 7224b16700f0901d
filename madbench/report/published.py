"""Published results: numbers from papers and boards, each with its source and whether it was seen there.

They were measured by others, on other splits and data; tables keep them apart from what madbench measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from madbench.errors import ConfigError, UsageError
from madbench.home import shipped

CHOICES = ("facts", "all", "none")


class Published(BaseModel):
    """One published row. values: percent, in the order of `metric`; a claim in words may stand instead.

    status: `fact` was read in the named source; `recall` was remembered, `confidence` saying how well, and not yet
    confirmed. conditions: what makes the number special (ensemble, other inputs, a conflict between sources).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    variant: str | None = None
    task: Literal["vcr", "snli_ve", "vqa"]
    split: str
    metric: list[str] = []
    value: list[float] = []
    claim: str | None = None
    status: Literal["fact", "recall"]
    confidence: Literal["high", "medium", "low"] | None = None
    source: str = Field(min_length=1)
    conditions: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, content):
        # `metric: q2a, value: 79.6` is the short form of lists of one.
        if isinstance(content, dict):
            return {
                key: [item] if key in ("metric", "value") and not isinstance(item, list) else item
                for key, item in content.items()
            }
        return content

    @model_validator(mode="after")
    def _whole(self):
        if len(self.metric) != len(self.value):
            raise ValueError(f"{len(self.metric)} metrics but {len(self.value)} values")
        if not self.value and self.claim is None:
            raise ValueError("give metric and value, or a claim")
        if any(not 0 <= value <= 100 for value in self.value):
            raise ValueError(f"values are percent, 0..100, got {self.value}")
        if (self.status == "recall") != (self.confidence is not None):
            raise ValueError("confidence belongs to recalled rows, and each of them needs it")
        return self


def load_published(path: Path | None = None) -> tuple[Published, ...]:
    """All rows of a leaderboard file (default: the shipped one). Raises ConfigError naming each bad row."""
    import yaml

    path = path or shipped("leaderboards") / "published.yaml"
    try:
        # The C loader where PyYAML has it: the same documents, ten times as fast.
        content = yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, yaml.YAMLError) as problem:
        raise ConfigError(f"published results cannot be read: {problem}", where=path) from None
    if not isinstance(content, list):
        raise ConfigError("published results are a YAML list of rows", where=path, fix="start each row with `- `")
    rows, problems = [], []
    for place, item in enumerate(content, start=1):
        try:
            rows.append(Published.model_validate(item))
        except ValidationError as problem:
            first = problem.errors()[0]
            problems.append(f"row {place}: {'.'.join(map(str, first['loc'])) or 'row'}: {first['msg']}")
    if problems:
        raise ConfigError(
            "; ".join(problems), where=path, fix="correct the row; see the fields of madbench.report.published"
        )
    return tuple(rows)


def choose(rows: Iterable[Published], which: str, tasks: Sequence[str]) -> list[Published]:
    """The rows to show for tasks: `facts` (default of the report), `all` (recalled ones marked) or `none`."""
    if which not in CHOICES:
        raise UsageError(f"--published is '{which}'", fix=f"choose one of {', '.join(CHOICES)}")
    if which == "none":
        return []
    return [row for row in rows if row.task in tasks and (which == "all" or row.status == "fact")]
