"""VQA rows as columns: question, question types, answers (places in a table of different ones), most common answer."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from madbench.tasks.columns import Columns, codes, new_row, shared, text
from madbench.tasks.table import Part
from madbench.tasks.vqa.rows import VqaRow


class CocoNames:
    """The files of COCO pictures; the number is the only part of a name that varies, so no name leaves its folder."""

    def __init__(self, folder: Path | None, name: str, regions: Path | None = None):
        self._image = None if folder is None else f"{folder}/COCO_{name}_%012d.jpg"
        self._region = None if regions is None else f"{regions}/COCO_{name}_%012d.npz"
        self._known: dict[int, tuple[Path | None, Path | None]] = {}

    def paths(self, image: int) -> tuple[Path | None, Path | None]:
        """(image, region features); each None where the source has no folder of them."""
        found = self._known.get(image)
        if found is None:
            patterns = (self._image, self._region)
            found = tuple(None if pattern is None else Path(pattern % image) for pattern in patterns)
            self._known[image] = found
        return found


@dataclass(frozen=True)
class VqaColumns(Columns):
    """images, regions: the folders of the layout in use, or None. name: what COCO calls the split, in file names."""

    images: Path | None
    name: str
    regions: Path | None

    def encode(self, rows: Sequence[VqaRow]):
        place: dict[str, int] = {}
        flat = array("I", (place.setdefault(answer, len(place)) for row in rows for answer in row.answers))
        columns = {
            "question": text([row.question for row in rows]),
            "question_type": shared([row.question_type for row in rows]),
            "asked_type": shared([row.asked_type for row in rows]),
            "answers": codes(flat, [len(row.answers) for row in rows]),
            "multiple_choice_answer": shared([row.multiple_choice_answer for row in rows]),
        }
        return columns, {"answers": list(place)}

    @cached_property
    def _coco(self) -> CocoNames:
        return CocoNames(self.images, self.name, self.regions)

    def __getstate__(self) -> Mapping:
        return {"images": self.images, "name": self.name, "regions": self.regions}

    def column(self, part: Part, name: str) -> list | None:
        if name == "answer_type":
            name = "stratum"
        return part.shared(name) if name in ("stratum", "question_type", "multiple_choice_answer") else None

    def decode(self, part: Part) -> list[VqaRow]:
        answer_at = part.table("answers").__getitem__
        paths = self._coco.paths
        rows = []
        for example_id, image, answer_type, question, question_type, asked_type, answers, common in zip(
            part.text("example_id"),
            part.shared("image_id"),
            part.shared("stratum"),
            part.text("question"),
            part.shared("question_type"),
            part.shared("asked_type"),
            part.codes("answers"),
            part.shared("multiple_choice_answer"),
            strict=True,
        ):
            image_path, region_path = paths(int(image))
            rows.append(
                new_row(
                    VqaRow,
                    {
                        "example_id": example_id,
                        "image_id": image,
                        "image_path": image_path,
                        "group": None,
                        "stratum": answer_type,
                        "region_path": region_path,
                        "corruption": None,
                        "question": question,
                        "question_type": question_type,
                        "answer_type": answer_type,
                        "answers": tuple(map(answer_at, answers)),
                        "multiple_choice_answer": common,
                        "asked_type": asked_type,
                    },
                )
            )
        return rows
