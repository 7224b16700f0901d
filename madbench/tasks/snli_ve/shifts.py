"""The shifts of SNLI-VE; here `ve-hard`: the pairs whose label a hypothesis-only classifier gets wrong."""

from __future__ import annotations

from collections.abc import Sequence

from madbench.tasks.contract import Shift, ShiftInputs
from madbench.tasks.corruptions import corruption_shifts
from madbench.tasks.snli_ve import corrected
from madbench.tasks.snli_ve.hypothesis_only import HypothesisOnly
from madbench.tasks.snli_ve.rows import SnliVeRow

CARD = """\
Tests whether a model needs the image: only pairs stay that the hypothesis alone does not give away.

Kind: rows. Ours, in the sense of SNLI-hard (Gururangan et al. 2018, "Annotation Artifacts in Natural Language Inference
Data"); SNLI-VE has no published hard set, and SNLI's cannot be used (94 % of its test pairs lie on SNLI-VE training
images).

A multinomial naive Bayes classifier (unigrams and bigrams of the lower-cased hypothesis, tokens [a-z0-9']+, presence,
document frequency of at least 5, add-one smoothing, empirical priors, ties by class name) is trained once on the full
official train split. ve-hard is every evaluation pair whose gold label it does not predict; the complement (ve-easy) is
the rest. Models never see this classifier, nor which pairs it chose.
"""


def ve_hard(rows: Sequence[SnliVeRow], inputs: ShiftInputs) -> list[str]:
    """pairIDs of the pairs the classifier gets wrong, in the order of `rows`."""
    train = inputs.train_rows()
    classifier = HypothesisOnly((row.hypothesis for row in train), (row.label for row in train))
    guesses = classifier.predict([row.hypothesis for row in rows])
    return [row.example_id for row, guess in zip(rows, guesses, strict=True) if guess != row.label]


SHIFTS = {
    "ve-hard": Shift(name="ve-hard", task="snli_ve", kind="rows", version=1, card=CARD, apply=ve_hard),
    **corrected.SHIFTS,
    **corruption_shifts("snli_ve"),
}
