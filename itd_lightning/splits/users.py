"""Split by user: no test user is in another part."""

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import polars as pl

from itd_lightning.contracts.labels import LabelPolicy
from itd_lightning.contracts.scores import UNITS
from itd_lightning.splits.base import Shown, Split, check_share


def draw_user(user: str, seed: int) -> float:
    """Return a number from 0 to below 1 that depends on the user and the seed alone."""
    digest = blake2b(f"{seed} {user}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


class Users(Split):
    """A split that puts all units of a user into one part.

    Args:
        test_share: Share of the users who test, about.
        val_share: Share of the others who validate, about.
        seed: Of the draw; a user's part depends on it and on the user alone.
        labels: Label policy.
        moved_days: See the base class; the parts do not depend on it.
        shown: See the base class.

    Raises:
        ValueError: If a share lies outside 0 .. 1.
    """

    leaks = "nothing of a test user is trained on, but days after the test days are, of others"

    def __init__(
        self,
        test_share: float = 0.3,
        val_share: float = 0.1,
        seed: int = 0,
        labels: LabelPolicy = "event",
        moved_days: int = 0,
        shown: Sequence[Shown] = (),
    ) -> None:
        super().__init__(labels, moved_days, shown)
        self.test_share, self.val_share = (
            check_share("test_share", test_share),
            check_share("val_share", val_share),
        )
        self.seed = seed

    def assign(self, units: pl.DataFrame, store: Path) -> pl.DataFrame:
        """Add the part of each unit."""
        users = units["user"].unique(maintain_order=True)
        parts = {user: self.part_of(user) for user in users}
        part = units["user"].replace_strict(parts, return_dtype=pl.String).alias("part")
        return units.with_columns(part.cast(UNITS["part"]))

    def part_of(self, user: str) -> str:
        """Return the part of a user, by a draw that no other user enters."""
        draw = draw_user(user, self.seed)
        if draw < self.test_share:
            return "test"
        return "val" if draw < self.test_share + (1 - self.test_share) * self.val_share else "train"
