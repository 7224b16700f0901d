"""Rule-Singular and Rule-Plural: the correct answer stops repeating the question's persons, the wrong ones start to.

A model that counts shared tags falls below chance on them. Source: Ye & Kovashka, "A Case Study of the Shortcut
Effects in Visual Commonsense Reasoning", AAAI 2021 (val: 16,154 and 3,657 of 26,534 rows).
The question never changes. What follows from the rules, and is kept: qa2r is conditioned on the *modified* correct
answer; rationale distractors point at the question's person; possessives become `He ' s`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from madbench.errors import DataMissing, UsageError, did_you_mean
from madbench.tasks.contract import Shift
from madbench.tasks.vcr.reader import VcrRow
from madbench.tasks.vcr.tokens import PERSON, Token, Tokens, freeze, persons_of, thaw

_PRONOUNS = frozenset({"he", "she"})
_REPLACED_SINGULAR = frozenset({"he", "she", "He", "She"})
_MALE = frozenset({"he", "his", "him", "He", "His", "Him"})
_FEMALE = frozenset({"she", "her", "hers", "She", "Her", "Hers"})
_THEY = frozenset({"they", "They"})


class Shifted(NamedTuple):
    """choices: the changed list. modified: how many choices the rule applied to, changed or not."""

    choices: tuple[Tokens, ...]
    modified: int


# A rule for one row: (objects, question) -> a rule for its choice lists (choices, label) -> Shifted, or None to drop it.
ChoiceRule = Callable[[Sequence[Tokens], int], Shifted]
RowRule = Callable[[Sequence[str], Tokens], ChoiceRule | None]


def singular(objects: Sequence[str], question: Tokens) -> ChoiceRule | None:
    """Rule-Singular: for questions about exactly one person. None drops the row."""
    persons = persons_of(question, objects)
    if len(persons) != 1:
        return None
    asked = tuple(persons)

    def change(choices: Sequence[Tokens], label: int) -> Shifted:
        changed, modified = [], 0
        for place, choice in enumerate(choices):
            mentioned = tuple(persons_of(choice, objects))
            pronouns = {word.lower() for word in choice if isinstance(word, str)} & _PRONOUNS
            if len(mentioned) + len(pronouns) != 1:
                changed.append(choice)
                continue
            modified += 1
            if place != label:
                changed.append(_replaced(choice, mentioned, _REPLACED_SINGULAR, asked))
            elif mentioned:
                changed.append(_spoken(choice, mentioned, _pronoun(choice, question)))
            else:
                changed.append(choice)
        return Shifted(tuple(changed), modified)

    return change


def plural(objects: Sequence[str], question: Tokens) -> ChoiceRule | None:
    """Rule-Plural: for questions about exactly one group of persons. None drops the row."""
    asked = _only_group(question, objects)
    if asked is None:
        return None

    def change(choices: Sequence[Tokens], label: int) -> Shifted:
        changed, modified = [], 0
        for place, choice in enumerate(choices):
            group = _only_group(choice, objects)
            if group is None and not _THEY.intersection(choice):
                changed.append(choice)
                continue
            modified += 1
            # The group is sorted and the token may not be: such a token stays, as in the original tool.
            if place != label:
                changed.append(_replaced(choice, group, _THEY, asked))
            else:
                changed.append(_spoken(choice, group, "they"))
        return Shifted(tuple(changed), modified)

    return change


RULES: Mapping[str, RowRule] = {"rule-singular": singular, "rule-plural": plural}


def shift_record(rule: str, record: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, int]] | None:
    """One raw annotation row changed by a rule, and how many answers and rationales it applied to.

    All other fields are kept, in their order. None when the rule drops the row. Raises UsageError for an unknown rule.
    """
    if rule not in RULES:
        hint = did_you_mean(rule, RULES)
        raise UsageError(f"no vcr rule named '{rule}'; {hint}", fix=f"use one of {', '.join(RULES)}")
    change = RULES[rule](record["objects"], freeze(record["question"]))
    if change is None:
        return None
    shifted, counts = dict(record), {}
    for part in ("answer", "rationale"):
        if f"{part}_label" not in record:
            raise _unlabelled(rule, str(record.get("annot_id")))
        result = change([freeze(choice) for choice in record[f"{part}_choices"]], record[f"{part}_label"])
        shifted[f"{part}_choices"] = [thaw(choice) for choice in result.choices]
        counts[f"modified_{part}s"] = result.modified
    return shifted, counts


def shift_rows(rule: str, rows: Iterable[VcrRow]) -> list[VcrRow]:
    """Rows that the rule keeps, changed; order and ids stay. Raises DataMissing when one has no labels."""
    shifted = []
    for row in rows:
        change = RULES[rule](row.objects, row.question)
        if change is None:
            continue
        if row.labels is None:
            raise _unlabelled(rule, row.example_id)
        answers = change(row.answer_choices, row.labels[0]).choices
        rationales = change(row.rationale_choices, row.labels[1]).choices
        shifted.append(replace(row, answer_choices=answers, rationale_choices=rationales))
    return shifted


def _replaced(choice: Tokens, group: tuple[int, ...] | None, words: frozenset[str], asked: tuple[int, ...]) -> Tokens:
    """A distractor that now names the persons of the question."""
    return tuple(asked if token == group or token in words else token for token in choice)


def _spoken(choice: Tokens, group: tuple[int, ...] | None, pronoun: str) -> Tokens:
    """The correct choice with a pronoun, capitalised at the start, in the place of its persons."""

    def spoken(place: int, token: Token) -> Token:
        if token != group:
            return token
        return pronoun.capitalize() if place == 0 else pronoun

    return tuple(spoken(place, token) for place, token in enumerate(choice))


def _pronoun(choice: Tokens, question: Tokens) -> str:
    """The majority of gendered words in the choice, then with the question's; `he` on a remaining tie."""
    male, female = _gendered(choice)
    if male == female:
        more_male, more_female = _gendered(question)
        male, female = male + more_male, female + more_female
    return "she" if female > male else "he"


def _gendered(tokens: Tokens) -> tuple[int, int]:
    counts = Counter(token for token in tokens if isinstance(token, str))
    return sum(counts[word] for word in _MALE), sum(counts[word] for word in _FEMALE)


def _only_group(tokens: Tokens, objects: Sequence[str]) -> tuple[int, ...] | None:
    """The only tag list, sorted, when it has at least two members, all persons."""
    groups = [token for token in tokens if not isinstance(token, str)]
    if len(groups) != 1 or len(groups[0]) < 2:
        return None
    members = groups[0]
    if not all(0 <= tag < len(objects) and objects[tag] == PERSON for tag in members):
        return None
    return tuple(sorted(members))


def _unlabelled(rule: str, example_id: str) -> DataMissing:
    return DataMissing(
        f"{rule} treats the correct choice differently, and row '{example_id}' has no labels",
        fix="shift a split with labels (val)",
    )


def _card(what: str, kept: str) -> str:
    return (
        f"{what} The question is unchanged; example ids are unchanged; {kept} official val rows are kept. "
        "Compare with the same rows unmodified (control), otherwise selection and modification are confounded. "
        "qa2r is conditioned on the modified correct answer. Source: Ye & Kovashka, AAAI 2021."
    )


def _shift(name: str, card: str) -> Shift:
    return Shift(
        name=name, task="vcr", kind="transform", version=1, card=card, apply=lambda rows, _: shift_rows(name, rows)
    )


SHIFTS: Mapping[str, Shift] = {
    "rule-singular": _shift(
        "rule-singular",
        _card(
            "Questions about exactly one person: the correct choice names its person by a pronoun, "
            "distractors with one person or pronoun name the question's person.",
            "16,154 of 26,534",
        ),
    ),
    "rule-plural": _shift(
        "rule-plural",
        _card(
            "Questions about exactly one group of persons: the correct choice says 'they', "
            "distractors with a group or 'they' name the question's group.",
            "3,657 of 26,534",
        ),
    ),
}
