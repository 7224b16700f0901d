"""SNLI-VE rows as columns: `hypothesis`; the label is the common column `stratum`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from madbench.tasks.columns import Columns, new_row, text
from madbench.tasks.regions import region_path
from madbench.tasks.snli_ve.rows import SnliVeRow
from madbench.tasks.table import Part


@dataclass(frozen=True)
class SnliVeColumns(Columns):
    """images, regions: the folders of the layout in use, or None."""

    images: Path | None
    regions: Path | None

    def encode(self, rows: Sequence[SnliVeRow]):
        return {"hypothesis": text([row.hypothesis for row in rows])}, {}

    def decode(self, part: Part) -> list[SnliVeRow]:
        paths: dict[str, tuple[Path | None, Path | None]] = {}
        rows = []
        for example_id, image, label, hypothesis in zip(
            part.text("example_id"),
            part.shared("image_id"),
            part.shared("stratum"),
            part.text("hypothesis"),
            strict=True,
        ):
            if image not in paths:
                paths[image] = paths_of(image, self.images, self.regions)
            image_path, regions = paths[image]
            rows.append(
                new_row(
                    SnliVeRow,
                    {
                        "example_id": example_id,
                        "image_id": image,
                        "image_path": image_path,
                        "group": None,
                        "stratum": label,
                        "region_path": regions,
                        "corruption": None,
                        "hypothesis": hypothesis,
                        "label": label,
                    },
                )
            )
        return rows


def paths_of(image: str, images: Path | None, regions: Path | None) -> tuple[Path | None, Path | None]:
    """(image, region features) of a Flickr id; each None where the source has no folder of them."""
    name = f"{image}.jpg"
    return None if images is None else images / name, region_path(regions, name)
