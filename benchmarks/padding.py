"""Share of the padded tokens that are padding: shuffled batches, and batches by length, on lists of lengths.

    python benchmarks/padding.py

The lists have the shapes of the real data sets (invented, fixed seed); 4,400 rows are about 1 % of VQA. Of two lengths,
text and image, the sum is padded, as the students do it.
"""

from __future__ import annotations

import numpy as np
from invented import question_lengths, region_counts

from madbench.training.batching import batches, padding_waste

BUDGET = 5120  # of UNITER's published VQA recipe
EXAMPLES = 64


def length_lists(count: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    question = question_lengths(count, rng)
    choice = np.clip(np.rint(rng.lognormal(3.6, 0.35, count)), 12, 160).astype(int)
    return {
        "VQA question": question,
        "VQA question + 36 regions": np.stack([question, region_counts(count, rng)], 1),
        "VQA question + 10 to 100 regions": np.stack([question, region_counts(count, rng, None)], 1),
        "SNLI-VE hypothesis + 144 patches": np.stack([question + rng.integers(0, 6, count), np.full(count, 144)], 1),
        "VCR, four candidates": 4 * choice,
    }


def main() -> None:
    for count in (4_400, 20_000, 400_000):
        print(f"{count:,} examples; waste in percent, mean examples of a batch")
        for name, lengths in length_lists(count).items():
            shuffled = [np.arange(start, min(start + EXAMPLES, count)) for start in range(0, count, EXAMPLES)]
            by_tokens = batches(lengths, budget_tokens=BUDGET, seed=0, epoch=0)
            by_examples = batches(lengths, batch_examples=EXAMPLES, seed=0, epoch=0)
            wastes = [100 * padding_waste(lengths, one) for one in (shuffled, by_examples, by_tokens)]
            print(
                f"  {name:34} shuffled {wastes[0]:5.1f}   bucketed, {EXAMPLES} examples {wastes[1]:5.2f}   "
                f"{BUDGET} tokens {wastes[2]:5.2f} ({count / len(by_tokens):.0f})"
            )


if __name__ == "__main__":
    main()
