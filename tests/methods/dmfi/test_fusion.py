"""Tests of the fusion: texts can raise a score and never lower it."""

import pytest
import torch

from itd_lightning.methods.dmfi.fusion import FusionHead, pool_scores


def test_a_day_without_texts_is_the_usual_day() -> None:
    head = FusionHead(4, behaviour=True)
    features = torch.rand(50, 5)
    head.fit(features)
    usual = torch.cat([features[:, :4].mean(0), torch.tensor([0.9])])
    silent = torch.cat([pool_scores(torch.tensor([])), torch.tensor([0.9])])
    assert torch.allclose(head(silent[None]), head(usual[None]), atol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_no_texts_lower_a_score(seed: int) -> None:
    torch.manual_seed(seed)
    head = FusionHead(4, behaviour=True)
    with torch.no_grad():
        for weight in head.parameters():
            weight.normal_()
    features = torch.rand(200, 5)
    head.fit(features)
    silent = features.clone()
    silent[:, :4] = torch.nan
    assert (head(features) >= head(silent)).all()
    assert (head(features) > head(silent)).any()


def test_moments_are_of_days_with_texts() -> None:
    head = FusionHead(1, behaviour=True)
    head.fit(torch.tensor([[0.0, 0.0], [2.0, 1.0], [torch.nan, 2.0]]))
    assert head.mean.tolist() == [1.0, 1.0]
    assert torch.allclose(head.spread, torch.tensor([1.0, (2 / 3) ** 0.5]))
