"""Tests of MaskValueAutoencoder."""

from functools import partial
from typing import Literal

import pytest
import torch
from torch import Tensor

from itd_lightning.contracts.batches import WindowBatch
from itd_lightning.methods import MaskValueAutoencoder
from itd_lightning.methods.mask_value.method import latent_step

ADAM = partial(torch.optim.Adam, lr=1e-2)


@pytest.fixture
def batch() -> WindowBatch:
    """Return 6 random windows of 24 hours by 12 features; the first three follow each other."""
    noise = torch.Generator().manual_seed(0)
    mask = torch.rand(6, 24, 12, generator=noise) < 0.2
    values = torch.randn(6, 24, 12, generator=noise)
    return WindowBatch(mask, values, torch.tensor([1, 2, -1, -1, -1, -1]), torch.arange(6))


def literal_loss(method: MaskValueAutoencoder, batch: WindowBatch) -> Tensor:
    """Return the loss of section III-C of the paper, cell by cell."""
    latent, restored = method(batch)
    mask_loss = value_loss = step_loss = torch.zeros(())
    active = 0
    B, T, F = batch.mask.shape  # noqa: N806 - the legend's letters
    for b in range(B):
        for t in range(T):
            for f in range(F):
                p = torch.sigmoid(restored[b, 0, t, f])
                if batch.mask[b, t, f]:
                    mask_loss = mask_loss - method.pos_weight * torch.log(p)
                    value_loss = value_loss + (restored[b, 1, t, f] - batch.values[b, t, f]) ** 2
                    active += 1
                else:
                    mask_loss = mask_loss - torch.log(1 - p)
    steps = 0
    for b in range(B):
        if batch.following[b] >= 0:
            step_loss = step_loss + ((latent[batch.following[b]] - latent[b]) ** 2).mean()
            steps += 1
    return mask_loss / (B * T * F) + 0.02 * value_loss / active + 0.02 * step_loss / steps


def test_the_loss_is_the_papers_equation(batch: WindowBatch) -> None:
    method = MaskValueAutoencoder(ADAM, dropout=0.0)
    method.pos_weight.fill_(11.5)
    torch.testing.assert_close(method.loss(batch), literal_loss(method, batch), rtol=1e-6, atol=1e-6)


def literal_score(
    method: MaskValueAutoencoder, batch: WindowBatch, active: float, silent: float = 1.0
) -> Tensor:
    """Return the mask loss of each window, section III-D of the paper, cell by cell."""
    _, restored = method(batch)
    B, T, F = batch.mask.shape  # noqa: N806 - the legend's letters
    scores = torch.zeros(B)
    for b in range(B):
        for t in range(T):
            for f in range(F):
                p = torch.sigmoid(restored[b, 0, t, f])
                error = -active * torch.log(p) if batch.mask[b, t, f] else -silent * torch.log(1 - p)
                scores[b] = scores[b] + error / (T * F)
    return scores


@pytest.mark.parametrize(
    ("score_weight", "active", "silent"), [("paper", 11.5, 1.0), ("code", 1.0, 1.0), ("active", 1.0, 0.0)]
)
def test_the_score_weighs_active_cells_as_the_paper_or_not_at_all_as_the_code_or_alone(
    score_weight: Literal["paper", "code", "active"], active: float, silent: float, batch: WindowBatch
) -> None:
    method = MaskValueAutoencoder(ADAM, score_weight=score_weight).eval()
    method.pos_weight.fill_(11.5)
    torch.testing.assert_close(
        method.score(batch), literal_score(method, batch, active, silent), rtol=1e-5, atol=1e-6
    )


def test_the_parts_of_an_explanation_sum_to_the_score(batch: WindowBatch) -> None:
    for scored in ("mask", "value", "combined"):
        method = MaskValueAutoencoder(ADAM, scored=scored).eval()
        torch.testing.assert_close(method.explain(batch).parts.sum(dim=(1, 2)), method.score(batch))


def test_the_combined_score_is_the_mask_score_and_the_weighted_value_score(batch: WindowBatch) -> None:
    method = MaskValueAutoencoder(ADAM, value_weight=0.3).eval()
    scores = {}
    for scored in ("mask", "value", "combined"):
        method.scored = scored
        scores[scored] = method.score(batch)
    torch.testing.assert_close(scores["combined"], scores["mask"] + 0.3 * scores["value"])


def test_values_of_silent_cells_do_not_count_as_errors(batch: WindowBatch) -> None:
    method = MaskValueAutoencoder(ADAM, scored="value").eval()
    silent = batch._replace(mask=torch.zeros_like(batch.mask))
    assert method.score(silent).eq(0).all()


@pytest.mark.parametrize(
    ("variant", "channels"), [("mask_value", 2), ("mask", 1), ("value", 1), ("standard", 1)]
)
def test_every_variant_learns_what_it_saw(
    variant: Literal["mask_value", "mask", "value", "standard"], channels: int, batch: WindowBatch
) -> None:
    torch.manual_seed(0)
    method = MaskValueAutoencoder(ADAM, variant=variant, dropout=0.0)
    assert method(batch)[1].shape == (6, channels, 24, 12)
    before = method.score(batch).mean()
    optimizer = ADAM(method.parameters())
    for _ in range(150):
        optimizer.zero_grad()
        method.loss(batch).backward()
        optimizer.step()
    assert method.score(batch).mean() < 0.8 * before


def test_the_standard_autoencoder_does_not_see_the_mask(batch: WindowBatch) -> None:
    method = MaskValueAutoencoder(ADAM, variant="standard").eval()
    torch.testing.assert_close(method.score(batch._replace(mask=~batch.mask)), method.score(batch))


def test_without_step_weight_the_order_of_windows_does_not_matter(batch: WindowBatch) -> None:
    method = MaskValueAutoencoder(ADAM, step_weight=0.0, dropout=0.0)
    alone = batch._replace(following=torch.full((6,), -1))
    torch.testing.assert_close(method.loss(alone), method.loss(batch))


def test_a_latent_that_stands_still_costs_nothing_and_a_moving_one_its_square() -> None:
    latent = torch.tensor([[0.0, 0.0], [1.0, 3.0], [1.0, 3.0]])
    assert latent_step(latent, torch.tensor([-1, 2, -1])) == 0
    assert latent_step(latent, torch.tensor([1, 2, -1])) == pytest.approx((1 + 9) / 2 / 2)
    assert latent_step(latent, torch.tensor([-1, -1, -1])) == 0


def test_a_window_does_not_change_the_score_of_another(batch: WindowBatch) -> None:
    method = MaskValueAutoencoder(ADAM).eval()
    single = WindowBatch(*(column[:1] for column in batch))
    torch.testing.assert_close(method.score(single), method.score(batch)[:1])


@pytest.mark.parametrize(("hours", "features"), [(10, 12), (24, 0)])
def test_sizes_that_two_strides_of_two_cannot_restore_are_refused(hours: int, features: int) -> None:
    with pytest.raises(ValueError, match=f"multiple of 4, .* got {hours} and {features}"):
        MaskValueAutoencoder(ADAM, hours=hours, features=features)
