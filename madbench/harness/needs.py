"""What a resolved spec needs of a source, pictures or region features, and whether the source has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from madbench.errors import DataMissing
from madbench.harness.regions import check_regions, with_regions
from madbench.harness.specs import resolved_spec, traits_of
from madbench.models.spec import ModelFile, ModelSpec
from madbench.protocols.schema import Protocol
from madbench.tasks.sources import Source, Sources


def with_regions_read(sources: Sources, files: Sequence[ModelFile], overrides: Mapping[str, Any]) -> Sources:
    """The sources, mini's with region features for the tasks of models that read them."""

    def reads(file: ModelFile, task: str, kind: str) -> bool:
        traits = traits_of(file)
        able = traits.tasks is None or task in traits.tasks
        return able and "regions" in needs_of(traits.needs, resolved_spec(file, task, kind, overrides))

    found = {
        task: with_regions(source) if any(reads(file, task, source.kind) for file in files) else source
        for task, source in sources.by_task.items()
    }
    return replace(sources, by_task=found)


def needs_of(declared: frozenset[str], spec: ModelSpec) -> frozenset[str]:
    """What a resolved spec needs of a source: what its model declares, and region features where its student reads them.

    Such a student opens no picture; a teacher of pictures still does.
    """
    student = spec.options.get("student", {})
    if spec.adapter != "finetune" or student.get("regions") != "detector":
        return declared
    teachers = spec.options.get("objective", {}).get("teachers", [])
    opens_pictures = any(teacher.get("kind") in ("clip-image", "vision-encoder") for teacher in teachers)
    return (declared if opens_pictures else declared - {"image"}) | {"regions"}


def check_needs(
    model: str, needs: frozenset[str], source: Source, protocol: Protocol, found: Mapping[str, Any]
) -> None:
    """Raises DataMissing, saying which images or region features a model would need and the source has not."""
    if not needs & {"image", "regions"}:
        return
    select = protocol.select.get(source.task)
    splits = {one["split"] for one in found["conditions"] if one["available"] and one["split"]}
    splits.add(protocol.training_split(source.task))
    if select is not None and select.split is not None:
        splits.add(select.split)
    if "regions" in needs:
        check_regions(model, source, splits, found["conditions"])
    if "image" not in needs:
        return
    absent = sorted(split for split in splits if not source.layout.has_images(split))
    if absent:
        raise DataMissing(
            f"model '{model}' needs images, and the {source.task} source at {source.root} has none for "
            f"{', '.join(absent)}",
            fix="put the image folders there, or choose a model that needs none",
        )
