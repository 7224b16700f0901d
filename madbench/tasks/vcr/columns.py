"""VCR rows as columns. All texts of a row are one list of codes into a table of words and tag groups.

codes of a row: 10 lengths, then the objects, the question, 4 answers and 4 rationales, that long
labels:         2 codes (answer, rationale), or none
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from madbench.tasks.columns import Columns, codes, new_row, shared
from madbench.tasks.regions import region_path
from madbench.tasks.table import Part
from madbench.tasks.vcr.reader import CHOICES, VcrRow

_LISTS = 2 + 2 * CHOICES


@dataclass(frozen=True)
class VcrColumns(Columns):
    """images, regions: the folders of the layout in use; the latter None where there is none."""

    images: Path
    regions: Path | None

    def encode(self, rows: Sequence[VcrRow]):
        place: dict = {}
        flat = array("I")  # 30 million of them: a list would take five times the memory
        lengths = []
        for row in rows:
            lists = (row.objects, row.question, *row.answer_choices, *row.rationale_choices)
            before = len(flat)
            flat.extend(map(len, lists))
            flat.extend([place.setdefault(token, len(place)) for token in chain.from_iterable(lists)])
            lengths.append(len(flat) - before)
        labels = [row.labels or () for row in rows]
        columns = {
            "tokens": codes(flat, lengths),
            "labels": codes(list(chain.from_iterable(labels)), list(map(len, labels))),
            "image_name": shared([row.image_name for row in rows]),
            "metadata_name": shared([row.metadata_name for row in rows]),
        }
        return columns, {"tokens": list(place)}

    def tables(self, stored: Mapping[str, list]) -> Mapping[str, list]:
        tokens = [token if isinstance(token, str) else tuple(token) for token in stored["tokens"]]
        return {"tokens": tokens, "labels": {}, "objects": {}}

    def column(self, part: Part, name: str) -> list | None:
        if name in ("image_name", "metadata_name"):
            return part.shared(name)
        known = part.table(name) if name in ("objects", "labels") else None
        if known is None:
            return None
        if name == "labels":
            return [known.setdefault(label, label) if label else None for label in map(tuple, part.codes("labels"))]
        token_at = part.table("tokens").__getitem__
        lists = [tuple(map(token_at, tokens)) for tokens in part.leading("tokens", _LISTS)]
        return [known.setdefault(objects, objects) for objects in lists]

    def decode(self, part: Part) -> list[VcrRow]:
        token_at = part.table("tokens").__getitem__
        # Equal object lists and labels are one object, over all parts of the file.
        known_objects, known_labels = part.table("objects"), part.table("labels")
        paths: dict[str, tuple[Path, Path | None]] = {}
        rows = []
        for example_id, image, movie, tokens, labels, name, metadata in zip(
            part.text("example_id"),
            part.shared("image_id"),
            part.shared("group"),
            part.codes("tokens"),
            part.codes("labels"),
            part.shared("image_name"),
            part.shared("metadata_name"),
            strict=True,
        ):
            words = tuple(map(token_at, tokens[_LISTS:]))
            lists, start = [], 0
            for length in tokens[:_LISTS]:
                end = start + length
                lists.append(words[start:end])
                start = end
            if name not in paths:
                paths[name] = (self.images / name, region_path(self.regions, name))
            image_path, regions = paths[name]
            label = tuple(labels)
            rows.append(
                new_row(
                    VcrRow,
                    {
                        "example_id": example_id,
                        "image_id": image,
                        "image_path": image_path,
                        "group": movie,
                        "stratum": None,
                        "region_path": regions,
                        "corruption": None,
                        "objects": known_objects.setdefault(lists[0], lists[0]),
                        "question": lists[1],
                        "answer_choices": tuple(lists[2 : 2 + CHOICES]),
                        "rationale_choices": tuple(lists[2 + CHOICES :]),
                        "labels": known_labels.setdefault(label, label) if label else None,
                        "images": self.images,
                        "image_name": name,
                        "metadata_name": metadata,
                    },
                )
            )
        return rows
