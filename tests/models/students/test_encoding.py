"""Where the words of a sequence stand after it was encoded: what word targets are tied to."""

import numpy as np

from madbench.models.students.encoding import Part, encode_sequence, word_places
from madbench.models.students.tokens import ReducedBpe, WordTokenizer

WORDS = WordTokenizer(["a", "red", "dog", "cup", "casey"])


def test_places_count_the_special_tokens():
    parts = [Part("a red dog", 0), Part("casey", 2)]
    ids, _, _ = encode_sequence(parts, WORDS, 64)
    found = word_places(parts, WORDS, 64)
    assert [(word, list(places)) for word, places in found] == [("a", [1]), ("red", [2]), ("dog", [3]), ("casey", [5])]
    assert [ids[places[0]] for _, places in found] == WORDS.encode("a red dog casey")


def test_words_that_are_cut_or_unknown_have_no_place():
    parts = [Part("a red zebra cup", 0), Part("casey", 2)]
    assert [word for word, _ in word_places(parts, WORDS, 64)] == ["a", "red", "cup", "casey"]
    assert [word for word, _ in word_places(parts, WORDS, 6)] == ["a", "red", "casey"]  # [CLS] a red [SEP] casey [SEP]


def test_words_of_objects_are_encoded_one_by_one_and_keep_their_places():
    text = "casey's dog likes skateboarders"
    tokenizer = ReducedBpe.of([text])
    for places in ((), (1, 0, 0, 2)):
        parts = [Part(text, 0, places)]
        ids = np.array(encode_sequence(parts, tokenizer, 64)[0])
        for word, own in word_places(parts, tokenizer, 64):
            if word.isalnum() and word != "s":
                assert ids[list(own)].tolist() == tokenizer.encode(word)
