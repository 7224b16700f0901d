from madbench.mini.draws import Draws, generator
from madbench.mini.pretraining import PRETRAINING_STYLE
from madbench.mini.scenes import NAMES, sample_scene
from madbench.mini.text import WORDS, captions, words_of


def _told(n=300):
    draws = Draws(generator("test", 3))
    scenes = [sample_scene(draws, PRETRAINING_STYLE) for _ in range(n)]
    return [(scene, captions(scene, draws)) for scene in scenes]


def test_the_vocabulary_is_small_closed_and_without_repeats():
    assert 110 <= len(WORDS) <= 180
    assert len(set(WORDS)) == len(WORDS)
    assert {word for _, told in _told() for one in told for word in words_of(f"{one.text} {one.foil}")} <= set(WORDS)


def test_captions_name_every_visible_person_with_shirt_action_and_hands():
    for scene, told in _told():
        text = " ".join(one.text for one in told)
        for name, _ in zip(NAMES, scene.people, strict=False):
            assert name in text
        assert all(name not in text for name in NAMES[len(scene.people) :])


def test_a_foil_changes_its_sentence():
    assert all(one.text != one.foil for _, told in _told() for one in told)


def test_words_are_split_from_punctuation():
    assert words_of("Casey's cup, is it red?") == ["casey", "'", "s", "cup", ",", "is", "it", "red", "?"]
