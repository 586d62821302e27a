"""What the exponents promise, against the definitions written out, and on series that have known ones."""

from collections.abc import Callable
from math import log

import numpy as np
import pytest
import torch
from torch import Tensor

from itd_lightning.numerics.persistence import hurst_dfa, hurst_rs

Exponent = Callable[[Tensor], Tensor]


def fit(sizes: list[int], heights: list[float]) -> float:
    """Slope in log-log, or 0.5 without two points."""
    known = [(log(n), log(h)) for n, h in zip(sizes, heights, strict=True) if h > 0]
    if len(known) < 2:
        return 0.5
    place, height = np.array(known).T
    return float(np.clip(np.polyfit(place, height, 1)[0], 0, 1))


def cut(series: np.ndarray) -> dict[int, list[np.ndarray]]:
    """Windows by size."""
    sizes = [n for n in (4, 8, 16, 32, 64, 128, 256) if n <= len(series) // 2]
    return {n: [series[i : i + n] for i in range(0, len(series) - n + 1, n)] for n in sizes}


def plain_rs(steps: np.ndarray) -> float:
    """Rescaled range, word for word."""
    heights = []
    for windows in cut(steps).values():
        walks = [(np.cumsum(w - w.mean()), w.std()) for w in windows if w.std() > 0]
        heights.append(float(np.mean([np.ptp(walk) / s for walk, s in walks])) if walks else 0.0)
    return fit(list(cut(steps)), heights)


def plain_dfa(steps: np.ndarray) -> float:
    """Detrended fluctuation, word for word."""
    heights = []
    for n, windows in cut(np.cumsum(steps - steps.mean())).items():
        time = np.arange(n)
        left = [w - np.polyval(np.polyfit(time, w, 1), time) for w in windows]
        heights.append(float(np.sqrt(np.mean(np.square(left)))))
    return fit(list(cut(steps)), heights)


@pytest.mark.parametrize(("batched", "plain"), [(hurst_rs, plain_rs), (hurst_dfa, plain_dfa)])
def test_an_exponent_is_that_of_the_definition(
    batched: Exponent, plain: Callable[[np.ndarray], float]
) -> None:
    steps = torch.randn(5, 100, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    steps[1, 10:60] = 0  # windows of equal steps
    steps[2, ::9] += 20
    for row, found in zip(steps, batched(steps), strict=True):
        assert found.item() == pytest.approx(plain(row.numpy()), abs=1e-9)


@pytest.mark.parametrize("exponent", [hurst_rs, hurst_dfa])
def test_memory_moves_the_exponent(exponent: Exponent) -> None:
    noise = torch.randn(20, 1000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    none = exponent(noise).mean().item()
    assert 0.45 < none < 0.65
    assert exponent(noise.cumsum(dim=1)).mean() > 0.9
    assert exponent(noise.diff(dim=1)).mean() < none - 0.15


@pytest.mark.parametrize("exponent", [hurst_rs, hurst_dfa])
def test_nothing_is_said_of_few_or_equal_steps(exponent: Exponent) -> None:
    assert exponent(torch.randn(2, 15)).tolist() == [0.5, 0.5]
    assert exponent(torch.zeros(2, 0)).tolist() == [0.5, 0.5]
    assert exponent(torch.full((2, 64), 0.1)).tolist() == [0.5, 0.5]
