"""What a prediction promises."""

import torch

from itd_lightning.methods.bases.prediction import Prediction


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
