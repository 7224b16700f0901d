"""Words and regions of a sequence one after the other, its padding behind both.

Padded each for itself, the longest text and the most regions of a batch decide what every sequence costs; packed, the
longest sum does. UNITER packs by a `gather_index` over words then regions (Chen et al. 2020); its encoder, like
VisualBERT's, knows a token's place from the embedding alone, so moving tokens changes no state.
"""

from __future__ import annotations

import torch


def gathered(states: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """states [S, N, W], index int64 [S, L] -> [S, L, W]: of each sequence the states at those places."""
    return states.gather(1, index.unsqueeze(-1).expand(-1, -1, states.shape[-1]))


class Packing:
    """Where the words and regions of a batch stand. S sequences, T words and R regions as padded, L places packed.

    word_padding: bool [S, T], region_padding: bool [S, R], True where padded, which is always behind what counts.
    length: words and regions of the longest sequence; None leaves both where they are, L = T + R.
    visible: bool [S, L]. index: int64 [S, L] into words then regions; None where nothing moves.
    """

    def __init__(self, word_padding: torch.Tensor, region_padding: torch.Tensor, length: int | None):
        self.words, regions = word_padding.shape[1], region_padding.shape[1]
        self.index = None
        if length is None or length >= self.words + regions:
            self.visible = ~torch.cat([word_padding, region_padding], 1)
            return
        words = (~word_padding).sum(1, keepdim=True)  # [S, 1]
        places = torch.arange(length, device=word_padding.device).unsqueeze(0)
        self.visible = places < words + (~region_padding).sum(1, keepdim=True)
        moved = (places - words + self.words).clamp(max=self.words + regions - 1)
        self.index = torch.where(places < words, places, moved)
        # Padded regions have no place; what stands in the last one is as good as any other padding.
        self._back = (words + torch.arange(regions, device=places.device)).clamp(max=length - 1)  # [S, R]

    def pack(self, states: torch.Tensor) -> torch.Tensor:
        """[S, T + R, W], words then regions -> [S, L, W]."""
        return states if self.index is None else gathered(states, self.index)

    def unpack(self, states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """[S, L, W] -> words [S, T, W], regions [S, R, W]; what stands in padding means nothing."""
        words = states[:, : self.words]
        return words, (states[:, self.words :] if self.index is None else gathered(states, self._back))
