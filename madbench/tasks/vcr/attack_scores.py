"""The losses of an attack model: how much each word of a choice matters to it, in the format of Ye & Kovashka.

One JSON object a line: `annot_id`, and for `answer` and `rationale`: `<part>_label`, `<part>_tokens` [4][positions] and
`<part>_losses` [4][positions], the sigmoid cross-entropy of a choice (target 1 if correct, else 0) with that position
masked, rounded to 4 decimals. A tag group of k tags has k positions, a word one.

Files that `madbench data attack` writes say in every row, under `attack`, whose losses they are; those that the
authors published do not, and neither does any other file, so without it the origin is `published or unknown`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from madbench.errors import DataMalformed
from madbench.files import sha256_of_file
from madbench.tasks.reading import field, read_json_lines
from madbench.tasks.vcr.reader import CHOICES, VcrRow
from madbench.tasks.vcr.tokens import Tokens

PARTS = ("answer", "rationale")
DECIMALS = 4
UNKNOWN, COMPUTED = "published or unknown", "computed by madbench"
_OTHER = "give the losses of the same annotation file, as released"


@dataclass(frozen=True, slots=True)
class RowScores:
    """One row's losses, by part: `[choices][positions]`. labels and tokens: as the file has them, None if absent."""

    line: int
    losses: Mapping[str, Sequence[Sequence[float]]]
    labels: Mapping[str, int | None]
    tokens: Mapping[str, Sequence[Sequence[str]] | None]


@dataclass(frozen=True)
class ScoreFile:
    """rows: annot_id -> losses. attack: model, model_version, protocol, train_id, madbench; None in foreign files."""

    path: Path
    rows: Mapping[str, RowScores]
    attack: Mapping[str, Any] | None
    sha256: str

    def of(self, row: VcrRow) -> RowScores | None:
        """The losses of a row, None when the file has none. Raises DataMalformed when they are of another row."""
        found = self.rows.get(row.example_id)
        if found is None:
            return None
        for part, label in zip(PARTS, row.labels or (None, None), strict=True):
            if found.labels[part] not in (None, label):
                raise self._other(row, found, f"'{part}_label' is {found.labels[part]}, there it is {label}")
            choices = row.answer_choices if part == "answer" else row.rationale_choices
            self._check_choices(row, found, part, choices)
        return found

    def about(self, rows: Iterable[VcrRow]) -> dict[str, Any]:
        """Facts for the record: whose losses, of which content, and how many of these rows they leave out.

        `attack` is None, and `origin` says so, when the file does not name its model.
        """
        return {
            "attack": None if self.attack is None else dict(self.attack),
            "origin": UNKNOWN if self.attack is None else COMPUTED,
            "rows_without_scores": sum(row.example_id not in self.rows for row in rows),
            "scores_sha256": self.sha256,
        }

    def check_covers(self, rows: Sequence[VcrRow]) -> None:
        """Raises DataMalformed when not one of the rows has losses: nothing would be changed."""
        if rows and not any(row.example_id in self.rows for row in rows):
            raise DataMalformed(
                f"none of the {len(rows):,} rows to change has losses in this file of {len(self.rows):,}",
                fix="give the losses of this split",
                where=self.path,
            )

    def _check_choices(self, row: VcrRow, found: RowScores, part: str, choices: Sequence[Tokens]) -> None:
        for place, choice in enumerate(choices):
            words = positions(choice)
            losses = found.losses[part][place]
            if len(losses) != len(words):
                raise self._other(
                    row, found, f"'{part}_losses' of choice {place} has {len(losses)} losses for {len(words)} positions"
                )
            tokens = found.tokens[part]
            if tokens is None:
                continue
            if len(tokens[place]) != len(words):
                raise self._other(
                    row, found, f"'{part}_tokens' of choice {place} has {len(tokens[place])} for {len(words)} positions"
                )
            for token, word in zip(tokens[place], words, strict=True):
                if word is not None and not _same_word(token, word):
                    raise self._other(row, found, f"'{part}_tokens' of choice {place} has {token!r} for {word!r}")

    def _other(self, row: VcrRow, found: RowScores, what: str) -> DataMalformed:
        return DataMalformed(
            f"the losses of '{row.example_id}' are not of this row: {what}",
            fix=_OTHER,
            where=f"{self.path}:{found.line}",
        )


def positions(choice: Tokens) -> list[str | None]:
    """The flattened positions of a choice: a word, or None for a tag."""
    flat: list[str | None] = []
    for token in choice:
        flat.extend([token] if isinstance(token, str) else [None] * len(token))
    return flat


def read_scores(path: Path) -> ScoreFile:
    """A score file, checked in itself; `ScoreFile.of` checks it against a row.

    Raises DataMissing, or DataMalformed with file:line: a second row of an annot_id, something other than four lists of
    finite numbers, rows of different attack models.
    """
    if not path.is_file():
        next(read_json_lines(path), None)  # tells what is wrong with the path
    stat = path.stat()
    return _read(path, stat.st_size, stat.st_mtime_ns)


# Four conditions use one file, each twice.
@lru_cache(maxsize=1)
def _read(path: Path, size: int, changed_ns: int) -> ScoreFile:
    rows: dict[str, RowScores] = {}
    attack: Any = _UNSET
    known: dict[str, str] = {}
    for line, record in read_json_lines(path):
        annot_id = field(record, "annot_id", str, path, line)
        if annot_id in rows:
            raise DataMalformed(
                f"field 'annot_id': '{annot_id}' stands already on line {rows[annot_id].line}",
                fix="keep one row of each question",
                where=f"{path}:{line}",
            )
        rows[annot_id] = _row(record, path, line, known)
        its = _attack(record, path, line)
        if attack is not _UNSET and its != attack:
            raise DataMalformed(
                "field 'attack' differs from that of the rows before: losses of one model cannot be told from "
                "another's",
                fix="use one file for each attack model",
                where=f"{path}:{line}",
            )
        attack = its
    if not rows:
        raise DataMalformed("the file has no rows", fix="give a file of losses", where=path)
    return ScoreFile(path, rows, attack, sha256_of_file(path))


def score_record(
    row: VcrRow, losses: Mapping[str, Sequence[Sequence[float]]], attack: Mapping[str, Any]
) -> dict[str, Any]:
    """One line of a score file. At a tag's position the token is the class of its object.

    losses: by part, `[choices][positions]`, unrounded. The row needs labels.
    """
    record: dict[str, Any] = {"annot_id": row.example_id}
    for part, label, choices in zip(PARTS, row.labels, (row.answer_choices, row.rationale_choices), strict=True):
        record[f"{part}_label"] = label
        record[f"{part}_tokens"] = [_spelled(choice, row.objects) for choice in choices]
        record[f"{part}_losses"] = [[round(float(loss), DECIMALS) for loss in choice] for choice in losses[part]]
    record["attack"] = dict(attack)
    return record


_UNSET = object()


def _row(record: Mapping[str, Any], path: Path, line: int, known: dict[str, str]) -> RowScores:
    losses, labels, tokens = {}, {}, {}
    for part in PARTS:
        name = f"{part}_losses"
        lists = _four_lists(record, name, path, line)
        if not all(type(loss) in (int, float) for choice in lists for loss in choice):
            raise DataMalformed(
                f"field '{name}' must hold finite numbers", fix="compute the losses again", where=f"{path}:{line}"
            )
        try:
            losses[part] = tuple(array("d", choice) for choice in lists)
        except OverflowError:
            what = f"field '{name}' holds a number that is too large"
            raise DataMalformed(what, fix="compute the losses again", where=f"{path}:{line}") from None
        label = f"{part}_label"
        labels[part] = field(record, label, int, path, line) if label in record else None
        name = f"{part}_tokens"
        tokens[part] = None
        if name in record:
            lists = _four_lists(record, name, path, line)
            tokens[part] = tuple(tuple(known.setdefault(str(one), str(one)) for one in choice) for choice in lists)
    return RowScores(line, losses, labels, tokens)


def _four_lists(record: Mapping[str, Any], name: str, path: Path, line: int) -> list[list]:
    lists = field(record, name, list, path, line)
    if len(lists) != CHOICES or not all(isinstance(one, list) for one in lists):
        raise DataMalformed(
            f"field '{name}' must be {CHOICES} lists, one for each choice", fix=_OTHER, where=f"{path}:{line}"
        )
    return lists


def _attack(record: Mapping[str, Any], path: Path, line: int) -> dict[str, Any] | None:
    if "attack" not in record:
        return None
    attack = field(record, "attack", dict, path, line)
    for name in ("model", "train_id"):
        field(attack, name, str, path, line)
    return attack


def _same_word(token: str, word: str) -> bool:
    # The authors' model reads lower case, and words it does not know as [UNK].
    return token == word or token.casefold() == word.casefold() or token == "[UNK]"


def _spelled(choice: Tokens, objects: Sequence[str]) -> list[str]:
    flat: list[str] = []
    for token in choice:
        flat.extend([token] if isinstance(token, str) else [objects[tag] for tag in token])
    return flat
