"""The protocol YAML, schema 1, as frozen pydantic classes; an unknown key is an error.

What a protocol decides: which examples train, which select, for how long, and what is scored. Hyperparameters are
the model's. The canonical hash (`Protocol.hash`) covers everything that can change a score and nothing else.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from madbench.files import sha256_of

TaskName = Literal["vcr", "snli_ve", "vqa"]
KEBAB = re.compile(r"^[a-z0-9]+(-[a-z0-9]+)*$")
# Draws from here on belong to `madbench tune`: no table shows a subset that options were chosen on.
FIRST_TUNING_DRAW = 90


class Strict(BaseModel):
    """Frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Subset(Strict):
    """Which part of the training split is the pool of a cell.

    fraction: of units, in (0, 1]. unit `image`: whole images with all their rows; `example`: single rows, stratified.
    shots: rows per stratum, instead of a fraction; needs unit `example`.
    """

    fraction: float | None = Field(default=None, gt=0, le=1)
    shots: int | None = Field(default=None, ge=1)
    unit: Literal["image", "example"] = "image"

    @model_validator(mode="after")
    def _one_size(self):
        if (self.fraction is None) == (self.shots is None):
            raise ValueError("give either fraction or shots")
        if self.shots is not None and self.unit != "example":
            raise ValueError("shots counts single rows, so it needs `unit: example`")
        return self


class Select(Strict):
    """Where the rows come from that choose the checkpoint. Exactly one key.

    every: each n-th unit of the subset order (positions n-1, 2n-1 ...), so subsets of several fractions nest.
    split: a split of its own. movies, images: that fraction of the training groups or images, by key.
    """

    every: int | None = Field(default=None, ge=2)
    split: str | None = None
    movies: float | None = Field(default=None, gt=0, lt=1)
    images: float | None = Field(default=None, gt=0, lt=1)

    @model_validator(mode="after")
    def _one_key(self):
        given = [name for name in ("every", "split", "movies", "images") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of every, split, movies, images (got {given or 'none'})")
        return self


class Budget(Strict):
    """examples_seen: labelled examples that pass through training, repeats counted (a vcr leg is one example)."""

    examples_seen: int = Field(ge=1)


class Condition(Strict):
    """What a trained model is scored on.

    kind `split`: the rows of `split` (default: the condition's name). `transform` and `rows`: a shift of the
    condition `of`; the shift is `shift` (default: the condition's name).
    images: the split is the training split, and that fraction of its images is carved out for this condition, the
    same for every draw; neither train nor select ever holds them.
    """

    name: str
    kind: Literal["split", "transform", "rows"]
    split: str | None = None
    of: str | None = None
    shift: str | None = None
    images: float | None = Field(default=None, gt=0, lt=1)

    @model_validator(mode="after")
    def _fits_kind(self):
        if not KEBAB.match(self.name):
            raise ValueError(f"condition names are kebab-case, got '{self.name}'")
        if self.kind == "split" and (self.of or self.shift):
            raise ValueError(f"condition '{self.name}' is a split: it takes neither `of` nor `shift`")
        if self.kind != "split" and (not self.of or self.split):
            raise ValueError(f"condition '{self.name}' is a {self.kind}: it needs `of` and takes no `split`")
        if self.kind != "split" and self.images is not None:
            raise ValueError(f"condition '{self.name}': only a condition of kind split is carved out with `images`")
        return self

    @property
    def source_split(self) -> str:
        return self.split or self.name

    @property
    def shift_name(self) -> str:
        return self.shift or self.name


class Provenance(Strict):
    """stated: what a public source states (with the source). ours: what we chose."""

    stated: list[str] = []
    ours: list[str] = []


_LATER_FIELDS = ("training", "vocabulary")


def _version_text(value):
    # YAML reads 2021 as a number; metric versions are names.
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


MetricVersion = Annotated[str, BeforeValidator(_version_text)]


def _not_for_tuning(draw: int) -> int:
    if draw >= FIRST_TUNING_DRAW:
        raise ValueError(f"draws from {FIRST_TUNING_DRAW} on are for tuning, and no table shows them; got {draw}")
    return draw


ShownDraw = Annotated[
    int, Field(ge=0, json_schema_extra={"exclusiveMaximum": FIRST_TUNING_DRAW}), AfterValidator(_not_for_tuning)
]


class Protocol(Strict):
    """A whole protocol, after `extends` is resolved.

    training: task -> the split that trains, where it is not `train`.
    vocabulary: where the answers of an open task come from: the training rows in use, or `closed-3129`, the
    literature's list over the full train and val annotations (vqa).
    """

    schema_: Literal[1] = Field(alias="schema")
    name: str
    version: int = Field(ge=1)
    summary: str = ""
    tasks: list[TaskName] = Field(min_length=1)
    subset: Subset
    training: dict[TaskName, str] = {}
    vocabulary: Literal["subset", "closed-3129"] = "subset"
    select: dict[TaskName, Select | None] = {}
    selection: Literal["last", "id-val"]
    draws: list[ShownDraw] = Field(min_length=1)
    seeds: list[Annotated[int, Field(ge=0)]] = Field(min_length=1)
    budget: dict[TaskName, Budget]
    eval_points: int = Field(ge=1, le=100)
    text_rendering: Literal["index@1"] = "index@1"
    metrics: dict[str, MetricVersion] = {"vqa_accuracy": "2021"}
    conditions: dict[TaskName, list[Condition]]
    image_overlap: Literal["refused", "by-construction"] = "refused"
    provenance: Provenance = Provenance()

    @model_validator(mode="before")
    @classmethod
    def _one_rule_for_every_task(cls, data):
        # `select: {every: 5}` is the rule of every task without one of its own, and `none` reads better than `null`.
        if not isinstance(data, dict) or not isinstance(data.get("tasks"), list):
            return data
        select = data.get("select")
        if select is None or select == "none":
            return {**data, "select": {}}
        if isinstance(select, dict):
            shared = {key: value for key, value in select.items() if key in Select.model_fields}
            if shared:
                every_task = {task: shared for task in data["tasks"] if isinstance(task, str)}
                select = every_task | {key: value for key, value in select.items() if key not in shared}
            select = {task: None if rule == "none" else rule for task, rule in select.items()}
            return {**data, "select": select}
        return data

    @model_validator(mode="after")
    def _consistent(self):
        if not KEBAB.match(self.name):
            raise ValueError(f"name: protocol names are kebab-case, got '{self.name}'")
        for label, values in (("tasks", self.tasks), ("draws", self.draws), ("seeds", self.seeds)):
            if len(set(values)) != len(values):
                raise ValueError(f"{label}: repeats a value: {values}")
        if self.subset.fraction == 1 and len(self.draws) > 1:
            raise ValueError("draws: fraction 1.0 has one draw (it takes everything); vary seeds instead")
        if self.selection == "last" and self.eval_points != 1:
            raise ValueError("eval_points: selection 'last' scores the end of training only, so it must be 1")
        for task in self.tasks:
            self._check_task(task)
        return self

    def _check_task(self, task: str) -> None:
        for field in ("budget", "conditions"):
            if task not in getattr(self, field):
                raise ValueError(f"{field} has no entry for task '{task}'")
        conditions = self.conditions[task]
        training = self.training_split(task)
        names = [condition.name for condition in conditions]
        if len(set(names)) != len(names):
            raise ValueError(f"conditions.{task} repeats a name: {names}")
        if not any(condition.kind == "split" for condition in conditions):
            raise ValueError(f"conditions.{task} needs one condition of kind split to compare shifts with")
        for place, condition in enumerate(conditions):
            if condition.of is not None and condition.of not in names[:place]:
                raise ValueError(f"conditions.{task}.{condition.name}: `of: {condition.of}` is not defined before it")
            if condition.kind != "split":
                continue
            if condition.source_split == training and condition.images is None:
                raise ValueError(
                    f"conditions.{task}.{condition.name}: the training split cannot be reported; "
                    "`images: 0.02` carves a part out of it that trains nothing"
                )
            if condition.source_split != training and condition.images is not None:
                raise ValueError(f"conditions.{task}.{condition.name}: `images` carves out of the training split only")
        if sum(condition.images is not None for condition in conditions) > 1:
            raise ValueError(f"conditions.{task}: one condition at most can be carved out of the training split")
        rule = self.select.get(task)
        if self.selection == "id-val" and rule is None:
            raise ValueError(f"select.{task}: selection 'id-val' needs a rule that says which rows select")
        reported = {
            condition.source_split for condition in conditions if condition.kind == "split" and condition.images is None
        }
        if rule is not None and rule.split in reported:
            raise ValueError(
                f"select.{task} and conditions.{task} both use split '{rule.split}': select = report is refused"
            )
        if rule is not None and rule.split == training:
            raise ValueError(f"select.{task}: choosing on the training split itself is refused")
        part = self.subset.fraction if self.subset.unit == "image" else None
        if rule is not None and rule.images is not None and part not in (None, 1):
            raise ValueError(
                f"select.{task}: `images` counts from the front of the order that the subset is taken from, so "
                f"{min(1, rule.images / part):.0%} of the subset would select and not {rule.images:.0%}; use `every: 5`"
            )
        if rule is not None and rule.movies is not None and task != "vcr":
            raise ValueError(f"select.{task}: only vcr has movies")

    @property
    def id(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"

    def training_split(self, task: str) -> str:
        """The split that a task trains on."""
        return self.training.get(task, "train")

    def scoring_content(self) -> dict:
        """What determines a score: everything but names of files, prose and draws or seeds to be run.

        A field that came later is left out while it has its default, so that hashes of older protocols stay.
        """
        content = self.model_dump(by_alias=True, mode="json", exclude={"summary", "provenance", "draws", "seeds"})
        for name in _LATER_FIELDS:
            if content[name] == type(self).model_fields[name].default:
                del content[name]
        for conditions in content["conditions"].values():
            for condition in conditions:
                if condition["images"] is None:
                    del condition["images"]
        for field in ("select", "budget", "conditions"):
            content[field] = {task: content[field].get(task) for task in sorted(self.tasks)}
        content["tasks"] = sorted(self.tasks)
        return content

    @property
    def hash(self) -> str:
        """Hex sha256 of `scoring_content`."""
        return sha256_of(self.scoring_content())

    def task_hash(self, task: str) -> str:
        """The hash of the part that concerns one task: equal for records that may stand in one column."""
        content = self.scoring_content()
        for field in ("select", "budget", "conditions"):
            content[field] = content[field][task]
        content["tasks"] = [task]
        if "training" in content:
            content["training"] = {task: self.training_split(task)}
        return sha256_of(content)
