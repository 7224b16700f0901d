"""Mini's VCR: questions about tagged people, four answers, four rationales, in the official token encoding.

How a wrong choice is made. Each choice is a subject and a statement with two varied details. Either the four choices
cross two right and two wrong details (right-right, right-wrong, wrong-right, wrong-wrong), so that each detail occurs
equally often and counting tells nothing; or the wrong choices are other questions' answers of the same family, re-tagged
to this picture. A wrong choice is false of the person it names and of the person asked about.

The documented shortcut is in the subjects: the right choice names the person asked about more often than the wrong ones
(`RIGHT_SUBJECTS`, `WRONG_SUBJECTS`), as in the real data. Pronouns occur in both.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from madbench.mini.draws import Draws
from madbench.mini.scenes import ACTIONS, COLOURS, FEMALE, HOLDABLE, PERSON_KINDS, PROP_KINDS, Scene, SceneStyle
from madbench.mini.text import OPPOSITE, relation
from madbench.mini.vcr_families import ACTING, PLURAL, SINGULAR, Family

STYLE = SceneStyle(people=(10, 45, 45), holding=0.75)
QUESTIONS_PER_IMAGE = 4

# Weights of how a choice's subject is written: the person asked about, a pronoun, that person beside another,
# another person (a pair: the pair, they, the two by "and", another pair). Where the picture has nobody else, only the
# first two are possible.
RIGHT_SUBJECTS = (64, 20, 16, 0)
WRONG_SUBJECTS = (31, 19, 12, 38)
ALONE_RIGHT, ALONE_WRONG = (74, 26), (64, 36)
CROSSED = 0.6  # share of questions whose choices cross right and wrong details
FROM_THE_SCENE = 0.5  # how often a wrong detail of a person is another person's right one

Tokens = list  # of str and of list[int], the official encoding


@dataclass(frozen=True, slots=True)
class Question:
    """Tokens in the official encoding; labels are positions of the right choices."""

    family: str
    question: Tokens
    answers: list[Tokens]
    answer_label: int
    rationales: list[Tokens]
    rationale_label: int


def ask(scene: Scene, draws: Draws) -> list[Question]:
    """Four different questions: with two people or more, two about one person, one about a pair, one of any kind."""
    n = len(scene.people)
    asked: set[tuple] = set()
    questions: list[Question] = []
    while len(questions) < QUESTIONS_PER_IMAGE:
        place = len(questions)
        if n == 1 or place < 2:
            kind = "one"
        elif place == 2:
            kind = "pair"
        else:
            kind = ("pair", "pair", "one", "acting")[draws.below(4)]
        if kind == "acting":
            actors = [who for who in range(n) if _alone_in(scene, who)]
            if not actors:
                kind = "one"
        if kind == "pair":
            people = tuple(sorted(draws.shuffled(range(n))[:2]))
            family = draws.pick(PLURAL)
        elif kind == "acting":
            people, family = (draws.pick(actors),), ACTING
        else:
            people = (draws.below(n),)
            family = draws.pick(SINGULAR)
            if family.needs_held and scene.people[people[0]].held < 0:
                continue
        if (family.name, people) in asked:
            continue
        asked.add((family.name, people))
        questions.append(_make(scene, family, people, draws))
    return questions


def _alone_in(scene: Scene, who: int) -> bool:
    return sum(person.action == scene.people[who].action for person in scene.people) == 1


def _make(scene: Scene, family: Family, people: tuple[int, ...], draws: Draws) -> Question:
    prop = draws.below(len(scene.props))
    facts = _facts(scene, people, prop)
    pool = [one for one in family.rationales if "held}" not in one[0] or "held" in facts]
    answer_pattern, answer_slots = draws.pick(family.answers)
    rationale_pattern, rationale_slots = draws.pick(pool)
    tags = {"P": [list(people)]}
    question = _fill(family.question, {**facts, **tags})
    if family is ACTING:
        answers, answer_label = _name_the_actor(scene, answer_pattern, people[0], facts, draws)
    else:
        answers, answer_label = _choices(scene, answer_pattern, answer_slots, people, prop, facts, draws)
    rationales, rationale_label = _choices(scene, rationale_pattern, rationale_slots, people, prop, facts, draws)
    return Question(family.name, question, answers, answer_label, rationales, rationale_label)


def _facts(scene: Scene, people: tuple[int, ...], prop: int) -> dict[str, str]:
    """What is true: detail -> word. Details of a pair end in 1 (left) and 2 (right)."""
    thing = scene.props[prop]
    facts = {"prop": PROP_KINDS[thing.kind], "prop_colour": COLOURS[thing.colour]}
    if len(people) == 1:
        facts.update(_person_facts(scene, people[0], prop))
    else:
        for mark, who in enumerate(people, start=1):
            facts.update({f"{slot}{mark}": word for slot, word in _person_facts(scene, who, prop).items()})
    return facts


def _person_facts(scene: Scene, who: int, prop: int) -> dict[str, str]:
    person = scene.people[who]
    facts = {
        "kind": PERSON_KINDS[person.kind],
        "colour": COLOURS[person.colour],
        "action": ACTIONS[person.action],
        "rel": relation(person, scene.props[prop]),
    }
    if person.held >= 0:
        facts.update(held=PROP_KINDS[person.held], held_colour=COLOURS[person.held_colour])
    return facts


_RANGES = {
    "kind": PERSON_KINDS,
    "colour": COLOURS,
    "action": ACTIONS,
    "held": PROP_KINDS[:HOLDABLE],
    "held_colour": COLOURS,
    "prop_colour": COLOURS,
}


def _wrong(scene: Scene, slot: str, people: tuple[int, ...], facts: dict[str, str], draws: Draws) -> str:
    """A word that makes this detail false: often what is true of somebody else in the picture."""
    base = slot.rstrip("12")
    if base == "rel":
        return OPPOSITE[facts[slot]]
    if base == "prop":
        here = {PROP_KINDS[prop.kind] for prop in scene.props}
        return draws.pick([kind for kind in PROP_KINDS if kind not in here])
    words = _RANGES[base]
    if base != "prop_colour" and draws.chance(FROM_THE_SCENE):
        # Not from the other one of a pair: "sitting and sitting" is rarely right, to be seen without looking.
        others = [_person_facts(scene, who, 0).get(base) for who in range(len(scene.people)) if who not in people]
        others = [word for word in others if word is not None and word != facts[slot]]
        if others:
            return draws.pick(others)
    return words[draws.other(len(words), words.index(facts[slot]))]


def _details(
    scene: Scene, slots: tuple[str, str], people: tuple[int, ...], facts: dict[str, str], draws: Draws
) -> list[tuple[str, str]]:
    """The varied details of four choices, the right ones first."""
    right = (facts[slots[0]], facts[slots[1]])
    if draws.chance(CROSSED):
        wrong = [_wrong(scene, slot, people, facts, draws) for slot in slots]
        return [right, (right[0], wrong[1]), (wrong[0], right[1]), (wrong[0], wrong[1])]
    drawn = [right]
    while len(drawn) < 4:
        details = tuple(_any(scene, slot, facts, draws) for slot in slots)
        # Two equal choices would both be wrong, to be seen without looking.
        if details not in drawn:
            drawn.append(details)
    return drawn


def _any(scene: Scene, slot: str, facts: dict[str, str], draws: Draws) -> str:
    """A word as another question of the family would have it, possibly the right one."""
    base = slot.rstrip("12")
    if base == "rel":
        return facts[slot] if draws.chance(0.5) else OPPOSITE[facts[slot]]
    if base == "prop":
        # Another prop of this picture could make the statement true by accident.
        here = {PROP_KINDS[prop.kind] for prop in scene.props} - {facts["prop"]}
        return draws.pick([kind for kind in PROP_KINDS if kind not in here])
    return draws.pick(_RANGES[base])


def _choices(
    scene: Scene,
    pattern: str,
    slots: tuple[str, str],
    people: tuple[int, ...],
    prop: int,
    facts: dict[str, str],
    draws: Draws,
) -> tuple[list[Tokens], int]:
    choices = []
    for place, details in enumerate(_details(scene, slots, people, facts, draws)):
        varied = dict(zip(slots, details, strict=True))
        subject = _subject(scene, place == 0, people, prop, varied, facts, draws)
        choices.append(_fill(pattern, {**facts, **varied, "S": subject}))
    return _shuffle(choices, draws)


def _shuffle(choices: list[Tokens], draws: Draws) -> tuple[list[Tokens], int]:
    order = draws.shuffled(range(4))
    return [choices[place] for place in order], order.index(0)


def _subject(
    scene: Scene,
    right: bool,
    people: tuple[int, ...],
    prop: int,
    varied: dict[str, str],
    facts: dict[str, str],
    draws: Draws,
) -> Tokens:
    n = len(scene.people)
    weights = RIGHT_SUBJECTS if right else WRONG_SUBJECTS
    if n == len(people):
        weights = ALONE_RIGHT if right else ALONE_WRONG
    form = draws.weighted(weights)
    if len(people) == 2:
        if form == 1:
            return ["they"]
        if form == 3:
            groups = [group for group in ((0, 1), (0, 2), (1, 2)) if group != people]
            groups = [group for group in groups if not _true_of(scene, group, prop, varied)]
            return [list(draws.pick(groups or [people]))]
        return [list(people)] if form == 0 else [[people[0]], "and", [people[1]]]
    who = people[0]
    if form == 1:
        # "She is a boy" would be false without looking, so a varied kind decides the pronoun.
        kind = varied.get("kind", facts["kind"])
        return ["she" if FEMALE[PERSON_KINDS.index(kind)] else "he"]
    if form == 2:
        beside = draws.pick([one for one in range(n) if one != who])
        return [[who], ",", *relation(scene.people[who], scene.people[beside]).split(), [beside], ","]
    if form == 3:
        others = [one for one in range(n) if one != who and not _true_of(scene, (one,), prop, varied)]
        if others:
            return [[draws.pick(others)]]
    return [[who]]


def _true_of(scene: Scene, people: tuple[int, ...], prop: int, varied: dict[str, str]) -> bool:
    """Whether all varied details hold for other people: then a wrong choice must not name them."""
    theirs = _facts(scene, people, prop)
    return all(theirs.get(slot) == word for slot, word in varied.items())


def _name_the_actor(
    scene: Scene, pattern: str, actor: int, facts: dict[str, str], draws: Draws
) -> tuple[list[Tokens], int]:
    """Choices cross two people and two shirts: only the right person in the right shirt is right."""
    other = draws.pick([one for one in range(len(scene.people)) if one != actor])
    colour = COLOURS[scene.people[other].colour]
    if colour == facts["colour"]:
        colour = COLOURS[draws.other(len(COLOURS), scene.people[actor].colour)]
    pairs = [(actor, facts["colour"]), (actor, colour), (other, facts["colour"]), (other, colour)]
    return _shuffle([_fill(pattern, {"S": [[who]], "colour": word}) for who, word in pairs], draws)


@cache
def _parts(pattern: str) -> list[str]:
    return pattern.split(" ")


def _fill(pattern: str, values: dict[str, str | Tokens]) -> Tokens:
    """Pattern to tokens; the first word of a sentence is capitalised."""
    tokens: Tokens = []
    for part in _parts(pattern):
        if part[0] != "{":
            tokens.append(part)
            continue
        value = values[part[1:-1]]
        if isinstance(value, str):
            if value in ("orange", "umbrella") and tokens and tokens[-1] == "a":
                tokens[-1] = "an"
            tokens.extend(value.split(" "))
        else:
            tokens.extend(value)
    if isinstance(tokens[0], str):
        tokens[0] = tokens[0].capitalize()
    return tokens
