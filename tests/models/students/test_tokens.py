from madbench.models.students.tokens import MASK, UNKNOWN, ReducedBpe, WordTokenizer, pieces, tokenizer_from


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


def test_a_tokenizer_survives_being_saved():
    for tokenizer in (WordTokenizer(["a", "b"]), ReducedBpe.of(["red car"])):
        again = tokenizer_from(tokenizer.state())
        assert again.encode("a red car b") == tokenizer.encode("a red car b")
