"""Mini's VQA v2 on disk: question and annotation files and COCO-style pictures."""

from __future__ import annotations

import json
from pathlib import Path

from madbench.mini.draws import Draws, generator
from madbench.mini.pictures import write_pictures
from madbench.mini.scenes import Scene, sample_scene
from madbench.mini.vqa_world import STYLE, annotators, answer_type, ask, question_type

# split -> the official subset name; test2015 has no annotations, and test-dev is its first half
SUBTYPES = {"train": "train2014", "val": "val2014", "test": "test2015"}
SPLITS = tuple(SUBTYPES)
INFO = {
    "description": "madbench mini, a procedural world in the VQA v2.0 layout.",
    "url": "",
    "version": "2.0",
    "year": 2017,
    "contributor": "madbench",
    "date_created": "2017-04-26 17:07:13",
}
LICENSE = {"url": "", "name": "made by madbench; free to use"}


def write(out: Path, seed: int, images: dict[str, int]) -> None:
    """Write the splits named in `images` (split -> number of images) below `out`."""
    for split, n in images.items():
        subtype, number = SUBTYPES[split], SPLITS.index(split)
        draws, scenes = draw_scenes(split, seed, n)
        ids = _image_ids(split, n)
        questions, annotations = [], []
        for scene, image_id in zip(scenes, ids, strict=True):
            for place, asked in enumerate(ask(scene, 5 + draws.chance(0.4), draws)):
                question_id = image_id * 1000 + place
                questions.append({"image_id": image_id, "question": asked.text, "question_id": question_id})
                common, answers = annotators(asked, draws)
                annotations.append(
                    {
                        "question_type": question_type(asked.text),
                        "multiple_choice_answer": common,
                        "answers": answers,
                        "image_id": image_id,
                        "answer_type": answer_type(common),
                        "question_id": question_id,
                    }
                )
        _write_questions(out, subtype, questions)
        if split == "test":
            half = ids[: n // 2]
            _write_questions(out, "test-dev2015", [one for one in questions if one["image_id"] in half])
        else:
            head = {"info": INFO, "license": LICENSE, "data_subtype": subtype}
            _dump(out / f"v2_mscoco_{subtype}_annotations.json", {**head, "annotations": annotations})
        folder = out / subtype
        folder.mkdir(parents=True, exist_ok=True)
        write_pictures(scenes, [folder / f"{name}.jpg" for name in image_names(split, n)], seed, 3, number)


def draw_scenes(split: str, seed: int, n: int) -> tuple[Draws, list[Scene]]:
    """The pictures of a split, drawn before anything is asked about them; and the generator, for what comes after."""
    draws = Draws(generator("scenes", seed, 3, SPLITS.index(split)))
    return draws, [sample_scene(draws, STYLE) for _ in range(n)]


def image_names(split: str, n: int) -> list[str]:
    """File names without suffix."""
    return [f"COCO_{SUBTYPES[split]}_{one:012d}" for one in _image_ids(split, n)]


def _image_ids(split: str, n: int) -> list[int]:
    return [1 + 300_000 * SPLITS.index(split) + image for image in range(n)]


def _write_questions(out: Path, subtype: str, questions: list[dict]) -> None:
    head = {
        "info": INFO,
        "task_type": "Open-Ended",
        "data_type": "mscoco",
        "license": LICENSE,
        "data_subtype": subtype,
    }
    _dump(out / f"v2_OpenEnded_mscoco_{subtype}_questions.json", {**head, "questions": questions})


def _dump(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, separators=(",", ":")), encoding="utf-8", newline="\n")
