import json

import pytest

from madbench.errors import DataMalformed, DataMissing
from madbench.models.students.tokens import (
    MASK,
    UNKNOWN,
    PretrainedTokenizer,
    ReducedBpe,
    WordTokenizer,
    pieces,
    tokenizer_from,
)

CASED = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "dog", "The", "Dog", "##s"]
UNCASED = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "dog", "##s"]


def folder_of(tmp_path, words, settings, config=None):
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n")
    if settings is not None:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    # UNITER's: no `model_type`, so transformers knows no tokenizer for it.
    (tmp_path / "config.json").write_text(json.dumps(config or {"vocab_size": len(words), "hidden_size": 8}))
    return str(tmp_path)


def test_pieces_split_words_from_punctuation():
    assert pieces("Casey's dog, [MASK]?") == ["casey", "'", "s", "dog", ",", "[mask]", "?"]


def test_unknown_words_and_masked_tags_have_their_ids():
    tokenizer = WordTokenizer(["casey", "dog"])
    assert tokenizer.encode("Casey [MASK] zebra") == [5, MASK, UNKNOWN]


def test_the_reduced_bpe_knows_only_the_training_texts():
    tokenizer = ReducedBpe.of(["what color is the car", "is it red"])
    assert UNKNOWN not in tokenizer.encode("is the car red")
    assert UNKNOWN in tokenizer.encode("is the zebra red")
    assert tokenizer.size < 20


def test_a_span_is_a_word_and_the_tokens_it_became(tmp_path):
    """Whatever the tokenizer makes of it: one token, several pieces, a piece that another word begins with."""
    text = "Skateboarder's snow, The dogs"
    for tokenizer in (WordTokenizer(["snow"]), ReducedBpe.of([text])):
        found = tokenizer.spans(text)
        ids = tokenizer.encode(text)
        for word, first, last in found:
            alone = tokenizer.encode(word)
            assert word.isalnum() is False or ids[first:last] == alone, word
    words = [*CASED, "Skate", "##board", "##er", "snow", ",", "'", "s"]
    cased = PretrainedTokenizer.of(folder_of(tmp_path, words, {"do_lower_case": False}))
    spans = {word: cased.encode(text)[first:last] for word, first, last in cased.spans(text)}
    at = words.index("Skate")
    assert spans["skateboarder"] == [at, at + 1, at + 2]
    assert spans["the"] == [words.index("The")] and spans["dogs"] == [words.index("dog"), words.index("##s")]
    assert [one.word for one in cased.spans(text)] == pieces(text)


def test_spans_of_byte_pairs_cover_the_tokens_of_any_text():
    texts = ["dog's 12 cats...", "  spaced   out ", "it's 3.5%", "Naïve café — “quoted”", "a-b-c"]
    tokenizer = ReducedBpe.of(texts)
    for text in texts:
        spans = tokenizer.spans(text)
        assert [one.first for one in spans[1:]] == [one.last for one in spans[:-1]]
        assert spans[0].first == 0 and spans[-1].last == len(tokenizer.encode(text))
        assert [one.word for one in spans if one.word in pieces(text)]


def test_a_tokenizer_survives_being_saved():
    for tokenizer in (WordTokenizer(["a", "b"]), ReducedBpe.of(["red car"])):
        again = tokenizer_from(tokenizer.state())
        assert again.encode("a red car b") == tokenizer.encode("a red car b")


def test_a_folder_with_vocab_txt_and_one_word_on_case_is_enough(tmp_path):
    """What a person has who downloads UNITER: its config.json, and vocab.txt and settings of bert-base-cased."""
    found = PretrainedTokenizer.of(folder_of(tmp_path, CASED, {"do_lower_case": False, "model_max_length": 512}))
    assert found.encode("The Dogs") == [7, 8, 9] and found.encode("the dogs") == [5, 6, 9]
    assert (found.cls, found.sep, found.pad, found.size) == (2, 3, 0, 10)


def test_an_uncased_vocabulary_makes_words_lower_case(tmp_path):
    found = PretrainedTokenizer.of(folder_of(tmp_path, UNCASED, {"do_lower_case": True}))
    assert found.encode("The Dogs") == [5, 6, 7]


@pytest.mark.parametrize("settings", [None, {}, {"tokenizer_class": "BertTokenizer"}])
def test_where_nothing_is_said_of_case_it_is_asked_for(tmp_path, settings):
    """transformers makes words lower case then, and a cased vocabulary loses its names and beginnings of sentences."""
    with pytest.raises(DataMissing, match="whether its words are lower case") as caught:
        PretrainedTokenizer.of(folder_of(tmp_path, CASED, settings, {"model_type": "bert"}))
    assert '{"do_lower_case": false}' in caught.value.fix


def test_a_cased_vocabulary_under_a_tokenizer_that_makes_words_lower_case_is_refused(tmp_path):
    with pytest.raises(DataMalformed, match="2 of its 5 have capitals"):
        PretrainedTokenizer.of(folder_of(tmp_path, CASED, {"do_lower_case": True}))
