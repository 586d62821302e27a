"""Tests of NarrativeLength."""

import torch

from itd_lightning.contracts.batches import NarrativeBatch
from itd_lightning.methods import NarrativeLength


def test_length_counts_words_or_different_contents() -> None:
    batch = NarrativeBatch(("a b c", ""), (("x", "x", "y"), ()), torch.arange(2), torch.zeros(2))
    assert NarrativeLength().score(batch).tolist() == [3.0, 0.0]
    assert NarrativeLength("contents").score(batch).tolist() == [2.0, 0.0]
