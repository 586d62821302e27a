"""Persistence: exponents between 0 and 1 that say whether large steps follow large ones.

Axes: U users, T steps, W windows, S window sizes.

Both exponents are 0.5 for steps without memory, above for steps that persist, below for steps that alternate.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

_MIDDLE = 0.5  # of steps without memory, and where nothing can be said


def hurst_rs(steps: Float[Tensor, "u t"]) -> Float[Tensor, " u"]:
    """Return the Hurst exponent by rescaled range, over windows of 4, 8, 16, ... steps, at most half of all.

    The slope of ln(R/S) on ln(window), within 0 .. 1; 0.5 where fewer than two sizes can be measured, as for
    fewer than 16 steps, or steps that are all equal. A short series is biased upwards: independent steps give
    about 0.6 with T = 500.

    Source:
        Hurst 1951; Mandelbrot and Wallis 1969. Departure from ChronosVector: a window whose steps are all
        equal leaves the divisor as well as the sum.
    """
    return _slope_over_sizes(steps, _rescaled_range)


def hurst_dfa(steps: Float[Tensor, "u t"]) -> Float[Tensor, " u"]:
    """Return the Hurst exponent by detrended fluctuation analysis, over the same windows as ``hurst_rs``.

    Source:
        Peng et al., Physical Review E 49, 1994, doi:10.1103/PhysRevE.49.1685, with straight trends.
    """
    centred = steps - steps.mean(dim=1, keepdim=True)
    return _slope_over_sizes(centred.cumsum(dim=1), _fluctuation)


def _rescaled_range(windows: Float[Tensor, "u w n"]) -> Float[Tensor, " u"]:
    """Return the mean of range over standard deviation, over windows that vary; NaN where none does."""
    walk = (windows - windows.mean(dim=2, keepdim=True)).cumsum(dim=2)
    spread = windows.std(dim=2, correction=0)
    # Equal numbers whose mean is rounded differ from it by a few units in the last place.
    varies = spread > 1e-5 * windows.abs().amax(dim=2)
    ratio = torch.where(varies, (walk.amax(dim=2) - walk.amin(dim=2)) / spread, 0.0)
    return ratio.sum(dim=1) / varies.sum(dim=1)


def _fluctuation(windows: Float[Tensor, "u w n"]) -> Float[Tensor, " u"]:
    """Return the root mean square of the residuals of a line in each window; NaN where all are 0."""
    time = torch.arange(windows.shape[2], dtype=windows.dtype, device=windows.device)
    time = time - time.mean()
    centred = windows - windows.mean(dim=2, keepdim=True)
    slope = (centred * time).sum(dim=2, keepdim=True) / time.square().sum()
    residual = (centred - slope * time).square().mean(dim=(1, 2)).sqrt()
    return torch.where(residual > 1e-6 * windows.abs().amax(dim=(1, 2)), residual, torch.nan)


def _slope_over_sizes(
    series: Float[Tensor, "u t"], measure: Callable[[Tensor], Tensor]
) -> Float[Tensor, " u"]:
    """Return the slope of the logarithm of a measure on that of the window size, by least squares."""
    sizes: list[int] = []
    while (size := 4 << len(sizes)) <= series.shape[1] // 2:
        sizes.append(size)
    if len(sizes) < 2:
        return torch.full_like(series[:, 0] if series.shape[1] else series.sum(dim=1), _MIDDLE)
    measures = [measure(series[:, : len(series[0]) // n * n].unfold(1, n, n)) for n in sizes]
    height = torch.stack(measures, dim=1).log()
    valid = height.isfinite()
    weight, height = valid.to(series.dtype), torch.where(valid, height, 0.0)
    log_size = torch.tensor(sizes, dtype=series.dtype, device=series.device).log() * weight
    count = weight.sum(dim=1, keepdim=True).clamp(min=1)
    deviation = (log_size - log_size.sum(dim=1, keepdim=True) / count) * weight
    slope = (deviation * height).sum(dim=1) / deviation.square().sum(dim=1)
    return torch.where(valid.sum(dim=1) >= 2, slope.clamp(0, 1), _MIDDLE)
