"""What can be guessed without looking stays at the levels that mini's CARD.md documents.

The bands are wide enough for a small world (standard error about 2 points), and narrow enough that a word used only in
right choices, or a phrase that gives the class away, falls outside.
"""

import json

import pytest

from madbench.mini import levels


@pytest.fixture(scope="module")
def vcr(small_world):
    rows = levels.lines(small_world["vcr"] / "train.jsonl")
    return rows[:1000], rows[1000:]


def _level(vcr, leg, features):
    choices, label = levels.CHOICES[leg]
    train, test = ([(features(row, row[choices]), row[label]) for row in part] for part in vcr)
    return levels.choice_level(train, test)


@pytest.mark.parametrize("leg", levels.CHOICES)
def test_content_words_of_the_choices_tell_nothing(vcr, leg):
    level = _level(vcr, leg, lambda row, choices: levels.bag_of_words(levels.content(choices)))
    assert 0.18 < level < 0.33, f"{leg}: content words alone reach {level:.3f}, documented .25"


@pytest.mark.parametrize("leg", levels.CHOICES)
def test_bag_of_words_stays_at_its_documented_level(vcr, leg):
    level = _level(vcr, leg, lambda row, choices: levels.bag_of_words(choices))
    assert 0.2 < level < 0.36, f"{leg}: a bag of words reaches {level:.3f}, documented .27 to .28"


@pytest.mark.parametrize("leg", levels.CHOICES)
def test_the_tag_shortcut_is_there_and_weak(vcr, leg):
    level = _level(vcr, leg, lambda row, choices: levels.tag_use(row["question"], choices))
    assert 0.31 < level < 0.46, f"{leg}: tag use alone reaches {level:.3f}, documented .39 to .40"


@pytest.mark.parametrize("leg", levels.CHOICES)
def test_choices_name_people_as_documented(vcr, leg):
    shares = levels.naming_shares([*vcr[0], *vcr[1]], *levels.CHOICES[leg])
    documented = {"the person asked about": (0.79, 0.47), "somebody else": (0.14, 0.41), "a pronoun": (0.21, 0.22)}
    documented |= {"only the person asked about": (0.655, 0.37), "only somebody else": (0.0, 0.31)}
    for what, (right, wrong) in documented.items():
        assert shares[f"right: {what}"] == pytest.approx(right, abs=0.06), what
        assert shares[f"wrong: {what}"] == pytest.approx(wrong, abs=0.06), what
    assert shares["right: only somebody else"] == 0


def test_naming_is_counted_per_choice_of_questions_about_one_person():
    row = {"question": ["What", "is", [0], "?"], "label": 0}
    row["choices"] = [[[0], "sits"], [[1], "sits"], [[0, 1], "sit"], ["She", "sits"]]
    pair = {**row, "question": ["What", "are", [0, 1], "?"]}
    shares = levels.naming_shares([row, pair], "choices", "label")
    assert {what: share for what, share in shares.items() if share} == {
        "right: the person asked about": 1,
        "right: only the person asked about": 1,
        "wrong: the person asked about": 1 / 3,
        "wrong: somebody else": 2 / 3,
        "wrong: only somebody else": 1 / 3,
        "wrong: a pronoun": 1 / 3,
    }


def test_rationales_are_as_long_as_documented(vcr):
    lengths = {len(choice) for row in (*vcr[0], *vcr[1]) for choice in row["rationale_choices"]}
    assert lengths <= set(range(11, 21))


def test_a_word_of_right_choices_only_would_be_noticed(vcr):
    """The probe can fail: mark the right answers."""

    def marked(row, choices):
        return levels.bag_of_words(
            [[*one, "aha"] if at == row["answer_label"] else one for at, one in enumerate(choices)]
        )

    assert _level(vcr, "q2a", marked) > 0.9


def test_no_word_is_used_in_right_choices_only(vcr):
    for choices, label in levels.CHOICES.values():
        right, wrong = set(), set()
        for row in (*vcr[0], *vcr[1]):
            for place, choice in enumerate(row[choices]):
                (right if place == row[label] else wrong).update(one for one in choice if isinstance(one, str))
        assert right <= wrong, sorted(right - wrong)


def test_hypotheses_alone_stay_at_their_documented_level(small_world):
    rows = levels.lines(small_world["snli_ve"] / "snli_ve_train.jsonl")
    pairs = [(row["sentence2"], row["gold_label"]) for row in rows]
    level = levels.naive_bayes_level(pairs[:2700], pairs[2700:])
    assert 0.42 < level < 0.58, f"naive Bayes on hypotheses reaches {level:.3f}, documented .51"


def test_the_favourite_answer_of_a_vqa_type_is_far_from_certain(small_world):
    given = json.loads((small_world["vqa"] / "v2_mscoco_train2014_annotations.json").read_text())["annotations"]
    level = levels.favourite_level(given)
    assert 0.38 < level < 0.58, f"the favourite answer per type is right in {level:.3f}, documented .48"
