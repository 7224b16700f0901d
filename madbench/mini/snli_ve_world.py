"""Mini's SNLI-VE: hypotheses that are true of a picture, false of it, or left open by it; and their files.

What leaves a hypothesis open. Some people stand behind a panel: their kind and place can be seen, their shirt, their
action and their hands cannot, so the very words that are true or false elsewhere are neutral there. The rest of the
neutral hypotheses are true statements with an unstated purpose or time ("after work").

The documented shortcut, as in the real data, is in the words: unstated phrases lean to neutral (and to contradiction),
"nobody" leans to contradiction, the generic "a person" leans to entailment.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from madbench.mini.draws import Draws, generator
from madbench.mini.pictures import write_pictures
from madbench.mini.scenes import (
    ACTIONS,
    COLOURS,
    HOLDABLE,
    PERSON_KINDS,
    PROP_KINDS,
    Person,
    Scene,
    SceneStyle,
    sample_scene,
)
from madbench.mini.text import UNSTATED, captions, relation, with_articles

STYLE = SceneStyle(people=(10, 45, 45), holding=0.75, screened=0.4)
OPEN_PICTURES = 0.4  # share of the scenes without a panel that are kept
PER_CLASS = 3  # hypotheses of each class for every picture: the picture alone tells nothing
SPLITS = ("train", "dev", "test")
LABELS = ("entailment", "neutral", "contradiction")

UNSTATED_NEUTRAL, UNSTATED_CONTRADICTION = 0.28, 0.22
GENERIC = {"entailment": 0.26, "neutral": 0.2, "contradiction": 0.18}
NOBODY = {"entailment": 0.05, "neutral": 0.0, "contradiction": 0.1}
CHANGED = 0.7  # share of contradictions that change one detail of a true statement; the others are drawn anew

RELATIONS = ("left of", "right of", "above", "below")
PATTERNS = (
    ("A {kind} in a {colour} shirt is {action}", ("colour", "action")),
    ("A {kind} is holding a {held_colour} {held}", ("held_colour", "held")),
    ("A {kind} is {action} and has a {held_colour} {held}", ("action", "held_colour", "held")),
    ("A {kind} is {action} {rel} the {prop}", ("action", "rel", "prop")),
    ("A {kind} in a {colour} shirt is {rel} the {prop}", ("colour", "rel", "prop")),
    ("A {kind} in a {colour} shirt is holding a {held}", ("colour", "held")),
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement that somebody in the picture fits all details. kind -1: any person. Unused details are -1."""

    pattern: int
    kind: int
    colour: int = -1
    action: int = -1
    held: int = -1
    held_colour: int = -1
    rel: int = -1
    prop: int = -1

    def text(self) -> str:
        pattern = PATTERNS[self.pattern][0]
        return pattern.format(
            kind="person" if self.kind < 0 else PERSON_KINDS[self.kind],
            colour=COLOURS[self.colour],
            action=ACTIONS[self.action],
            held=PROP_KINDS[self.held],
            held_colour=COLOURS[self.held_colour],
            rel=RELATIONS[self.rel],
            prop=PROP_KINDS[self.prop],
        )


def judge(scene: Scene, claim: Claim) -> str:
    """The label of a claim: somebody surely fits, somebody might fit (behind a panel), or nobody can."""
    verdicts = {_fits(scene, person, claim) for person in scene.people}
    return LABELS[0] if True in verdicts else LABELS[1] if None in verdicts else LABELS[2]


def _fits(scene: Scene, person: Person, claim: Claim) -> bool | None:
    """None: cannot be seen."""
    if claim.kind >= 0 and person.kind != claim.kind:
        return False
    if claim.prop >= 0:
        prop = next((one for one in scene.props if one.kind == claim.prop), None)
        if prop is None or relation(person, prop) != RELATIONS[claim.rel]:
            return False
    hidden = ("colour", "action", "held", "held_colour")
    wanted = [name for name in hidden if getattr(claim, name) >= 0]
    if person.screened:
        return None if wanted else True
    return all(getattr(person, name) == getattr(claim, name) for name in wanted)


def nobody(scene: Scene, action: int) -> str:
    """The label of "nobody is <action>"."""
    if any(person.action == action and not person.screened for person in scene.people):
        return LABELS[2]
    return LABELS[1] if any(person.screened for person in scene.people) else LABELS[0]


def _claim(scene: Scene, person: Person, label: str, draws: Draws) -> Claim:
    """A true claim about a visible person; of a person behind a panel, a possible one."""
    while True:
        pattern = draws.below(len(PATTERNS))
        slots = PATTERNS[pattern][1]
        if not person.screened and person.held < 0 and "held" in slots:
            continue
        break
    values = {}
    for slot in slots:
        if slot in ("rel", "prop"):
            continue
        values[slot] = _any(slot, draws) if person.screened else getattr(person, slot)
    if "prop" in slots:
        prop = draws.pick(scene.props)
        values.update(prop=prop.kind, rel=RELATIONS.index(relation(person, prop)))
    return Claim(pattern, -1 if draws.chance(GENERIC[label]) else person.kind, **values)


_RANGE = {
    "kind": len(PERSON_KINDS),
    "colour": len(COLOURS),
    "action": len(ACTIONS),
    "held": HOLDABLE,
    "held_colour": len(COLOURS),
    "rel": len(RELATIONS),
    "prop": len(PROP_KINDS),
}


def _any(slot: str, draws: Draws) -> int:
    return draws.below(_RANGE[slot])


def _other(slot: str, value: int, draws: Draws) -> int:
    # "above" instead of "left of" would seldom be said of people in different columns: keep to the opposite.
    return value ^ 1 if slot == "rel" else draws.other(_RANGE[slot], value)


def hypothesis(scene: Scene, label: str, draws: Draws) -> str:
    """One hypothesis of the wanted class."""
    visible = [person for person in scene.people if not person.screened]
    hidden = [person for person in scene.people if person.screened]
    if draws.chance(NOBODY[label]):
        actions = [action for action in range(len(ACTIONS)) if nobody(scene, action) == label]
        if actions:
            return f"Nobody is {ACTIONS[draws.pick(actions)]}."
    if label == LABELS[0]:
        return with_articles(_claim(scene, draws.pick(visible), label, draws).text() + ".")
    if label == LABELS[1]:
        if hidden and not draws.chance(UNSTATED_NEUTRAL):
            for _ in range(20):
                claim = _claim(scene, draws.pick(hidden), label, draws)
                if judge(scene, claim) == label:
                    return with_articles(claim.text() + ".")
        return with_articles(f"{_claim(scene, draws.pick(visible), label, draws).text()} {draws.pick(UNSTATED)}.")
    tail = f" {draws.pick(UNSTATED)}." if draws.chance(UNSTATED_CONTRADICTION) else "."
    while True:
        claim = _claim(scene, draws.pick(visible), label, draws)
        slots = PATTERNS[claim.pattern][1]
        changeable = slots if claim.kind < 0 else ("kind", *slots)
        changed = (draws.pick(changeable),) if draws.chance(CHANGED) else slots
        claim = replace(claim, **{slot: _other(slot, getattr(claim, slot), draws) for slot in changed})
        if judge(scene, claim) == label:
            return with_articles(claim.text() + tail)


def sample(draws: Draws) -> Scene:
    """A scene with somebody to see and, in most pictures, somebody behind a panel."""
    while True:
        scene = sample_scene(draws, STYLE)
        hidden = sum(person.screened for person in scene.people)
        if hidden < len(scene.people) and (hidden or draws.chance(OPEN_PICTURES)):
            return scene


def write(out: Path, seed: int, images: dict[str, int]) -> None:
    """Write `snli_ve_<split>.jsonl` (2020 field names) and `flickr30k_images/<id>.jpg` below `out`."""
    folder = out / "flickr30k_images"
    folder.mkdir(parents=True, exist_ok=True)
    for split, n in images.items():
        number = SPLITS.index(split)
        draws, scenes = draw_scenes(split, seed, n)
        names = image_names(split, n)
        with open(out / f"snli_ve_{split}.jsonl", "w", encoding="utf-8", newline="\n") as stream:
            for scene, name in zip(scenes, names, strict=True):
                told = [_sentence(caption.text) for caption in captions(scene, draws)]
                for place, label in enumerate(draws.shuffled(LABELS * PER_CLASS)):
                    row = _row(name, place, label, hypothesis(scene, label, draws), told, split, draws)
                    stream.write(json.dumps(row, separators=(",", ":")) + "\n")
        write_pictures(scenes, [folder / f"{name}.jpg" for name in names], seed, 2, number)


def draw_scenes(split: str, seed: int, n: int) -> tuple[Draws, list[Scene]]:
    """The pictures of a split, drawn before anything is said about them; and the generator, for what comes after."""
    draws = Draws(generator("scenes", seed, 2, SPLITS.index(split)))
    return draws, [sample(draws) for _ in range(n)]


def image_names(split: str, n: int) -> list[str]:
    """Flickr ids: file names without suffix."""
    return [str(7_000_000_001 + 1_000_000 * SPLITS.index(split) + image) for image in range(n)]


def _sentence(caption: str) -> str:
    text = caption.replace(" .", ".").replace(" ,", ",").replace(" ' s", "'s")
    return text[0].upper() + text[1:]


def _row(name: str, place: int, label: str, text: str, told: list[str], split: str, draws: Draws) -> dict:
    """One pair; keys in byte order as released. Parses are stubs: nothing reads them."""
    caption, turn = place % 5, 1 + place // 5
    votes = [label]
    if split != "train":
        votes += [label if draws.chance(0.85) else draws.pick(LABELS) for _ in range(4)]
        if votes.count(label) < 3:
            votes = [label] * 5
    # The author was asked for another class in 7 % of the pairs, as in the real files.
    letter = label if draws.chance(0.93) else draws.pick(LABELS)
    return {
        "Flickr30K_ID": name,
        "annotator_labels": votes,
        "captionID": f"{name}.jpg#{caption}",
        "gold_label": label,
        "pairID": f"{name}.jpg#{caption}r{turn}{letter[0]}",
        "sentence1": told[caption % len(told)],
        "sentence1_binary_parse": "( )",
        "sentence1_parse": "(ROOT)",
        "sentence2": text,
        "sentence2_binary_parse": "( )",
        "sentence2_parse": "(ROOT)",
    }
