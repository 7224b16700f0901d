"""What is in a mini picture: people and props on a 4x4 grid, before anything is drawn or said.

Objects are listed people first, left to right, then props left to right. People stand in different columns, so tag 0
is the leftmost person, and a rendered name (Casey, Riley, Jessie, ...) can be found by looking.
"""

from __future__ import annotations

from dataclasses import dataclass

from madbench.mini.draws import Draws

GRID = 4
CELL = 16
SIDE = GRID * CELL

COLOURS = ("red", "green", "blue", "yellow", "orange", "purple", "white", "black")
PERSON_KINDS = ("man", "woman", "boy", "girl")
ACTIONS = ("waving", "jumping", "sitting", "running", "sleeping", "dancing")
PROP_KINDS = ("cup", "book", "umbrella", "kite", "frisbee", "chair", "dog", "car")
HOLDABLE = 5  # the first five props can be held
FEMALE = (False, True, False, True)  # by person kind
NAMES = ("casey", "riley", "jessie")  # what tags 0, 1, 2 are rendered as


@dataclass(frozen=True, slots=True)
class Person:
    """Indices into the tuples above; held -1: empty hands. screened: stands behind a panel, only the head shows."""

    kind: int
    colour: int
    action: int
    held: int
    held_colour: int
    row: int
    column: int
    dy: int
    dx: int
    shade: int
    screened: bool = False

    @property
    def female(self) -> bool:
        return FEMALE[self.kind]


@dataclass(frozen=True, slots=True)
class Prop:
    kind: int
    colour: int
    row: int
    column: int
    dy: int
    dx: int
    shade: int


@dataclass(frozen=True, slots=True)
class Scene:
    """people: left to right, in different columns. props: left to right, then top to bottom; no two look the same.

    background: red, green, blue at the middle row. slope: how much lighter the bottom is than the middle.
    """

    people: tuple[Person, ...]
    props: tuple[Prop, ...]
    background: tuple[int, int, int]
    slope: int

    @property
    def objects(self) -> tuple[str, ...]:
        """Class names in tag order."""
        return ("person",) * len(self.people) + tuple(PROP_KINDS[prop.kind] for prop in self.props)


@dataclass(frozen=True)
class SceneStyle:
    """How often things happen. Weights are integers and need not add up to anything.

    people, props: weights of 1, 2, 3 of them. holding, screened: shares of people.
    colours, actions: weights of each colour and action (vqa skews them; elsewhere they are even).
    distinct_kinds: whether two people of one kind may not meet (so that "the man" names one person).
    """

    people: tuple[int, int, int] = (20, 40, 40)
    props: tuple[int, int, int] = (30, 40, 30)
    holding: float = 0.7
    screened: float = 0.0
    colours: tuple[int, ...] = (1,) * len(COLOURS)
    actions: tuple[int, ...] = (1,) * len(ACTIONS)
    distinct_kinds: bool = False


def sample_scene(draws: Draws, style: SceneStyle = SceneStyle()) -> Scene:
    """One scene. Draws in a fixed order, so the same generator gives the same scenes."""
    n_people = 1 + draws.weighted(style.people)
    n_props = 1 + draws.weighted(style.props)
    columns = sorted(draws.shuffled(range(GRID))[:n_people])
    kinds = draws.shuffled(range(len(PERSON_KINDS)))
    people = []
    for place, column in enumerate(columns):
        held = draws.below(HOLDABLE) if draws.chance(style.holding) else -1
        people.append(
            Person(
                kind=kinds[place] if style.distinct_kinds else draws.below(len(PERSON_KINDS)),
                colour=draws.weighted(style.colours),
                action=draws.weighted(style.actions),
                held=held,
                held_colour=draws.weighted(style.colours) if held >= 0 else -1,
                row=draws.below(GRID),
                column=column,
                dy=draws.below(2),
                dx=draws.below(3),
                shade=draws.between(-12, 12),
                screened=style.screened > 0 and draws.chance(style.screened),
            )
        )
    taken = {(person.row, person.column) for person in people}
    free = [(row, column) for row in range(GRID) for column in range(GRID) if (row, column) not in taken]
    props: list[Prop] = []
    looks: set[int] = set()
    for row, column in draws.shuffled(free)[:n_props]:
        kind = draws.below(len(PROP_KINDS))
        # One of a kind, so that "the car" and "the red car" name one thing.
        while kind in looks:
            kind = draws.below(len(PROP_KINDS))
        looks.add(kind)
        props.append(
            Prop(
                kind=kind,
                colour=draws.weighted(style.colours),
                row=row,
                column=column,
                dy=draws.below(2),
                dx=draws.below(3),
                shade=draws.between(-12, 12),
            )
        )
    props.sort(key=lambda prop: (prop.column, prop.row))
    grey = draws.between(125, 180)
    tint = [grey + draws.between(-14, 14) for _ in range(3)]
    return Scene(tuple(people), tuple(props), (tint[0], tint[1], tint[2]), draws.between(-12, 12))
