"""Write invented annotation files in the official layouts, at the full official sizes.

    python benchmarks/full_size.py --task vcr --out FOLDER/vcr                 annotations alone
    python benchmarks/full_size.py --task vcr --out FOLDER/vcr --metadata      and a json file of boxes for each image
    python benchmarks/full_size.py --task vqa --out FOLDER/vqa --pictures      and an 8x8 picture for each image
    python benchmarks/full_size.py --task snli_ve --out FOLDER/ve --fraction 0.001

Rows, images, movies, classes, question types, field order and punctuation are those of the released files
(docs/data.md); every word is made up. Word frequencies fall as in English, so that what repeats, repeats. VCR texts are
longer than real ones, so a bound that holds here holds with room. Equal options give equal files, byte for byte.
Needs numpy and pillow; holds one image's rows at a time and a table of counts.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

VCR = {"train": (212_923, 80_418, 1_945), "val": (26_534, 9_929, 244), "test": (25_263, 9_557, 189)}
SNLI_VE = {  # images; rows of contradiction, entailment, neutral
    "train": (29_783, (176_550, 176_932, 176_045)),
    "dev": (1_000, (5_939, 5_959, 5_960)),
    "test": (1_000, (5_964, 5_973, 5_964)),
}
VQA = {"train2014": (443_757, 82_783), "val2014": (214_354, 40_504), "test2015": (447_793, 81_434)}
TEST_DEV = 107_394
_TYPES = (
    "are|are the|are there|are there any|are these|are they|can you|could|do|do you|does the|does this|has|how|"
    "how many|how many people are|how many people are in|is|is he|is it|is that a|is the|is the man|is the person|"
    "is the woman|is there|is there a|is this|is this a|is this an|is this person|none of the above|was|what|"
    "what animal is|what are|what are the|what brand|what color|what color are the|what color is|what color is the|"
    "what does the|what is|what is in the|what is on the|what is the|what is the color of the|what is the man|"
    "what is the name|what is the person|what is the woman|what is this|what kind of|what number is|what room is|"
    "what sport is|what time|what type of|where are the|where is the|which|who is|why|why is the"
)
QUESTION_TYPES = _TYPES.split("|")
THINGS = ("diningtable", "chair", "bottle", "wineglass", "cup", "cellphone", "pottedplant", "tv", "car", "tie", "book")
LETTERS = ("contradiction", "entailment", "neutral")


class Words:
    """An endless stream of made-up words, some of them frequent (a Zipf law over 30,000 words)."""

    def __init__(self, seed: int):
        spelling = random.Random(seed)
        syllables = [
            a + b for a in ("", *"bcdfghjklmnprstvwz", "st", "tr") for b in ("a", "e", "i", "o", "u", "ea", "ou")
        ]
        known: dict[str, None] = {}
        while len(known) < 30_000:
            # Frequent words are short, as in English.
            length = 1 + (len(known) > 60) + (len(known) > 3_000) + (spelling.random() < 0.4)
            known["".join(spelling.choices(syllables, k=length))] = None
        self.plain = list(known)
        self.quoted = [f'"{word}"' for word in self.plain]
        share = 1 / (np.arange(len(known)) + 2.7)
        self._edges = np.cumsum(share) / share.sum()
        self._rng = np.random.Generator(np.random.PCG64(seed))
        self._drawn: list[int] = []

    def take(self, count: int) -> list[int]:
        """Numbers of the next words."""
        if len(self._drawn) < count:
            self._drawn = np.searchsorted(self._edges, self._rng.random(1_000_000)).clip(0, 29_999).tolist()
        taken, self._drawn[-count:] = self._drawn[-count:], []
        return taken

    def text(self, count: int) -> str:
        return " ".join([self.plain[word] for word in self.take(count)])


def spread(total: int, parts: int, rng: random.Random) -> list[int]:
    """`parts` counts, each at least 1 and close to the mean, that sum to `total`."""
    counts = [total // parts] * parts
    for place in rng.sample(range(parts), total % parts):
        counts[place] += 1
    for one, other in zip(rng.sample(range(parts), parts // 2), rng.sample(range(parts), parts // 2), strict=True):
        if counts[one] > 1 and one != other:
            counts[one], counts[other] = counts[one] - 1, counts[other] + 1
    return counts


def scaled(count: int, fraction: float) -> int:
    return max(1, round(count * fraction))


def tiny_jpeg() -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (8, 8), (90, 120, 60)).save(stream, "JPEG")
    return stream.getvalue()


def write_pictures(folder: Path, names: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    content = tiny_jpeg()
    for name in names:
        (folder / name).write_bytes(content)


# --------------------------------------------------------------------------- VCR


def write_vcr(out: Path, fraction: float, seed: int, metadata: bool, pictures: bool) -> None:
    content = tiny_jpeg()
    for place, (split, official) in enumerate(VCR.items()):
        rows, images, movies = (scaled(count, fraction) for count in official)
        rng, words = random.Random(f"{seed} vcr {split}"), Words(seed * 10 + place)
        outlines = random.Random(
            f"{seed} metadata {split}"
        )  # its own, so that the rows are the same without --metadata
        with open(out / f"{split}.jsonl", "w", encoding="utf-8") as stream:
            for image_name, metadata_name, names, lines in _vcr_images(split, place, rows, images, movies, rng, words):
                stream.writelines(lines)
                folder = out / "vcr1images"
                if metadata or pictures:
                    (folder / image_name).parent.mkdir(parents=True, exist_ok=True)
                if metadata:
                    (folder / metadata_name).write_text(_metadata(names, outlines))
                if pictures:
                    (folder / image_name).write_bytes(content)


def _vcr_images(split, place, rows, images, movies, rng, words) -> Iterator[tuple[str, str, list[str], list[str]]]:
    """(image name, metadata name, objects, lines) of each image."""
    questions = iter(spread(rows, images, rng))
    row = image = 0
    for number, of_movie in enumerate(spread(images, movies, rng)):
        if number % 3:
            movie = f"{1000 * (place + 1) * 3 + number}_{words.text(3).upper().replace(' ', '_')}"
            folder, clip = f"lsmdc_{movie}", movie
        else:
            movie = f"{split}{number:05d}Invented"
            folder, clip = f"movieclips_{movie}", movie
        for shot in range(of_movie):
            stem = f"{folder}/{clip}_00.{shot // 60:02d}.{shot % 60:02d}.935-00.{shot // 60:02d}.59.783@{shot % 7}"
            names = ["person"] * rng.randint(1, 12) + rng.choices(THINGS, k=rng.randint(1, 20))
            lines = []
            for question in range(next(questions)):
                lines.append(_vcr_row(split, movie, stem, names, row, image, question, rng, words))
                row += 1
            image += 1
            yield f"{stem}.jpg", f"{stem}.json", names, lines


def _vcr_row(split, movie, stem, names, row, image, question, rng, words) -> str:
    fold_index = row % 20_000
    asked, asked_text = _sentence(rng.randint(5, 12), len(names), "?", rng, words)
    named = {"answer": (8, 24), "rationale": (20, 48)}
    parts, origs = {}, {}
    for name, lengths in named.items():
        label = rng.randrange(4)
        choices = [_sentence(rng.randint(*lengths), len(names), ".", rng, words) for _ in range(4)]
        rounds, sources = [1, 2, 3], [rng.randrange(20_000) for _ in range(4)]
        rounds.insert(label, 0)
        sources[label] = fold_index
        parts[name] = (rounds, sources, ", ".join([tokens for tokens, _ in choices]), label)
        origs[name] = choices[label][1]
    labelled = split != "test"
    written = [
        f'{{"movie": "{movie}", "objects": {json.dumps(names)}, "interesting_scores": [{rng.choice((-1, 0, 1))}], '
        f'"answer_likelihood": "{rng.choice(("possible", "likely", "unlikely"))}", '
        f'"img_fn": "{stem}.jpg", "metadata_fn": "{stem}.json", '
    ]
    if labelled:
        written.append(f'"answer_orig": "{origs["answer"]}", ')
    written.append(f'"question_orig": "{asked_text}", ')
    if labelled:
        written.append(f'"rationale_orig": "{origs["rationale"]}", ')
    written.append(f'"question": {asked}, ')
    rounds, sources, choices, label = parts["answer"]
    before = f'"answer_match_iter": {rounds}, "answer_sources": {sources}, ' if labelled else ""
    after = f'"answer_label": {label}, ' if labelled else ""
    written.append(f'{before}"answer_choices": [{choices}], {after}')
    rounds, sources, choices, label = parts["rationale"]
    after = f'"rationale_sources": {sources}, "rationale_match_iter": {rounds}, "rationale_label": {label}, '
    written.append(f'"rationale_choices": [{choices}], {after if labelled else ""}')
    written.append(
        f'"img_id": "{split}-{image}", "question_number": {question}, "annot_id": "{split}-{row}", '
        f'"match_fold": "{split}-{row // 20_000}", "match_index": {fold_index}}}\n'
    )
    return "".join(written)


def _sentence(length: int, n_objects: int, end: str, rng: random.Random, words: Words) -> tuple[str, str]:
    """(tokens as JSON, the text as it was typed: objects are counted from 1 there)."""
    drawn = words.take(length)
    tokens, typed = [words.quoted[word] for word in drawn], [words.plain[word] for word in drawn]
    tag = rng.randrange(n_objects)
    first = rng.randrange(length)
    if n_objects > 1 and rng.random() < 0.15:
        other = (tag + 1) % n_objects
        tokens[first], typed[first] = f"[{tag}, {other}]", f"{tag + 1} and {other + 1}"
    else:
        tokens[first], typed[first] = f"[{tag}]", f"{tag + 1}"
    if length > 8:
        second = rng.randrange(length)
        tokens[second], typed[second] = f"[{n_objects - 1}]", f"{n_objects}"
    return f'[{", ".join(tokens)}, "{end}"]', " ".join(typed) + end


def _metadata(names: list[str], rng: random.Random) -> str:
    """Boxes, outlines, names and size as in the released files: tens of kilobytes, nearly all of it outlines."""
    boxes, outlines = [], []
    for _ in names:
        left, top = rng.uniform(0, 1500), rng.uniform(0, 600)
        right, bottom = left + rng.uniform(20, 400), top + rng.uniform(20, 190)
        boxes.append(f"[{left:.6f}, {top:.7f}, {right:.6f}, {bottom:.7f}, {rng.uniform(0.5, 1):.9f}]")
        x, y = int(left), int(top)
        points = [f"[{x + step % 97}, {y + step % 61}]" for step in range(rng.randint(60, 420))]
        outlines.append(f"[[{', '.join(points)}]]")
    return (
        f'{{"boxes": [{", ".join(boxes)}], "segms": [{", ".join(outlines)}], '
        f'"names": {json.dumps(names)}, "width": 1920, "height": 797}}'
    )


# --------------------------------------------------------------------------- SNLI-VE


def write_snli_ve(out: Path, fraction: float, seed: int, metadata: bool, pictures: bool) -> None:
    numbers = random.Random(f"{seed} flickr").sample(range(10_000_000, 7_500_000_000), 31_783)
    for place, (split, (images, classes)) in enumerate(SNLI_VE.items()):
        rng, words = random.Random(f"{seed} snli_ve {split}"), Words(seed * 10 + place)
        images, classes = scaled(images, fraction), [scaled(count, fraction) for count in classes]
        flickr, numbers = numbers[:images], numbers[images:]
        counts = spread(sum(classes), images, rng)
        labels = _gold_labels(counts, classes, rng)
        with open(out / f"snli_ve_{split}.jsonl", "w", encoding="utf-8") as stream:
            for photo, count in zip(flickr, counts, strict=True):
                stream.writelines(_snli_ve_rows(photo, count, labels, rng, words))
        if pictures:
            write_pictures(out / "flickr30k_images", [f"{photo}.jpg" for photo in flickr])


def _gold_labels(counts: Sequence[int], classes: Sequence[int], rng: random.Random) -> Iterator[int]:
    """Gold labels in row order with exactly these class counts, nearly always the letter of the pair."""
    gold = [LETTERS.index(_place(row)[2]) for count in counts for row in range(count)]
    for one, other in zip(*(rng.sample(range(len(gold)), len(gold) // 20) for _ in range(2)), strict=True):
        gold[one], gold[other] = gold[other], gold[one]
    missing = [label for label in range(3) for _ in range(classes[label] - gold.count(label))]
    surplus = {label: max(0, gold.count(label) - classes[label]) for label in range(3)}
    for row in rng.sample(range(len(gold)), len(gold)):
        if not missing:
            break
        if surplus[gold[row]]:
            surplus[gold[row]] -= 1
            gold[row] = missing.pop()
    return iter(gold)


def _place(row: int) -> tuple[int, int, str]:
    """(caption, round, asked label) of an image's row: three labels a caption, five captions a round."""
    return row // 3 % 5, 1 + row // 15, LETTERS[(1, 2, 0)[row % 3]]


def _snli_ve_rows(photo: int, count: int, labels: Iterator[int], rng: random.Random, words: Words) -> list[str]:
    captions = [_parsed(rng.randint(8, 20), rng, words) for _ in range(5)]
    lines = []
    for row in range(count):
        caption, turn, asked = _place(row)
        label = LETTERS[next(labels)]
        first, second = captions[caption], _parsed(rng.randint(4, 12), rng, words)
        judged = [label] if asked == label and rng.random() < 0.9 else [asked, label, label, label]
        lines.append(
            f'{{"Flickr30K_ID": "{photo}", "annotator_labels": {json.dumps(judged)}, '
            f'"captionID": "{photo}.jpg#{caption}", "gold_label": "{label}", '
            f'"pairID": "{photo}.jpg#{caption}r{turn}{asked[0]}", "sentence1": "{first[0]}", '
            f'"sentence1_binary_parse": "{first[1]}", "sentence1_parse": "{first[2]}", "sentence2": "{second[0]}", '
            f'"sentence2_binary_parse": "{second[1]}", "sentence2_parse": "{second[2]}"}}\n'
        )
    return lines


def _parsed(length: int, rng: random.Random, words: Words) -> tuple[str, str, str]:
    """A sentence, its binary parse and its parse."""
    drawn = [words.plain[word] for word in words.take(length)]
    kinds = rng.choices(("DT", "NN", "NNS", "IN", "VBZ", "VBG", "JJ"), k=length)
    leaves = [f"({kind} {word})" for kind, word in zip(kinds, drawn, strict=True)]
    phrases = [f"(NP {' '.join(leaves[place : place + 3])})" for place in range(0, length, 3)]
    halves = [f"( {' '.join(drawn[place : place + 2])} )" for place in range(0, length, 2)]
    sentence = f"{drawn[0].capitalize()} {' '.join(drawn[1:])}."
    binary = f"{'( ' * (len(halves) - 1)}{halves[0]} {' '.join(f'{half} )' for half in halves[1:])} ."
    return sentence, f"( {binary} )", f"(ROOT (S {' '.join(phrases)} (. .)))"


# --------------------------------------------------------------------------- VQA v2

INFO = (
    '{"info": {"description": "This is v2.0 of the VQA dataset (invented data in its layout).", '
    '"url": "http://visualqa.org", "version": "2.0", "year": 2017, "contributor": "VQA Team", '
    '"date_created": "2017-04-26 17:07:13"}, '
)
LICENSE = (
    '"license": {"url": "http://creativecommons.org/licenses/by/4.0/", '
    '"name": "Creative Commons Attribution 4.0 International License"}, '
)


def write_vqa(out: Path, fraction: float, seed: int, metadata: bool, pictures: bool) -> None:
    numbers = random.Random(f"{seed} coco").sample(range(1, 581_930), sum(images for _, images in VQA.values()))
    for place, (subset, official) in enumerate(VQA.items()):
        rows, images = (scaled(count, fraction) for count in official)
        rng, words = random.Random(f"{seed} vqa {subset}"), Words(seed * 10 + place)
        coco, numbers = numbers[:images], numbers[images:]
        questions, pairs = _questions(coco, spread(rows, images, rng), rng, words)
        _write_questions(out, subset, questions)
        if subset == "test2015":
            _write_questions(out, "test-dev2015", questions[: scaled(TEST_DEV, fraction)])
        else:
            _write_annotations(out, subset, questions, rng, words)
            (out / f"v2_mscoco_{subset}_complementary_pairs.json").write_text(json.dumps(pairs))
        if pictures:
            write_pictures(out / subset, [f"COCO_{subset}_{image:012d}.jpg" for image in coco])


def _questions(coco, counts, rng, words) -> tuple[list[tuple[int, int, str, str]], list[tuple[int, int]]]:
    """(image, question id, type, text) of each question, and the pairs that ask the same about two images."""
    questions, pairs = [], []
    waiting: tuple[int, int, str, str] | None = None
    for image, count in zip(coco, counts, strict=True):
        for number in range(count):
            asked = image * 1000 + number
            if waiting is not None and waiting[0] != image:
                pairs.append((waiting[1], asked))
                questions.append((image, asked, *waiting[2:]))
                waiting = None
                continue
            kind = rng.choice(QUESTION_TYPES)
            start = "" if kind == "none of the above" else f"{kind.capitalize()} "
            questions.append((image, asked, kind, f"{start}{words.text(rng.randint(2, 5))}?"))
            if waiting is None and rng.random() < 0.9:
                waiting = questions[-1]
    return questions, pairs


def _write_questions(out: Path, subset: str, questions) -> None:
    with open(out / f"v2_OpenEnded_mscoco_{subset}_questions.json", "w", encoding="utf-8") as stream:
        stream.write(f'{INFO}"task_type": "Open-Ended", "data_type": "mscoco", {LICENSE}"data_subtype": "{subset}", ')
        stream.write('"questions": [')
        for place, (image, number, _, text) in enumerate(questions):
            comma = ", " if place else ""
            stream.write(f'{comma}{{"image_id": {image}, "question": "{text}", "question_id": {number}}}')
        stream.write("]}")


def _write_annotations(out: Path, subset: str, questions, rng: random.Random, words: Words) -> None:
    with open(out / f"v2_mscoco_{subset}_annotations.json", "w", encoding="utf-8") as stream:
        stream.write(f'{INFO}{LICENSE}"data_subtype": "{subset}", "annotations": [')
        for place, (image, number, kind, _) in enumerate(questions):
            answer_type, answers = _answers(kind, rng, words)
            common = max(answers, key=answers.count)
            given = ", ".join(
                [
                    f'{{"answer": "{answer}", "answer_confidence": "{sure}", "answer_id": {one}}}'
                    for one, (answer, sure) in enumerate(zip(answers, _sure(rng), strict=True), start=1)
                ]
            )
            stream.write(
                f'{", " if place else ""}{{"question_type": "{kind}", "multiple_choice_answer": "{common}", '
                f'"answers": [{given}], "image_id": {image}, "answer_type": "{answer_type}", "question_id": {number}}}'
            )
        stream.write("]}")


def _answers(kind: str, rng: random.Random, words: Words) -> tuple[str, list[str]]:
    """An answer type and ten answers; about a third of the questions are answered with one voice."""
    if kind.startswith(("how many", "what number")):
        answer_type, known = "number", [str(rng.randrange(1, 12)) for _ in range(3)]
    elif kind.startswith(("is", "are", "do", "has", "can", "could", "was")):
        answer_type, known = "yes/no", rng.sample(("yes", "no"), 2)
    else:
        answer_type, known = "other", [words.text(1 + (rng.random() < 0.2)) for _ in range(4)]
    if rng.random() < 0.33:
        return answer_type, [known[0]] * 10
    return answer_type, [known[0], *rng.choices(known, (6, *range(len(known) - 1, 0, -1)), k=9)]


def _sure(rng: random.Random) -> list[str]:
    return rng.choices(("yes", "maybe", "no"), (80, 15, 5), k=10)


WRITERS = {"vcr": write_vcr, "snli_ve": write_snli_ve, "vqa": write_vqa}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=WRITERS, required=True)
    parser.add_argument("--out", type=Path, required=True, help="a new folder")
    parser.add_argument("--fraction", type=float, default=1.0, help="write a small version (default: 1)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--metadata", action="store_true", help="vcr: boxes of each image (4 GB at full size)")
    parser.add_argument("--pictures", action="store_true", help="a tiny JPEG for each image")
    given = parser.parse_args(arguments)
    if given.out.exists() and any(given.out.iterdir()):
        print(f"error: {given.out} is not empty", file=sys.stderr)
        return 2
    given.out.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    WRITERS[given.task](given.out, given.fraction, given.seed, given.metadata, given.pictures)
    size = sum(path.stat().st_size for path in given.out.glob("*.json*")) / 2**20
    print(f"{given.task}: {size:,.0f} MiB of annotations in {given.out}, {time.perf_counter() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
