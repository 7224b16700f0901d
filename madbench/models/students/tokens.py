"""Text to token ids: two tokenizers behind one interface.

Ids 0..4 are the same in both: padding, unknown, [CLS], [SEP], [MASK].
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

PAD, UNKNOWN, CLS, SEP, MASK = range(5)
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PIECE = re.compile(r"\[mask\]|[a-z0-9]+|[^\sa-z0-9]")


def pieces(text: str) -> list[str]:
    """Lower-cased words and single punctuation marks: `Casey's dog.` -> casey ' s dog ."""
    return PIECE.findall(text.lower())


class WordTokenizer:
    """A fixed list of whole words (the mini vocabulary)."""

    kind = "words"

    def __init__(self, words: Sequence[str]):
        self.words = tuple(words)
        self._ids = {word: place for place, word in enumerate(self.words, start=len(SPECIAL))}

    @property
    def size(self) -> int:
        return len(SPECIAL) + len(self.words)

    def encode(self, text: str) -> list[int]:
        return [self._ids.get(piece, MASK if piece == "[mask]" else UNKNOWN) for piece in pieces(text)]

    def state(self) -> dict:
        return {"kind": self.kind, "items": list(self.words)}


class ReducedBpe:
    """open_clip's byte-pair tokenizer, reduced to the ids that occur in the training texts; the rest is unknown.

    It keeps an embedding table from scratch small: 12,000 VQA questions use about 4,000 of 49,408 ids.
    """

    kind = "clip-bpe"

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

    def state(self) -> dict:
        return {"kind": self.kind, "items": list(self.kept)}


Tokenizer = WordTokenizer | ReducedBpe


def tokenizer_from(state: dict) -> Tokenizer:
    """The inverse of `state()`."""
    return {WordTokenizer.kind: WordTokenizer, ReducedBpe.kind: ReducedBpe}[state["kind"]](state["items"])


_BPE = None


def _bpe():
    global _BPE
    if _BPE is None:
        from open_clip.tokenizer import SimpleTokenizer

        _BPE = SimpleTokenizer()
    return _BPE
