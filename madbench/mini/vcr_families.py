"""The families of mini's VCR questions: patterns of the question, its answers and its rationales."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Family:
    """question, answers and rationales as patterns: `{P}` the people asked about, `{S}` a choice's subject, `{slot}` a
    detail. Each answer and rationale comes with the two slots that its four choices vary."""

    name: str
    question: str
    answers: tuple[tuple[str, tuple[str, str]], ...]
    rationales: tuple[tuple[str, tuple[str, str]], ...]
    plural: bool = False

    @cached_property
    def needs_held(self) -> bool:
        return "held" in self.question + self.answers[0][0] or self.name == "holding"


_BY_PROP = "{S} is a {kind} who is {action} {rel} the {prop_colour} {prop} ."
_HELD = "We see that {S} has a {held_colour} {held} and is {rel} the {prop} ."
_PAIR_PROP = "{S} are a {kind1} and a {kind2} and there is a {prop_colour} {prop} ."
_PAIR_SHIRTS = "{S} are wearing {colour1} and {colour2} shirts and there is a {prop_colour} {prop} ."
_PAIR_ACTIONS = "We see that {S} are {action1} and {action2} and there is a {prop} ."

SINGULAR = (
    Family(
        "doing",
        "What is {P} doing ?",
        (("{S} is {action} in a {colour} shirt .", ("action", "colour")),),
        (
            (_HELD, ("held_colour", "held")),
            ("{S} is a {kind} who stands {rel} the {prop_colour} {prop} .", ("kind", "prop")),
            ("{S} looks like a {kind} and there is a {prop_colour} {prop} .", ("prop_colour", "kind")),
        ),
    ),
    Family(
        "wearing",
        "What is {P} wearing ?",
        (("{S} is wearing a {colour} shirt and has a {held} .", ("colour", "held")),),
        (
            (_BY_PROP, ("action", "prop")),
            ("We see that {S} is {action} and is a {kind} {rel} the {prop} .", ("action", "kind")),
        ),
    ),
    Family(
        "holding",
        "What is {P} holding ?",
        (("{S} is holding a {held_colour} {held} .", ("held_colour", "held")),),
        (
            ("{S} is {action} in a {colour} shirt {rel} the {prop_colour} {prop} .", ("action", "colour")),
            (_BY_PROP, ("kind", "action")),
        ),
    ),
    Family(
        "who",
        "Who is {P} ?",
        (("{S} is the {kind} in the {colour} shirt .", ("kind", "colour")),),
        (
            ("We see that {S} is {action} {rel} the {prop_colour} {prop} .", ("action", "prop")),
            (_HELD, ("held", "rel")),
        ),
    ),
    Family(
        "why",
        "Why is {P} {action} ?",
        (
            ("{S} wants the {prop_colour} {prop} .", ("prop_colour", "prop")),
            ("{S} likes the {prop_colour} {prop} .", ("prop_colour", "prop")),
        ),
        (
            ("{S} is a {kind} in a {colour} shirt and is looking for something .", ("kind", "colour")),
            ("We see that {S} has a {held_colour} {held} and a {colour} shirt .", ("held", "colour")),
        ),
    ),
    Family(
        "where",
        "Where is {P} ?",
        (("{S} is {rel} the {prop} .", ("rel", "prop")),),
        (
            ("We see that {S} is {action} and is wearing a {colour} shirt .", ("action", "colour")),
            ("{S} is the {kind} who is {action} and has a {held_colour} {held} .", ("action", "held")),
        ),
    ),
)
PLURAL = (
    Family(
        "pair-doing",
        "What are {P} doing ?",
        (("{S} are {action1} and {action2} .", ("action1", "action2")),),
        ((_PAIR_PROP, ("kind1", "prop")), (_PAIR_SHIRTS, ("colour1", "colour2"))),
        plural=True,
    ),
    Family(
        "pair-wearing",
        "What are {P} wearing ?",
        (("{S} are wearing {colour1} and {colour2} shirts .", ("colour1", "colour2")),),
        ((_PAIR_ACTIONS, ("action1", "action2")), (_PAIR_PROP, ("kind2", "prop_colour"))),
        plural=True,
    ),
    Family(
        "pair-why",
        "Why are {P} here ?",
        (("{S} want the {prop_colour} {prop} .", ("prop_colour", "prop")),),
        ((_PAIR_ACTIONS, ("action1", "action2")), (_PAIR_SHIRTS, ("colour1", "colour2"))),
        plural=True,
    ),
)
# The question names nobody: the answer has to. Its first varied detail is the subject itself.
ACTING = Family(
    "acting",
    "Who is {action} ?",
    (("{S} in the {colour} shirt .", ("subject", "colour")),),
    (("{S} is a {kind} who stands {rel} the {prop_colour} {prop} .", ("kind", "prop")),),
)
