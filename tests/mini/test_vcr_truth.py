"""Every right choice is true and every wrong one false, by a reader of the sentences that knows no templates."""

import re

import pytest

from madbench.mini.draws import Draws, generator
from madbench.mini.scenes import ACTIONS, COLOURS, PERSON_KINDS, PROP_KINDS, sample_scene
from madbench.mini.text import relation
from madbench.mini.vcr_world import STYLE, ask

KIND, ACTION, COLOUR = "|".join(PERSON_KINDS), "|".join(ACTIONS), "|".join(COLOURS)
PROP = "|".join(PROP_KINDS)


def _people_meant(question, choice):
    """The people a choice speaks of: its first tags, or those asked about for a pronoun."""
    tags = [token for token in choice if isinstance(token, list)]
    asked = [token for token in question if isinstance(token, list)]
    if not tags:
        return asked[0] if asked else None
    joined = len(tags) == 2 and choice[choice.index(tags[0]) + 1] == "and"
    return tags[0] + tags[1] if joined else tags[0]


def _holds(scene, people, choice):
    """Whether all that the choice says of these people is true."""
    text = " ".join(token if isinstance(token, str) else "#" for token in choice)
    text = re.sub(r"# , (left of|right of|above|below) # ,", "#", text)
    persons = [scene.people[place] for place in people]
    for pattern, words, value in (
        (rf"\b({KIND})\b", PERSON_KINDS, "kind"),
        (rf"\b({ACTION})\b", ACTIONS, "action"),
    ):
        said = re.findall(pattern, text)
        if said and said != [words[getattr(person, value)] for person in persons]:
            return False
    shirts = re.findall(rf"({COLOUR}) and ({COLOUR}) shirts", text)
    shirts = list(shirts[0]) if shirts else re.findall(rf"({COLOUR}) shirt\b", text)
    if shirts and shirts != [COLOURS[person.colour] for person in persons]:
        return False
    for colour, held in re.findall(rf"(?:has|holding) an? (?:({COLOUR}) )?({PROP})", text):
        person = persons[0]
        if person.held < 0 or PROP_KINDS[person.held] != held:
            return False
        if colour and COLOURS[person.held_colour] != colour:
            return False
    things = {PROP_KINDS[prop.kind]: prop for prop in scene.props}
    for where, colour, thing in re.findall(rf"(left of|right of|above|below) the (?:({COLOUR}) )?({PROP})", text):
        if thing not in things or relation(persons[0], things[thing]) != where:
            return False
        if colour and COLOURS[things[thing].colour] != colour:
            return False
    for colour, thing in re.findall(rf"(?:there is an?|wants? the|likes the) (?:({COLOUR}) )?({PROP})", text):
        if thing not in things or (colour and COLOURS[things[thing].colour] != colour):
            return False
    return True


@pytest.fixture(scope="module")
def asked():
    draws = Draws(generator("test", 4))
    return [
        (scene, question)
        for scene in (sample_scene(draws, STYLE) for _ in range(250))
        for question in ask(scene, draws)
    ]


def test_right_choices_are_true_and_wrong_ones_false(asked):
    for scene, question in asked:
        for choices, label in (
            (question.answers, question.answer_label),
            (question.rationales, question.rationale_label),
        ):
            for place, choice in enumerate(choices):
                people = _people_meant(question.question, choice)
                if question.family == "acting":
                    # Nobody is tagged in the question: the one who acts is meant.
                    doing = question.question[2]
                    actor = next(i for i, one in enumerate(scene.people) if ACTIONS[one.action] == doing)
                    right = (people is None or people == [actor]) and _holds(scene, [actor], choice)
                else:
                    right = _holds(scene, people, choice)
                assert right == (place == label), (question, place)


def test_wrong_choices_stay_false_when_pointed_at_the_people_asked_about(asked):
    """What rule-singular does to them."""
    for scene, question in asked:
        tags = [token for token in question.question if isinstance(token, list)]
        if tags and len(tags[0]) == 1:
            wrong = [one for place, one in enumerate(question.answers) if place != question.answer_label]
            wrong += [one for place, one in enumerate(question.rationales) if place != question.rationale_label]
            single = [one for one in wrong if sum(isinstance(token, list) for token in one) == 1]
            assert not any(_holds(scene, tags[0], one) for one in single)


def test_rationales_are_longer_than_answers(asked):
    answers = [len(one) for _, question in asked for one in question.answers]
    rationales = [len(one) for _, question in asked for one in question.rationales]
    assert sum(rationales) / len(rationales) > sum(answers) / len(answers) + 2
    assert min(rationales) >= 8
