"""Packed sequences: regions follow their own words, nothing is lost, and the places are those of the original UNITER."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from madbench.models.students.packing import Packing

GOLDEN = Path(__file__).parents[2] / "data" / "uniter"


def padding(counts, longest):
    return torch.arange(longest)[None] >= torch.tensor(counts)[:, None]


WORDS, REGIONS = padding([3, 1, 2], 3), padding([1, 4, 2], 4)


def numbered():
    """[3, 7, 1]: 1, 2, 3 are words, 4 to 7 regions."""
    return torch.arange(1.0, 8).reshape(1, 7, 1).expand(3, -1, -1)


def test_regions_move_up_behind_the_words_of_their_row():
    packing = Packing(WORDS, REGIONS, 5)
    packed = packing.pack(numbered()).squeeze(-1)
    assert packing.visible.sum(1).tolist() == [4, 5, 4]
    seen = [row[visible].tolist() for row, visible in zip(packed, packing.visible, strict=True)]
    assert seen == [[1, 2, 3, 4], [1, 4, 5, 6, 7], [1, 2, 4, 5]]


@pytest.mark.parametrize("length", [5, 6, 7, None])
def test_unpacked_everything_is_where_it_was(length):
    packing = Packing(WORDS, REGIONS, length)
    words, regions = packing.unpack(packing.pack(numbered()))
    assert words.shape == (3, 3, 1) and regions.shape == (3, 4, 1)
    assert torch.equal(words[~WORDS], numbered()[:, :3][~WORDS])
    assert torch.equal(regions[~REGIONS], numbered()[:, 3:][~REGIONS])


def test_gradients_come_back_to_what_was_packed_and_to_nothing_else():
    states = numbered().clone().requires_grad_()
    packing = Packing(WORDS, REGIONS, 5)
    words, regions = packing.unpack(packing.pack(states))
    (words[~WORDS].sum() + 2 * regions[~REGIONS].sum()).backward()
    expected = torch.cat([(~WORDS).float(), 2 * (~REGIONS).float()], 1)
    assert torch.equal(states.grad.squeeze(-1), expected)


@pytest.mark.parametrize("task", ["vcr", "vqa"])
def test_places_are_those_of_the_original_code(task):
    """Without the first sequence, which has the longest text and the most regions: nothing would move beside it."""
    everything = load_file(GOLDEN / "batch_and_outputs.safetensors")
    batch = {name.partition(".")[2]: value[1:] for name, value in everything.items() if name.startswith(task)}
    length = int((batch["num_text"] + batch["num_boxes"]).max())
    words = padding(batch["num_text"].tolist(), batch["input_ids"].shape[1])
    regions = padding(batch["num_boxes"].tolist(), batch["img_feat"].shape[1])
    ours, seen = Packing(words, regions, length), batch["attn_masks"].bool()[:, :length]
    assert torch.equal(ours.visible, seen)
    assert torch.equal(ours.index[seen], batch["gather_index"][:, :length][seen])
