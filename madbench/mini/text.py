"""The words of mini, and sentences that describe a scene.

`WORDS` is closed: nothing outside it occurs in any mini text after tags are rendered, letters lower-cased and words
split from punctuation (`words_of`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from madbench.mini.draws import Draws
from madbench.mini.scenes import (
    ACTIONS,
    COLOURS,
    HOLDABLE,
    NAMES,
    PERSON_KINDS,
    PROP_KINDS,
    Person,
    Prop,
    Scene,
)

NUMBERS = ("no", "one", "two", "three", "four")
PLURAL_KINDS = ("men", "women", "boys", "girls")
PLURAL_PROPS = tuple(kind + "s" for kind in PROP_KINDS)
# What nobody can see: purposes, times, feelings. They follow any statement about a person.
UNSTATED = (
    "for a friend",
    "after work",
    "before lunch",
    "because of the rain",
    "on a birthday",
    "for fun",
)

_PUNCTUATION = ". , ? '"
_FUNCTION = """
    a an and are at because behind below above both by can child color doing everyone for from has have her him his he
    here holding how i in is it its kind left like likes looking looks many near next not nobody nothing of on only or panel
    people person picture right s see she shirt shirts shows side so someone something stands that the their them
    there they thing things this to too top bottom together want wants we wearing what where which while who why with yes
    friend after work before lunch rain birthday fun 0 1 2 3 4 5
"""
# "jackie" is what the yek12 rendering calls the third person; "mask" is what masked tags become.
WORDS: tuple[str, ...] = tuple(
    dict.fromkeys(
        [
            *_PUNCTUATION.split(),
            *NAMES,
            "jackie",
            *COLOURS,
            *PERSON_KINDS,
            *PLURAL_KINDS,
            *ACTIONS,
            *PROP_KINDS,
            *PLURAL_PROPS,
            *NUMBERS,
            *_FUNCTION.split(),
        ]
    )
)


def words_of(text: str) -> list[str]:
    """Lower-cased words and punctuation marks: `"Casey's cup."` gives casey ' s cup ."""
    return re.findall(r"[a-z0-9]+|[^\sa-z0-9]", text.lower())


@dataclass(frozen=True, slots=True)
class Caption:
    """A true sentence about a scene, and the same sentence with one detail made false."""

    text: str
    foil: str


def relation(thing: Person | Prop, other: Person | Prop) -> str:
    """Where a thing lies seen from another: by column, or by row when they share the column."""
    if thing.column != other.column:
        return "left of" if thing.column < other.column else "right of"
    return "above" if thing.row < other.row else "below"


OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}


def with_articles(sentence: str) -> str:
    """Orange is the only noun or colour of mini that begins with a vowel sound after "a"."""
    return sentence.replace("a orange", "an orange").replace("a umbrella", "an umbrella")


def captions(scene: Scene, draws: Draws) -> list[Caption]:
    """Sentences that together name every attribute of the scene, in varied words: about three a person, one a prop.

    A foil is false of the thing it speaks of; in rare scenes "a man ..." happens to be true of another person.
    """
    found: list[Caption] = []
    for place, person in enumerate(scene.people):
        found += _person_captions(scene, place, person, draws)
    for prop in scene.props:
        found.append(_prop_caption(scene, prop, draws))
    found.append(_count_caption(scene, draws))
    visible = [place for place, person in enumerate(scene.people) if not person.screened]
    if len(visible) >= 2:
        found.append(_pair_caption(scene, *sorted(draws.shuffled(visible)[:2]), draws))
    return found


def _caption(template: str, slots: dict[str, tuple[str, str]], draws: Draws) -> Caption:
    """Fill a template. slots: name -> (true value, false value); the foil takes one slot's false value."""
    wrong = draws.pick(sorted(slots))
    true = {name: values[0] for name, values in slots.items()}
    return Caption(
        with_articles(template.format(**true)), with_articles(template.format(**{**true, wrong: slots[wrong][1]}))
    )


def _other(names: tuple[str, ...], taken: int, draws: Draws, n: int | None = None) -> tuple[str, str]:
    return names[taken], names[draws.other(n or len(names), taken)]


def _person_captions(scene: Scene, place: int, person: Person, draws: Draws) -> list[Caption]:
    name = NAMES[place]
    kind = _other(PERSON_KINDS, person.kind, draws)
    if person.screened:
        return [_caption(f"{name} , a {{kind}} , stands behind a panel .", {"kind": kind}, draws)]
    colour = _other(COLOURS, person.colour, draws)
    action = _other(ACTIONS, person.action, draws)
    slots = {"kind": kind, "colour": colour, "action": action}
    if person.held >= 0:
        slots["held"] = _other(PROP_KINDS, person.held, draws, HOLDABLE)
        slots["held_colour"] = _other(COLOURS, person.held_colour, draws)
    pronoun = "she" if person.female else "he"
    carries = " and is holding a {held_colour} {held}" if person.held >= 0 else ""
    everything = draws.pick(
        (
            f"{name} is a {{kind}} in a {{colour}} shirt who is {{action}}{carries} .",
            f"{name} , the {{kind}} in the {{colour}} shirt , is {{action}}{carries} .",
            f"we see {name} {{action}} , a {{kind}} wearing a {{colour}} shirt{carries.replace('is ', '')} .",
        )
    )
    # "the man in the red shirt" must be one person before more is said of him.
    alone = sum(one.kind == person.kind and one.colour == person.colour for one in scene.people) == 1
    who = draws.pick((name, f"the {kind[0]} in the {colour[0]} shirt" if alone else name))
    choices = [
        (f"{who} is {{action}} .", ("action",)),
        (f"{name} is wearing a {{colour}} shirt .", ("colour",)),
        (f"{name} ' s shirt is {{colour}} .", ("colour",)),
        ("a {kind} in a {colour} shirt is {action} .", ("kind", "colour", "action")),
        (f"{name} is a {{kind}} .", ("kind",)),
        (f"{name} is {{action}} and {pronoun} is wearing a {{colour}} shirt .", ("action", "colour")),
    ]
    if person.held >= 0:
        choices += [
            (f"{who} is holding a {{held_colour}} {{held}} .", ("held", "held_colour")),
            (f"{who} has a {{held_colour}} {{held}} .", ("held", "held_colour")),
            (f"{name} is {{action}} and {pronoun} has a {{held_colour}} {{held}} .", ("action", "held_colour", "held")),
            ("a {kind} is holding a {held_colour} {held} .", ("kind", "held_colour", "held")),
        ]
    template, used = draws.pick(choices)
    prop = draws.pick(scene.props)
    where = relation(person, prop)
    near = {"where": (where, OPPOSITE[where]), "prop": _absent_prop(scene, prop, draws)}
    return [
        _caption(everything, slots, draws),
        _caption(template, {slot: slots[slot] for slot in used}, draws),
        _caption(f"{who} is {{where}} the {{prop}} .", near, draws),
    ]


def _pair_caption(scene: Scene, left: int, right: int, draws: Draws) -> Caption:
    one, two = scene.people[left], scene.people[right]
    both = f"{NAMES[left]} and {NAMES[right]}"
    if draws.chance(0.5):
        slots = {"one": _other(ACTIONS, one.action, draws), "two": _other(ACTIONS, two.action, draws)}
        return _caption(f"{both} are {{one}} and {{two}} .", slots, draws)
    slots = {"one": _other(COLOURS, one.colour, draws), "two": _other(COLOURS, two.colour, draws)}
    return _caption(f"{both} are wearing {{one}} and {{two}} shirts .", slots, draws)


def _absent_prop(scene: Scene, prop: Prop, draws: Draws) -> tuple[str, str]:
    here = {one.kind for one in scene.props}
    return PROP_KINDS[prop.kind], draws.pick([kind for place, kind in enumerate(PROP_KINDS) if place not in here])


def _prop_caption(scene: Scene, prop: Prop, draws: Draws) -> Caption:
    slots = {"colour": _other(COLOURS, prop.colour, draws), "prop": _absent_prop(scene, prop, draws)}
    template = draws.pick(
        (
            "there is a {colour} {prop} .",
            "the {prop} is {colour} .",
            "we can see a {colour} {prop} in the picture .",
            "this picture shows a {colour} {prop} .",
        )
    )
    return _caption(template, slots, draws)


def _count_caption(scene: Scene, draws: Draws) -> Caption:
    count = len(scene.people)
    wrong = 1 + draws.other(3, count - 1)
    say = {1: "there is one person", 2: "there are two people", 3: "there are three people"}
    prop = draws.pick(scene.props)
    tail = f" and a {COLOURS[prop.colour]} {PROP_KINDS[prop.kind]} ." if draws.chance(0.5) else " in the picture ."
    return Caption(say[count] + tail, say[wrong] + tail)
