import numpy as np
import pytest

from madbench.models.objectives.token_selection import (
    content_words,
    inverse_document_frequency,
    min_max,
    rank01,
    selected_words,
)

TEXT = "Why is Casey holding the red cup? Casey wants a drink."
VISUAL = {"casey": 0.1, "holding": 0.2, "red": 0.9, "cup": 0.8, "wants": 0.0, "drink": 0.5}
IDF = {"casey": 0.0, "holding": 0.5, "red": 0.6, "cup": 0.9, "wants": 0.2, "drink": 1.0}


def select(mode, count, alpha=0.5, seed=0, **how):
    return selected_words(TEXT, mode, count, alpha, VISUAL, IDF, seed, **how)


def test_candidates_leave_out_stop_words_and_punctuation():
    assert content_words(TEXT) == ["casey", "holding", "red", "cup", "casey", "wants", "drink"]


def test_relevance_keeps_the_best_in_text_order():
    assert select("relevance", 3) == ["red", "cup", "drink"]


def test_alpha_one_looks_at_the_image_only():
    assert select("relevance", 2, alpha=1.0) == ["red", "cup"]


def test_alpha_zero_looks_at_rarity_only():
    assert select("relevance", 2, alpha=0.0) == ["cup", "drink"]


def test_first_truncates():
    assert select("first", 3) == ["casey", "holding", "red"]


def test_random_keeps_the_same_number_and_follows_its_seed():
    kept = select("random", 3, seed=1)
    assert len(kept) == 3
    assert kept == select("random", 3, seed=1)
    assert any(kept != select("random", 3, seed=other) for other in range(2, 8))


def test_short_texts_are_kept_whole_in_every_mode():
    for mode in ("relevance", "random", "first"):
        assert select(mode, 16) == content_words(TEXT)


def test_idf_counts_each_distinct_text_once():
    idf = inverse_document_frequency(["red cup", "red cup", "red dog"])
    assert idf["red"] == 0.0
    assert idf["cup"] == idf["dog"] > 0


def test_ranks_run_from_zero_to_one():
    assert rank01(np.array([5.0, 1.0, 3.0])).tolist() == [1.0, 0.0, 0.5]


def test_min_max_keeps_distances_and_says_nothing_of_equal_values():
    assert min_max(np.array([5.0, 1.0, 2.0])).tolist() == [1.0, 0.0, 0.25]
    assert min_max(np.array([2.0, 2.0])).tolist() == [1.0, 1.0]


def test_tf_idf_counts_how_often_the_text_has_a_word():
    """casey twice: 2 x 0.55 is above the 1.0 of drink; by rarity alone it is the third."""
    idf = {**IDF, "casey": 0.55}
    by_count, by_rarity = (
        selected_words(TEXT, "relevance", 2, 0.0, VISUAL, idf, 0, keyword=keyword) for keyword in ("tf_idf", "idf")
    )
    assert by_count == ["casey", "casey"] and by_rarity == ["cup", "drink"]


@pytest.mark.parametrize(("normalise", "expected"), [("rank", ["tall"]), ("min_max", ["cup"])])
def test_min_max_sees_that_a_word_is_nearly_the_best_in_both(normalise, expected):
    """Ranks make (0 + 1) / 2, (0.5 + 0.5) / 2 and (1 + 0) / 2 of the three, and the first is kept; the values 0.9 of cup."""
    visual, idf = {"tall": 0.0, "cup": 0.9, "red": 1.0}, {"tall": 1.0, "cup": 0.9, "red": 0.0}
    assert selected_words("tall cup red", "relevance", 1, 0.5, visual, idf, 0, normalise=normalise) == expected
