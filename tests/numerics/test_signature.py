"""What signatures promise: exact integrals, Chen's identity, windows without recomputation."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from itd_lightning.numerics.signature import (
    chen,
    inverse,
    signature,
    signatures_up_to,
    sliding_signatures,
    sliding_with_time,
    with_time,
)


def path(users: int = 3, points: int = 12, channels: int = 4) -> Tensor:
    """Random walks."""
    draw = torch.Generator().manual_seed(points)
    return torch.randn(users, points, channels, generator=draw, dtype=torch.float64).cumsum(dim=1)


def plain_signature(points: np.ndarray) -> np.ndarray:
    """Levels 1 to 3 of one path, step by step: a straight step is an exponential, steps are multiplied."""
    channels = points.shape[1]
    one, two, three = (np.zeros((channels,) * level) for level in (1, 2, 3))
    for here, there in pairwise(points):
        step = there - here
        square = np.einsum("i,j->ij", step, step)
        three = (
            three
            + np.einsum("ij,k->ijk", two, step)
            + np.einsum("i,jk->ijk", one, square) / 2
            + np.einsum("i,j,k->ijk", step, step, step) / 6
        )
        two = two + np.einsum("i,j->ij", one, step) + square / 2
        one = one + step
    return np.concatenate([one, two.ravel(), three.ravel()])


def integrated(points: np.ndarray, depth: int, grid: int = 4000) -> np.ndarray:
    """Iterated integrals by the trapezium rule on a fine grid, from their definition alone."""
    fine = np.linspace(0, len(points) - 1, (len(points) - 1) * grid + 1)
    curve = np.stack([np.interp(fine, np.arange(len(points)), channel) for channel in points.T])
    level, found = [np.ones_like(fine)], []
    for _ in range(depth):
        steps = np.diff(curve)
        level = [
            np.concatenate([[0], np.cumsum((inner[1:] + inner[:-1]) / 2 * step)])
            for inner in level
            for step in steps
        ]
        found += [integral[-1] for integral in level]
    return np.array(found)


@pytest.mark.parametrize("depth", [2, 3])
def test_a_signature_holds_the_iterated_integrals(depth: int) -> None:
    walk = path(1, 4, 2)
    expected = integrated(walk[0].numpy(), depth)
    np.testing.assert_allclose(signature(walk, depth)[0].numpy(), expected, rtol=1e-5, atol=1e-5)


def test_a_signature_is_the_product_of_its_steps() -> None:
    walks = path()
    for walk, found in zip(walks, signature(walks, 3), strict=True):
        np.testing.assert_allclose(found.numpy(), plain_signature(walk.numpy()), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("depth", [2, 3])
def test_a_signature_equals_that_of_pysiglib(depth: int) -> None:
    pysiglib = pytest.importorskip("pysiglib")
    walks = path(5, 40, 3)
    torch.testing.assert_close(signature(walks, depth), pysiglib.sig(walks, depth), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("depth", [2, 3])
def test_chens_identity_joins_two_halves(depth: int) -> None:
    walks = path()
    first, second = (signatures_up_to(half, depth) for half in (walks[:, :6], walks[:, 5:]))
    joined = chen(first.at(torch.tensor([5])), second.at(torch.tensor([6]))).flat()[:, 0]
    torch.testing.assert_close(joined, signature(walks, depth))


def test_the_way_there_and_back_has_no_signature() -> None:
    found = signatures_up_to(path(), 3)
    assert chen(found, inverse(found)).flat().abs().max() < 1e-9
    backwards = signature(path().flip(1), 3)
    torch.testing.assert_close(inverse(found).at(torch.tensor([11])).flat()[:, 0], backwards)


def test_when_a_path_is_walked_does_not_matter() -> None:
    walks = path()
    middle = (walks[:, 3] + 2 * walks[:, 4]) / 3
    finer = torch.cat([walks[:, :4], walks[:, 3:4], middle[:, None], walks[:, 4:]], dim=1)
    torch.testing.assert_close(signature(finer, 3), signature(walks, 3))
    torch.testing.assert_close(signature(walks + 5, 3), signature(walks, 3))


@pytest.mark.parametrize("depth", [2, 3])
def test_sliding_windows_equal_windows_one_by_one(depth: int) -> None:
    walks = path(2, 500, 3)
    found = sliding_signatures(walks, 14, depth)
    for end in (0, 1, 5, 13, 14, 200, 499):
        direct = signature(walks[:, max(end - 13, 0) : end + 1], depth)
        torch.testing.assert_close(found[:, end], direct, rtol=1e-7, atol=1e-6 if depth == 3 else 1e-8)


@pytest.mark.parametrize("depth", [2, 3])
def test_time_runs_from_0_to_1_within_each_window(depth: int) -> None:
    walks = path(2, 40, 3)
    days = torch.randint(1, 4, (2, 40), generator=torch.Generator().manual_seed(2)).double().cumsum(dim=1)
    found = sliding_with_time(walks, days, 14, depth)
    assert found[:, 0].abs().max() == 0  # a single day is no path
    for end in (1, 8, 13, 39):
        here = slice(max(end - 13, 0), end + 1)
        time = (days[:, here] - days[:, here][:, :1]) / (days[:, here][:, -1:] - days[:, here][:, :1])
        direct = signature(with_time(walks[:, here], time), depth)
        torch.testing.assert_close(found[:, end], direct, rtol=1e-7, atol=1e-7)
