"""Mini's VCR on disk: `{train,val,test}.jsonl` and `vcr1images/<movie>/` with pictures and metadata."""

from __future__ import annotations

import json
from pathlib import Path

from madbench.mini.drawing import boxes
from madbench.mini.draws import Draws, generator
from madbench.mini.pictures import write_pictures
from madbench.mini.scenes import SIDE, Scene, sample_scene
from madbench.mini.vcr_world import STYLE, Question, ask

IMAGES_PER_MOVIE = 50
SPLITS = ("train", "val", "test")  # no movie in two of them


def write(out: Path, seed: int, images: dict[str, int]) -> None:
    """Write the splits named in `images` (split -> number of images) below `out`; test rows carry no labels."""
    for split, n in images.items():
        number = SPLITS.index(split)
        draws, scenes = draw_scenes(split, seed, n)
        stems = image_names(split, n)
        with open(out / f"{split}.jsonl", "w", encoding="utf-8", newline="\n") as stream:
            asked = 0
            for image, (scene, stem) in enumerate(zip(scenes, stems, strict=True)):
                movie = _movie(split, image)
                for place, question in enumerate(ask(scene, draws)):
                    row = _row(split, movie, stem, scene, question, image, place, asked, n, draws)
                    stream.write(json.dumps(row, separators=(",", ":")) + "\n")
                    asked += 1
        folder = out / "vcr1images"
        for movie in dict.fromkeys(stem.split("/")[0] for stem in stems):
            (folder / movie).mkdir(parents=True, exist_ok=True)
        for scene, stem in zip(scenes, stems, strict=True):
            (folder / f"{stem}.json").write_text(json.dumps(_metadata(scene), separators=(",", ":")), encoding="utf-8")
        write_pictures(scenes, [folder / f"{stem}.jpg" for stem in stems], seed, 1, number)


def draw_scenes(split: str, seed: int, n: int) -> tuple[Draws, list[Scene]]:
    """The pictures of a split, drawn before anything is asked about them; and the generator, for what comes after."""
    draws = Draws(generator("scenes", seed, 1, SPLITS.index(split)))
    return draws, [sample_scene(draws, STYLE) for _ in range(n)]


def image_names(split: str, n: int) -> list[str]:
    """File names below `vcr1images`, without suffix."""
    names = []
    for image in range(n):
        movie, seconds = _movie(split, image), 3 * (image % IMAGES_PER_MOVIE)
        names.append(f"lsmdc_{movie}/{movie}_00.{seconds // 60:02d}.{seconds % 60:02d}@0")
    return names


def _movie(split: str, image: int) -> str:
    return f"{5001 + 2000 * SPLITS.index(split) + image // IMAGES_PER_MOVIE}_MINI"


def _row(
    split: str,
    movie: str,
    stem: str,
    scene: Scene,
    question: Question,
    image: int,
    place: int,
    index: int,
    n_images: int,
    draws: Draws,
) -> dict:
    """One annotation with the released fields in the released order."""
    matches = {
        name: _matching(label, index, n_images * 4, draws)
        for name, label in (("answer", question.answer_label), ("rationale", question.rationale_label))
    }
    labelled = split != "test"
    row = {
        "movie": movie,
        "objects": list(scene.objects),
        "interesting_scores": [1],
        "answer_likelihood": "likely",
        "img_fn": f"{stem}.jpg",
        "metadata_fn": f"{stem}.json",
        "answer_orig": _as_typed(question.answers[question.answer_label]),
        "question_orig": _as_typed(question.question),
        "rationale_orig": _as_typed(question.rationales[question.rationale_label]),
        "question": question.question,
        "answer_match_iter": matches["answer"][0],
        "answer_sources": matches["answer"][1],
        "answer_choices": question.answers,
        "answer_label": question.answer_label,
        "rationale_choices": question.rationales,
        "rationale_sources": matches["rationale"][1],
        "rationale_match_iter": matches["rationale"][0],
        "rationale_label": question.rationale_label,
        "img_id": f"{split}-{image}",
        "question_number": place,
        "annot_id": f"{split}-{index}",
        "match_fold": f"{split}-0",
        "match_index": index,
    }
    if not labelled:
        for key in _LABELS:
            del row[key]
    return row


_LABELS = [
    "answer_label",
    "rationale_label",
    *(f"{leg}_{key}" for leg in ("answer", "rationale") for key in ("orig", "sources", "match_iter")),
]


def _matching(label: int, index: int, n: int, draws: Draws) -> tuple[list[int], list[int]]:
    """Matching rounds (0 at the right choice) and the rows the choices came from (its own there)."""
    later = iter(draws.shuffled((1, 2, 3)))
    rounds = [0 if place == label else next(later) for place in range(4)]
    return rounds, [index if place == label else draws.below(n) for place in range(4)]


def _as_typed(tokens: list) -> str:
    """The text as an annotator typed it: people and things by number, from 1."""
    words = [token if isinstance(token, str) else " and ".join(str(tag + 1) for tag in token) for token in tokens]
    return " ".join(words).replace(" .", ".").replace(" ,", ",").replace(" ?", "?")


def _metadata(scene: Scene) -> dict:
    outlines = boxes(scene)
    return {
        "boxes": [[*box, 0.99] for box in outlines],
        "segms": [[_rectangle(box)] for box in outlines],
        "names": list(scene.objects),
        "width": SIDE,
        "height": SIDE,
    }


def _rectangle(box: list[float]) -> list[list[int]]:
    x1, y1, x2, y2 = (int(side) for side in box)
    return [[x1, y1], [x2, y1], [x2, y2], [x1, y2]]
