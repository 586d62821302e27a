"""Rounds of the reduced MVMD (see ``numerics.mvmd``): the gains of many users, side by side.

Axes: U users, K modes, F frequencies, B users side by side, N slots.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

CELLS = 64_000  # users side by side times T, so 128 of 500 days; fewer pay for calls, more outgrow the cache


class Settings(NamedTuple):
    """Settings of the rounds; see ``mvmd``."""

    alpha: float
    tau: float
    tol: float
    dc: bool
    max_iterations: int


class _Slots:
    """ADMM of a block of users side by side, each at a round of its own.

    Whoever has converged makes room for the next user, so that a slow one does not keep a block waiting. Sums
    run within a user's row only, so company changes no bit.

    Args:
        magnitude: R of the first users, one a slot.
        start: Centres before the first round.
        settings: See ``mvmd``.
    """

    def __init__(
        self, magnitude: Float[Tensor, "b f"], start: Float[Tensor, " k"], settings: Settings
    ) -> None:
        self.settings, self.start = settings, start[:, None]
        self.scale = settings.alpha**0.5  # sqrt(alpha) (f - w) squares to alpha (f - w)^2 in one pass less
        slots, bins = magnitude.shape
        self.frequency = torch.arange(bins, dtype=start.dtype, device=start.device) / (2 * bins)
        self.user = torch.arange(slots, device=start.device)
        self.busy = torch.ones_like(self.user, dtype=torch.bool)
        self.count = torch.zeros_like(self.user)
        self.residual = magnitude.clone()  # R - sum of G
        self.dual = torch.zeros_like(magnitude)  # D / 2
        self.parts, self.before = (magnitude.new_zeros(len(start), slots, bins) for _ in range(2))  # G
        self.centres = self.start.repeat(1, slots)
        self.centres_before = self.centres.clone()
        self.scratch, self.width = torch.empty_like(self.residual), torch.empty_like(self.residual)

    def advance(self) -> Bool[Tensor, " b"]:
        """Run one round; return which users have converged in it."""
        self.parts, self.before = self.before, self.parts
        self.centres_before.copy_(self.centres)
        change = self.residual.new_zeros(len(self.user))
        one = self.residual.new_ones(1)
        for k, (part, before) in enumerate(zip(self.parts, self.before, strict=True)):
            torch.sub(self.frequency, self.centres[k, :, None], out=self.width).mul_(self.scale)
            torch.addcmul(one, self.width, self.width, out=self.width)
            self.residual.add_(before)
            numerator = (
                torch.sub(self.residual, self.dual, out=self.scratch) if self.settings.tau else self.residual
            )
            torch.div(numerator, self.width, out=part)
            self.residual.sub_(part)
            change += torch.sub(part, before, out=self.scratch).square_().sum(dim=1)
            if not (self.settings.dc and k == 0):
                energy = torch.square(part, out=self.scratch)
                total = energy.sum(dim=1)
                centre = energy.mul_(self.frequency).sum(dim=1) / total
                self.centres[k] = torch.where(total > 0, centre, self.centres[k])
        self.dual.sub_(self.residual, alpha=self.settings.tau / 2)
        self.count += 1
        converged = change / (2 * self.residual.shape[1]) <= self.settings.tol
        return (converged | (self.count >= self.settings.max_iterations - 1)) & self.busy

    def assign(
        self, slots: Int[Tensor, " n"], users: Int[Tensor, " n"], magnitude: Float[Tensor, "n f"]
    ) -> None:
        """Give slots to new users: no modes yet, all of R left."""
        self.user[slots], self.busy[slots], self.count[slots] = users, True, 0
        self.residual[slots], self.dual[slots], self.centres[:, slots] = magnitude, 0, self.start
        self.parts[:, slots] = 0

    def shrink(self) -> None:
        """Drop idle slots."""
        self.user, self.count, self.residual, self.dual = (
            part[self.busy] for part in (self.user, self.count, self.residual, self.dual)
        )
        self.parts, self.before, self.centres, self.centres_before = (
            part[:, self.busy] for part in (self.parts, self.before, self.centres, self.centres_before)
        )
        self.scratch, self.width = torch.empty_like(self.residual), torch.empty_like(self.residual)
        self.busy = self.busy[self.busy]


def find_gains(
    magnitude: Float[Tensor, "u f"], start: Float[Tensor, " k"], settings: Settings
) -> tuple[Float[Tensor, "u k f"], Float[Tensor, "u k"], Int[Tensor, " u"]]:
    """Return gains g = G / R, centres and rounds of each user, modes sorted by centre.

    Users are seated in their order; whoever converges leaves with the result of the round before.
    """
    users, bins = magnitude.shape
    gains, centres = magnitude.new_zeros(users, len(start), bins), magnitude.new_zeros(users, len(start))
    iterations = torch.zeros(users, dtype=torch.int64, device=magnitude.device)
    slot_count = min(users, max(1, CELLS // bins))
    slots = _Slots(magnitude[:slot_count], start, settings)
    while busy := int(slots.busy.sum()):
        if busy <= len(slots.user) // 2:
            slots.shrink()
        converged = slots.advance().nonzero().squeeze(1)
        if len(converged):
            user = slots.user[converged]
            order = slots.centres_before[:, converged].T.sort(dim=1, stable=True)
            gains_found = slots.before[:, converged].transpose(0, 1)
            gains[user] = gains_found.gather(1, order.indices[:, :, None].expand_as(gains_found))
            centres[user], iterations[user] = order.values, slots.count[converged]
            slots.busy[converged] = False
            new_users = torch.arange(slot_count, min(slot_count + len(converged), users), device=user.device)
            slots.assign(converged[: len(new_users)], new_users, magnitude[new_users])
            slot_count += len(new_users)
    # Where R is 0, so is every channel, and any gain will do.
    gains.div_(magnitude.unsqueeze(1)).nan_to_num_(0, 0, 0)
    return gains, centres, iterations
