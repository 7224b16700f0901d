"""How much faster `madbench score vqa` is than the official loop written down plainly, on invented data at full size.

    python benchmarks/score_vqa.py                       the table: scoring alone, and the whole command
    python benchmarks/score_vqa.py --questions 20000     a quick look
    python benchmarks/score_vqa.py --write DIR           the three files only

Both sides score the same 214,354 questions in the same process, the plain loop without any memory between questions;
every question's accuracy must be equal to the last bit. Seconds are CPU seconds, so a busy machine tells the truth; the
whole command (a process of its own, reading and checking its three files included) has wall seconds beside them.

The data, shaped after real VQA v2 training rows (12,262 of them: 33 % unanimous; 3.0 distinct answers a question; 11,412
distinct strings, growing with the 0.8th power of the size; two in three occur once):
    answer types   37.5 % yes/no, 13 % number, 49.5 % other
    unanimous      58 %, 36 % and 24 % of them: 38 % in all
    otherwise      4 to 9 of ten say the common answer, each other annotator one of their own: 2.9 distinct answers a
                   question in all
    common answer  yes or no; a number below 120, Zipf; a rank among 30,000 phrases, Zipf with exponent 1
    own answer     yes/no: the other one mostly; else for two in five a phrase or number of the same kind, for three in
                   five a phrase made up on the spot (the long tail): 105,000 distinct strings among the annotators'
                   answers, three in four of them once; 116,000 with the predictions. Remembering strings is not flattered
    odd forms      about 1.5 % of answers carry a capital, an article, a number word, punctuation or a contraction
    predictions    55 % the common answer, 10 % another annotator's, 25 % a common phrase, 10 % made up; one in twenty
                   odd in form
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from madbench.tasks.vqa.normalise import ARTICLES, CONTRACTIONS, NUMBER_WORDS, PUNCTUATION
from madbench.tasks.vqa.reader import read_files
from madbench.tasks.vqa.score import score_answers

QUESTIONS = 214_354
WANTED_RATIO = 25
WANTED_SECONDS = 5.0
DIGIT_COMMA_DIGIT = re.compile(r"\d,\d")
DROPPED_PERIOD = re.compile(r"\.(?!\d)")
FILES = ("questions.json", "annotations.json", "predictions.json")


# --------------------------------------------------------------------------- the official loop, plainly


def plain_scores(questions: Sequence[dict], predictions: dict[int, str]) -> list[float]:
    """Accuracy of each question as the official scorer (2021) works it out: nothing is remembered, nothing is counted.

    questions: `{question_id, answers: [{answer, answer_confidence, answer_id}]}`; their answers are changed in place,
    as the official tool does. Source: the rules of GT-Vision-Lab/VQA, vqaEval.py, in our words.
    """
    accuracies = []
    for question in questions:
        answers = question["answers"]
        for one in answers:
            one["answer"] = plain_clean(one["answer"])
        guess = plain_clean(predictions[question["question_id"]])
        if len({one["answer"] for one in answers}) > 1:
            for one in answers:
                one["answer"] = plain_digits_and_articles(plain_punctuation(one["answer"]))
            guess = plain_digits_and_articles(plain_punctuation(guess))
        credits = []
        for one in answers:
            others = [other for other in answers if other != one]
            matching = [other for other in others if other["answer"] == guess]
            credits.append(min(1.0, len(matching) / 3))
        total = 0.0
        for credit in credits:
            total += credit
        accuracies.append(total / len(credits))
    return accuracies


def plain_clean(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ").strip()


def plain_punctuation(text: str) -> str:
    result = text
    for mark in PUNCTUATION:
        if mark + " " in text or " " + mark in text or re.search(DIGIT_COMMA_DIGIT, text) is not None:
            result = result.replace(mark, "")
        else:
            result = result.replace(mark, " ")
    return DROPPED_PERIOD.sub("", result, 32)


def plain_digits_and_articles(text: str) -> str:
    words = []
    for word in text.lower().split():
        word = NUMBER_WORDS.get(word, word)
        if word not in ARTICLES:
            words.append(word)
    for place, word in enumerate(words):
        if word in CONTRACTIONS:
            words[place] = CONTRACTIONS[word]
    return " ".join(words)


# --------------------------------------------------------------------------- invented data


class Inventor:
    """Questions, annotators and predictions, the same for the same seed."""

    def __init__(self, seed: int = 1):
        self.random = random.Random(seed)
        self.words = sorted({self._word() for _ in range(26_000)})
        self.random.shuffle(self.words)
        self.phrases = [self._phrase(self.words) for _ in range(30_000)]

    def _word(self) -> str:
        syllables = [f"{first}{second}" for first in "bcdfghklmnprst" for second in "aeiou"]
        return "".join(self.random.choices(syllables, k=self.random.choice((1, 2, 2, 3, 3, 4)))) + self.random.choice(
            ("", "", "n", "r", "s", "t")
        )

    def _phrase(self, words: Sequence[str]) -> str:
        return " ".join(self.random.choices(words, k=self.random.choices((1, 2, 3, 4), (70, 18, 9, 3))[0]))

    def _rank(self, among: int) -> int:
        """Zipf with exponent 1: the logarithm of the rank is uniform."""
        return min(int((among + 1) ** self.random.random()) - 1, among - 1)

    def _answer(self, answer_type: str) -> str:
        if answer_type == "yes/no":
            return self.random.choice(("yes", "no"))
        return str(self._rank(120)) if answer_type == "number" else self.phrases[self._rank(len(self.phrases))]

    def _odd(self, text: str) -> str:
        """The same answer as somebody else would type it, and some that the scorer's rules were made for."""
        return self.random.choice(
            (
                text.capitalize(),
                f"the {text}",
                f"{text}.",
                f"{text}, {self.random.choice(self.words)}",
                f"{self.random.choice(self.words)}-{text}",
                f"{text}?",
                "none",
                "two",
                "it isnt",
                "1,000",
                f"a {text}",
                f"{self.random.choice(self.words)}/{text}",
            )
        )

    def _own(self, answer_type: str, common: str) -> str:
        if answer_type == "yes/no" and self.random.random() < 0.95:
            return "no" if common == "yes" else "yes"
        return self._phrase(self.words) if self.random.random() < 0.6 else self._answer(answer_type)

    def question(self, number: int) -> tuple[dict, dict, str]:
        """An official question, its annotation, and a prediction. number: 0, 1, 2 ..."""
        chance = self.random.random()
        answer_type = self.random.choices(("yes/no", "number", "other"), (37.5, 13, 49.5))[0]
        unanimous = self.random.random() < {"yes/no": 0.58, "number": 0.36, "other": 0.24}[answer_type]
        common = self._answer(answer_type)
        answers = [common] * 10
        if not unanimous:
            own = self.random.choice((1, 2, 2, 3, 4, 5, 6, 6))
            answers[:own] = [self._own(answer_type, common) for _ in range(own)]
            answers = [self._odd(one) if self.random.random() < 0.024 else one for one in answers]
            self.random.shuffle(answers)
        if chance < 0.55:
            prediction = common
        elif chance < 0.65:
            prediction = self.random.choice(answers)
        else:
            prediction = self._answer(answer_type) if chance < 0.9 else self._phrase(self.words)
        if self.random.random() < 0.05:
            prediction = self._odd(prediction)
        image, place = divmod(number, 5)
        identity = {"image_id": image + 1, "question_id": (image + 1) * 1000 + place}
        text = f"What is the {self.random.choice(self.words)} by the {self.random.choice(self.words)}?"
        annotation = {
            "question_type": f"kind {self._rank(65)}",
            "multiple_choice_answer": common,
            "answers": [
                {"answer": one, "answer_confidence": "yes", "answer_id": place} for place, one in enumerate(answers, 1)
            ],
            "image_id": identity["image_id"],
            "answer_type": answer_type,
            "question_id": identity["question_id"],
        }
        return {"image_id": image + 1, "question": text, "question_id": identity["question_id"]}, annotation, prediction


def write(folder: Path, count: int) -> None:
    """The three files of a validation split, each on one line as the official ones are."""
    inventor = Inventor()
    made = [inventor.question(number) for number in range(count)]
    about = {"info": {"description": "invented", "version": "2.0"}, "license": {"name": "none"}}
    contents = (
        about | {"data_subtype": "val2014", "questions": [one[0] for one in made]},
        about | {"data_subtype": "val2014", "annotations": [one[1] for one in made]},
        [{"question_id": one[0]["question_id"], "answer": one[2]} for one in made],
    )
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in zip(FILES, contents, strict=True):
        (folder / name).write_text(json.dumps(content))


# --------------------------------------------------------------------------- measuring


def cpu_seconds(function, *arguments):
    """(CPU seconds, result)."""
    gc.collect()
    started = time.process_time()
    result = function(*arguments)
    return time.process_time() - started, result


def command_seconds(folder: Path) -> tuple[float, float, list[float]]:
    """Wall seconds, CPU seconds and per-question accuracies of the whole command."""
    questions, annotations, predictions = (str(folder / name) for name in FILES)
    line = [sys.executable, "-m", "madbench", "score", "vqa", "--questions", questions, "--annotations", annotations]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    done = subprocess.run([*line, "--predictions", predictions, "--json"], check=True, capture_output=True)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, list(json.loads(done.stdout)["per_question"].values())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    parser.add_argument("--write", type=Path, metavar="DIR", help="write the three files there and stop")
    given = parser.parse_args()
    if given.write:
        write(given.write, given.questions)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, given.questions)
        annotations = json.loads((folder / FILES[1]).read_text())["annotations"]
        answers = [one["answer"] for one in json.loads((folder / FILES[2]).read_text())]
        rows = read_files(folder / FILES[1], folder / FILES[0])
        alike = sum(len(set(row.answers)) == 1 for row in rows) / len(rows)
        strings = len({answer for row in rows for answer in row.answers} | set(answers))
        print(f"{len(rows):,} questions, {100 * alike:.1f} % unanimous, {strings:,} distinct strings\n")
        # First, so that the strings' hashes and the normaliser's memory are cold.
        fast, scores = cpu_seconds(score_answers, rows, answers)
        predictions = {one["question_id"]: answer for one, answer in zip(annotations, answers, strict=True)}
        plain, expected = cpu_seconds(plain_scores, annotations, predictions)
        wall, whole, printed = command_seconds(folder)
    equal = {True: "yes", False: "NO"}
    print("| what | CPU s | wall s | plain loop / this | equal to the last bit |")
    print("|---|---|---|---|---|")
    print(f"| the official loop, plainly | {plain:.2f} | | 1.0 | |")
    same = equal[scores.correct["main"].tolist() == expected]
    print(f"| scoring alone | {fast:.2f} | | {plain / fast:.1f} (wanted: {WANTED_RATIO}) | {same} |")
    same = equal[printed == expected]
    print(
        f"| `madbench score vqa`, files and all | {whole:.2f} | {wall:.2f} (wanted: {WANTED_SECONDS:g}) "
        f"| {plain / whole:.1f} | {same} |"
    )


if __name__ == "__main__":
    main()
