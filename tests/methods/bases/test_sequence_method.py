"""Tests of the parts that methods on sequences share."""

import math

import pytest
import torch

from itd_lightning.contracts.errors import InputError
from itd_lightning.methods.bases.sequence_method import Prediction, balanced_cross_entropy


def test_probabilities_of_all_behaviours_sum_to_one_and_padding_is_none() -> None:
    prediction = Prediction(4, vocabulary=6)
    encoded = torch.randn(1, 4).expand(5, 4)
    surprise = prediction.surprise(encoded, torch.arange(1, 6))
    torch.testing.assert_close(torch.exp(-surprise).sum(), torch.tensor(1.0))


def test_the_most_probable_behaviour_has_rank_0_and_the_least_probable_the_last() -> None:
    prediction = Prediction(4, vocabulary=6)
    encoded = torch.randn(1, 4).expand(5, 4)
    surprise, rank = (rule(encoded, torch.arange(1, 6)) for rule in (prediction.surprise, prediction.rank))
    assert rank[surprise.argsort()].tolist() == [0, 1, 2, 3, 4]


def test_both_kinds_weigh_the_same_however_many_there_are() -> None:
    loss = balanced_cross_entropy(torch.tensor([0.2, 0.4, 0.1, 0.6]), torch.tensor([0.0, 0.0, 0.0, 1.0]))
    normal = -(math.log(0.8) + math.log(0.6) + math.log(0.9)) / 3
    assert loss.item() == pytest.approx((normal - math.log(0.6)) / 2, abs=1e-6)
    assert balanced_cross_entropy(torch.tensor([0.2]), torch.tensor([0.0])).item() == pytest.approx(
        -math.log(0.8), abs=1e-6
    )


def test_the_surprise_of_a_factored_token_is_the_sum_of_its_factors() -> None:
    torch.manual_seed(0)
    prediction = Prediction(4, vocabulary=70)  # blocks of 32, 32 and 5 values
    encoded, tokens = torch.randn(2, 4), torch.tensor([[1, 33, 69], [7, 60, 65]])
    logits = prediction.logits(encoded).detach().softmax(1)  # any constant cancels within a block
    for row, (kind, when, site) in enumerate(tokens.tolist()):
        p = logits[row]
        shares = [p[kind - 1] / p[:32].sum(), p[when - 1] / p[32:64].sum(), p[site - 1] / p[64:].sum()]
        expected = -sum(math.log(share) for share in shares)
        assert prediction.surprise(encoded, tokens)[row].detach().item() == pytest.approx(expected, abs=1e-5)


def test_a_factored_token_has_no_rank() -> None:
    with pytest.raises(InputError, match="ranks words"):
        Prediction(4, vocabulary=70).rank(torch.randn(1, 4), torch.tensor([[1, 33, 69]]))
