"""Mini's VQA v2: questions about a scene with one-word answers and ten annotators who do not always agree.

Answers are skewed per question type on purpose, as in the real data: colours, actions and people are drawn with the
weights of `STYLE`, yes and no and "who" with the weights below. Looking is the only way past the favourite answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from madbench.mini.draws import Draws
from madbench.mini.scenes import (
    ACTIONS,
    COLOURS,
    GRID,
    HOLDABLE,
    PERSON_KINDS,
    PROP_KINDS,
    Scene,
    SceneStyle,
)
from madbench.mini.text import PLURAL_PROPS

STYLE = SceneStyle(
    people=(25, 50, 25),
    props=(25, 45, 30),
    holding=0.65,
    colours=(45, 22, 8, 7, 6, 5, 4, 3),
    actions=(42, 23, 12, 9, 8, 6),
    distinct_kinds=True,
)
YES = {"is there a": 0.7, "is the": 0.33}
WHO_WEIGHTS = (10, 5, 3, 3)  # by person kind

ANSWERS: dict[str, tuple[str, ...]] = {
    "yes/no": ("yes", "no"),
    "number": ("0", "1", "2", "3", "4"),
    "colour": COLOURS,
    "action": ACTIONS,
    "held": (*PROP_KINDS[:HOLDABLE], "nothing"),
    "prop": PROP_KINDS,
    "who": (*PERSON_KINDS, "nobody"),
    "side": ("left", "right"),
    "height": ("top", "bottom"),
}

# The official prefixes that mini's questions begin with, longest first.
PREFIXES = (
    "how many people are",
    "what color is the",
    "what is the woman",
    "what is the man",
    "where is the",
    "is there a",
    "is the woman",
    "what is the",
    "is the man",
    "how many",
    "who is",
    "is the",
    "which",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """family: key of `ANSWERS`."""

    text: str
    answer: str
    family: str


def question_type(text: str) -> str:
    """The longest official prefix of a question."""
    lowered = text.lower()
    return next((prefix for prefix in PREFIXES if lowered.startswith(prefix + " ")), "none of the above")


def answer_type(answer: str) -> str:
    return "yes/no" if answer in ("yes", "no") else "number" if answer.isdigit() else "other"


def ask(scene: Scene, n: int, draws: Draws) -> list[Asked]:
    """n questions with different words."""
    found: dict[str, Asked] = {}
    for _ in range(200):
        if len(found) == n:
            break
        asked = _MAKERS[draws.weighted(_WEIGHTS)](scene, draws)
        if asked is not None:
            found.setdefault(asked.text, asked)
    return list(found.values())


def _color(scene: Scene, draws: Draws) -> Asked | None:
    if draws.chance(0.5):
        prop = draws.pick(scene.props)
        if any(person.held == prop.kind for person in scene.people):
            return None
        return Asked(f"What color is the {PROP_KINDS[prop.kind]}?", COLOURS[prop.colour], "colour")
    person = draws.pick(scene.people)
    who = PERSON_KINDS[person.kind]
    if person.held >= 0 and draws.chance(0.4):
        return Asked(f"What color is the {who}'s {PROP_KINDS[person.held]}?", COLOURS[person.held_colour], "colour")
    return Asked(f"What color is the {who}'s shirt?", COLOURS[person.colour], "colour")


def _how_many_people(scene: Scene, draws: Draws) -> Asked | None:
    turn = draws.below(4)
    if turn < 2:
        return Asked("How many people are in the picture?", str(len(scene.people)), "number")
    if turn == 2:
        count = sum(person.held >= 0 for person in scene.people)
        return Asked("How many people are holding something?", str(count), "number")
    action = draws.below(len(ACTIONS))
    count = sum(person.action == action for person in scene.people)
    if count == 0 and draws.chance(0.6):
        return None
    return Asked(f"How many people are {ACTIONS[action]}?", str(count), "number")


def _how_many(scene: Scene, draws: Draws) -> Asked | None:
    if draws.chance(0.25):
        count = sum(person.held >= 0 for person in scene.people) + len(scene.props)
        return Asked("How many things can we see?", str(count), "number") if count <= 4 else None
    kind = draws.below(len(PROP_KINDS))
    count = sum(prop.kind == kind for prop in scene.props) + sum(person.held == kind for person in scene.people)
    if count == 0 and draws.chance(0.75):
        return None
    return Asked(f"How many {PLURAL_PROPS[kind]} are there?", str(count), "number")


def _is_there(scene: Scene, draws: Draws) -> Asked | None:
    wanted = draws.chance(YES["is there a"])
    seen = {(prop.kind, prop.colour) for prop in scene.props}
    seen |= {(person.held, person.held_colour) for person in scene.people if person.held >= 0}
    if wanted:
        kind, colour = draws.pick(sorted(seen))
    else:
        kind, colour = draws.pick(sorted(seen))
        if draws.chance(0.5):
            colour = draws.other(len(COLOURS), colour)
        else:
            kind = draws.other(len(PROP_KINDS), kind)
    if ((kind, colour) in seen) != wanted:
        return None
    article = "an" if COLOURS[colour] == "orange" else "a"
    # "is there an orange" would be another prefix than the official "is there a".
    if article == "an":
        return None
    return Asked(f"Is there a {COLOURS[colour]} {PROP_KINDS[kind]}?", "yes" if wanted else "no", "yes/no")


def _is_the(scene: Scene, draws: Draws) -> Asked | None:
    wanted = draws.chance(YES["is the"])
    answer = "yes" if wanted else "no"
    if draws.chance(0.25):
        prop = draws.pick(scene.props)
        if any(person.held == prop.kind for person in scene.people):
            return None
        colour = prop.colour if wanted else draws.other(len(COLOURS), prop.colour)
        return Asked(f"Is the {PROP_KINDS[prop.kind]} {COLOURS[colour]}?", answer, "yes/no")
    person = draws.pick(scene.people)
    who = PERSON_KINDS[person.kind]
    if draws.chance(0.6):
        action = person.action if wanted else draws.other(len(ACTIONS), person.action)
        return Asked(f"Is the {who} {ACTIONS[action]}?", answer, "yes/no")
    colour = person.colour if wanted else draws.other(len(COLOURS), person.colour)
    article = "an" if COLOURS[colour] == "orange" else "a"
    return Asked(f"Is the {who} wearing {article} {COLOURS[colour]} shirt?", answer, "yes/no")


def _doing(scene: Scene, draws: Draws) -> Asked | None:
    person = draws.pick(scene.people)
    return Asked(f"What is the {PERSON_KINDS[person.kind]} doing?", ACTIONS[person.action], "action")


def _holding(scene: Scene, draws: Draws) -> Asked | None:
    person = draws.pick(scene.people)
    held = "nothing" if person.held < 0 else PROP_KINDS[person.held]
    return Asked(f"What is the {PERSON_KINDS[person.kind]} holding?", held, "held")


def _thing(scene: Scene, draws: Draws) -> Asked | None:
    prop = draws.pick(scene.props)
    if sum(one.colour == prop.colour for one in scene.props) > 1:
        return None
    # The big favourite is the dog: keep it more often.
    if PROP_KINDS[prop.kind] != "dog" and draws.chance(0.6):
        return None
    return Asked(f"What is the {COLOURS[prop.colour]} thing?", PROP_KINDS[prop.kind], "prop")


def _who(scene: Scene, draws: Draws) -> Asked | None:
    action = draws.below(len(ACTIONS))
    actors = [person for person in scene.people if person.action == action]
    if len(actors) > 1 or (not actors and draws.chance(0.85)):
        return None
    if actors and not draws.chance(WHO_WEIGHTS[actors[0].kind] / WHO_WEIGHTS[0]):
        return None
    return Asked(f"Who is {ACTIONS[action]}?", PERSON_KINDS[actors[0].kind] if actors else "nobody", "who")


def _side(scene: Scene, draws: Draws) -> Asked | None:
    prop = draws.pick(scene.props)
    left = prop.column < GRID // 2
    if any(person.held == prop.kind for person in scene.people) or (not left and draws.chance(0.35)):
        return None
    return Asked(f"Which side is the {PROP_KINDS[prop.kind]} on?", "left" if left else "right", "side")


def _height(scene: Scene, draws: Draws) -> Asked | None:
    person = draws.pick(scene.people)
    top = person.row < GRID // 2
    if top and draws.chance(0.35):
        return None
    return Asked(f"Where is the {PERSON_KINDS[person.kind]}?", "top" if top else "bottom", "height")


_MAKERS: tuple[Callable[[Scene, Draws], Asked | None], ...] = (
    _color, _how_many_people, _how_many, _is_there, _is_the, _doing, _holding, _thing, _who, _side, _height,
)  # fmt: skip
_WEIGHTS = (25, 9, 20, 16, 20, 17, 5, 4, 14, 4, 4)

# How often an annotator gives the true answer, and how many questions in a hundred are that clear.
_CLARITY = (1.0, 0.95, 0.85, 0.72)
_CLARITY_WEIGHTS = (15, 35, 30, 20)
_CONFIDENCE = ("yes", "maybe", "no")


def annotators(asked: Asked, draws: Draws) -> tuple[str, list[dict]]:
    """The most common answer (the first to come up among equals) and the ten answers."""
    clarity = _CLARITY[draws.weighted(_CLARITY_WEIGHTS)]
    space = ANSWERS[asked.family]
    answers = []
    for number in range(1, 11):
        answer = asked.answer
        if not draws.chance(clarity):
            answer = _mistaken(asked, space, draws)
        confidence = _CONFIDENCE[draws.weighted((80, 15, 5))]
        answers.append({"answer": answer, "answer_confidence": confidence, "answer_id": number})
    common = Counter(one["answer"] for one in answers).most_common(1)[0][0]
    return common, answers


def _mistaken(asked: Asked, space: tuple[str, ...], draws: Draws) -> str:
    place = space.index(asked.answer)
    if asked.family == "number":
        near = [one for one in (place - 1, place + 1) if 0 <= one < len(space)]
        return space[draws.pick(near)]
    return space[draws.other(len(space), place)]
