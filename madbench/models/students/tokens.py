"""Text to token ids: three tokenizers behind one interface.

Ids 0..4 are the same in the first two: padding, unknown, [CLS], [SEP], [MASK]. The third is whatever a pretrained
student was trained with; `cls`, `sep`, `pad` and `unknown` say its own. `spans` says which tokens a word became.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from madbench.errors import DataMalformed, DataMissing
from madbench.models.students.hub import place_and_revision

PAD, UNKNOWN, CLS, SEP, MASK = range(5)
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PIECE = re.compile(r"\[mask\]|[a-z0-9]+|[^\sa-z0-9]")


def pieces(text: str) -> list[str]:
    """Lower-cased words and single punctuation marks: `Casey's dog.` -> casey ' s dog ."""
    return PIECE.findall(text.lower())


class Span(NamedTuple):
    """A piece of a text and the tokens it became: those from `first` to before `last` of `encode(text)`."""

    word: str
    first: int
    last: int


def _spans(text: str, starts: Sequence[int]) -> list[Span]:
    """Spans of the pieces of a text in which tokens begin. starts: the character each token begins at, ascending."""
    found = list(PIECE.finditer(text.lower()))
    begins = [match.start() for match in found]
    # A token may begin at the space before its word.
    starts = [at + len(text[at:]) - len(text[at:].lstrip()) for at in starts]
    owner = [bisect_right(begins, at) - 1 for at in starts]
    spans = []
    for place, match in enumerate(found):
        own = [token for token, piece in enumerate(owner) if piece == place]
        if own:
            spans.append(Span(match.group(), own[0], own[-1] + 1))
    return spans


class WordTokenizer:
    """A fixed list of whole words (the mini vocabulary)."""

    kind = "words"
    cls, sep, pad, unknown = CLS, SEP, PAD, UNKNOWN

    def __init__(self, words: Sequence[str]):
        self.words = tuple(words)
        self._ids = {word: place for place, word in enumerate(self.words, start=len(SPECIAL))}

    @property
    def size(self) -> int:
        return len(SPECIAL) + len(self.words)

    def encode(self, text: str) -> list[int]:
        return [self._ids.get(piece, MASK if piece == "[mask]" else UNKNOWN) for piece in pieces(text)]

    def spans(self, text: str) -> list[Span]:
        return [Span(piece, place, place + 1) for place, piece in enumerate(pieces(text))]

    def state(self) -> dict:
        return {"kind": self.kind, "items": list(self.words)}


class ReducedBpe:
    """open_clip's byte-pair tokenizer, reduced to the ids that occur in the training texts; the rest is unknown.

    It keeps an embedding table from scratch small: 12,000 VQA questions use about 4,000 of 49,408 ids.
    """

    kind = "clip-bpe"
    cls, sep, pad, unknown = CLS, SEP, PAD, UNKNOWN

    def __init__(self, kept: Sequence[int]):
        self.kept = tuple(kept)
        self._ids = {piece: place for place, piece in enumerate(self.kept, start=len(SPECIAL))}
        self._memory: dict[str, list[int]] = {}

    @classmethod
    def of(cls, texts: Iterable[str]) -> ReducedBpe:
        """Keep what occurs in these texts (training rows only)."""
        bpe = _bpe()
        return cls(sorted({piece for text in set(texts) for piece in bpe.encode(text)}))

    @property
    def size(self) -> int:
        return len(SPECIAL) + len(self.kept)

    def encode(self, text: str) -> list[int]:
        if text not in self._memory:
            self._memory[text] = [self._ids.get(piece, UNKNOWN) for piece in _bpe().encode(text)]
        return self._memory[text]

    def spans(self, text: str) -> list[Span]:
        bpe = _bpe()
        clean, starts = bpe.clean_fn(text), []
        for match in bpe.pat.finditer(clean):
            encoded = "".join(bpe.byte_encoder[byte] for byte in match.group().encode("utf-8"))
            starts += [match.start()] * len(bpe.bpe(encoded).split(" "))
        return _spans(clean, starts)

    def state(self) -> dict:
        return {"kind": self.kind, "items": list(self.kept)}


class PretrainedTokenizer:
    """The tokenizer of a pretrained student. content: its tokenizer.json as text, so that a checkpoint holds it."""

    kind = "pretrained"

    def __init__(self, content: str):
        from tokenizers import Tokenizer as Fast

        self.content = content
        self._fast = Fast.from_str(content)
        self._fast.no_padding()
        self._fast.no_truncation()
        self._memory: dict[str, list[int]] = {}
        self.cls, self.sep = self._special("[CLS]", "<s>"), self._special("[SEP]", "</s>")
        self.pad, self.unknown = self._special("[PAD]", "<pad>"), self._special("[UNK]", "<unk>")

    @classmethod
    def of(cls, place: str) -> PretrainedTokenizer:
        """From a local folder or a hub id. Raises DataMissing when there is none, DataMalformed for one that loses case."""
        from transformers import AutoTokenizer

        name, revision = place_and_revision(place)
        fix = "name a folder or hub id that holds tokenizer.json or vocab.txt"
        try:
            found = word_pieces(Path(name)) or AutoTokenizer.from_pretrained(name, revision=revision)
            content = found.backend_tokenizer.to_str()
        except (OSError, ValueError, AttributeError) as problem:
            raise DataMissing(f"no tokenizer at '{place}': {str(problem).splitlines()[0]}", fix=fix) from None
        if len(found) <= len(found.all_special_ids):
            # Without its vocabulary file transformers makes a tokenizer that knows no word, and says nothing.
            raise DataMissing(f"no tokenizer at '{place}': it has no vocabulary", fix=fix)
        refuse_lost_case(found, place)
        return cls(content)

    @property
    def size(self) -> int:
        return self._fast.get_vocab_size()

    def encode(self, text: str) -> list[int]:
        if text not in self._memory:
            self._memory[text] = self._fast.encode(text, add_special_tokens=False).ids
        return self._memory[text]

    def spans(self, text: str) -> list[Span]:
        return _spans(text, [first for first, _ in self._fast.encode(text, add_special_tokens=False).offsets])

    def state(self) -> dict:
        return {"kind": self.kind, "items": self.content}

    def _special(self, *names: str) -> int:
        found = [place for name in names if (place := self._fast.token_to_id(name)) is not None]
        if not found:
            raise DataMalformed(f"the tokenizer has none of {', '.join(names)}", fix="use that of a BERT-like student")
        return found[0]


def word_pieces(folder: Path) -> Any | None:
    """transformers' BERT tokenizer of a folder whose words lie in vocab.txt alone; None for any other folder.

    What kind of model lies beside it does not matter: UNITER's config.json names none, and transformers asks it.
    Raises DataMissing where tokenizer_config.json does not say whether words are made lower case, which transformers
    would do without asking.
    """
    words, settings = folder / "vocab.txt", folder / "tokenizer_config.json"
    if not words.is_file() or (folder / "tokenizer.json").is_file():
        return None
    said = json.loads(settings.read_text(encoding="utf-8")) if settings.is_file() else {}
    if "bert" not in said.get("tokenizer_class", "BertTokenizer").lower():
        return None
    if not isinstance(said.get("do_lower_case"), bool):
        raise DataMissing(
            "vocab.txt has no word on whether its words are lower case",
            fix='write tokenizer_config.json beside it: {"do_lower_case": false} for a cased BERT, true for an uncased one',
            where=folder,
        )
    from transformers import BertTokenizer

    taken = ("do_lower_case", "strip_accents", "tokenize_chinese_chars")
    return BertTokenizer(vocab=str(words), **{name: said[name] for name in taken if name in said})


def refuse_lost_case(tokenizer: Any, place: str) -> None:
    """Raises DataMalformed for a tokenizer of transformers that makes words lower case which its vocabulary has with
    capitals: it would never find them."""
    normalizer = tokenizer.backend_tokenizer.normalizer
    if normalizer is None or normalizer.normalize_str("A") != "a":
        return
    words = [word for word in tokenizer.get_vocab() if not word.startswith(("[", "<"))]
    capital = sum(word != word.lower() for word in words)
    if capital > len(words) / 100:
        raise DataMalformed(
            f"the tokenizer at '{place}' makes every word lower case, and {capital:,} of its {len(words):,} have capitals",
            fix='write {"do_lower_case": false} to its tokenizer_config.json',
        )


Tokenizer = WordTokenizer | ReducedBpe | PretrainedTokenizer


def tokenizer_from(state: dict) -> Tokenizer:
    """The inverse of `state()`."""
    kinds = {one.kind: one for one in (WordTokenizer, ReducedBpe, PretrainedTokenizer)}
    return kinds[state["kind"]](state["items"])


_BPE = None


def _bpe():
    global _BPE
    if _BPE is None:
        from open_clip.tokenizer import SimpleTokenizer

        _BPE = SimpleTokenizer()
    return _BPE
