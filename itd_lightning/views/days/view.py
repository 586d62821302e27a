"""View ``days``: a user's day as numbers, standardised against everybody's days or the user's own.

Axes: N days, B rows of a batch, D preceding days, F features, U users that trained, and one for all others.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import DataLoader

from itd_lightning.contracts.batches import DayBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.events.calendar import fill_days
from itd_lightning.events.files import FileTypes
from itd_lightning.splits import Split
from itd_lightning.store.read import Store
from itd_lightning.views.base import EpochShuffle, View, require_fitted
from itd_lightning.views.days.build import build_view
from itd_lightning.views.days.dataset import DayDataset, Fitted, History, matching, moments
from itd_lightning.views.loading import Loading


class Days(View):
    """Days of users as features; ``views.days.features`` defines them.

    Args:
        store: Event store.
        split: Who and when trains, validates and tests.
        features: Patterns of names, such as ``http_*``; a pattern after ``!`` takes features out again.
        history: Against what a feature is standardised: everybody's training days (``none``), the user's
            ``own``, or ``both``, one beside the other.
        prior: How many of everybody's days stand beside a user's own training days; above 0. A user without
            any is measured by everybody's alone.
        silent: Take days without any event, too, between a user's first and last one.
        file_types: Which endings make a file a document, a program and so on: those ``common`` to all views,
            or ``le2020``, those of the authors' code.
        days: Preceding days D of the user in a batch, for methods that look at sequences.
        batch_size: Days per batch.
        loading: Further arguments of ``Loading``.

    Raises:
        ValueError: If ``prior`` is not above 0, or ``days`` is below.
    """

    name = "days"
    grain = "user-day"
    builder = staticmethod(build_view)

    def __init__(
        self,
        store: Path,
        split: Split,
        features: Sequence[str] = ("*",),
        history: History = "none",
        prior: float = 1.0,
        silent: bool = False,
        file_types: FileTypes = "common",
        days: int = 0,
        batch_size: int = 64,
        **loading: Any,  # noqa: ANN401 - typed in Loading, where the command line reads them, too
    ) -> None:
        super().__init__(store, split, Loading(batch_size, **loading))
        if prior <= 0 or days < 0:
            raise ValueError(f"prior must be above 0 and days not below, got {prior} and {days}")
        self.features = tuple(features)
        self.history, self.prior, self.silent, self.days = history, prior, silent, days
        self.file_types: FileTypes = file_types
        self.fitted: Fitted | None = None
        self.values: Float[Tensor, "n f"] | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """Return the view's arguments that change the built files."""
        return {"file_types": self.file_types}

    def load_units(self, stage: str) -> pl.DataFrame:
        """Read the days."""
        shards = [self.folder / f"{shard.parent.name}.parquet" for shard in Store(self.store).shards]
        self.table = pl.concat([pl.read_parquet(shard, glob=False) for shard in shards]).sort("user", "day")
        if self.silent:
            all_days = fill_days(self.table)
            self.table = all_days.join(self.table, on=["user", "day"], how="left", maintain_order="left")
        self.values = None
        start = pl.col("day").cast(pl.Datetime("us"))
        return self.table.select("user", start=start, end=start.dt.offset_by("1d"))

    def fit(self) -> None:
        """Learn the moments of training days."""
        names = matching(self.table.columns[2:], self.features)
        train = self.part("train")
        users = self.units[train]["user"].unique().sort().to_list()
        mean, std = moments(
            self.values_of(names)[train].numpy(), self.numbers(users)[train].numpy(), len(users), self.prior
        )
        self.fitted = Fitted(names, users, mean, std)

    def values_of(self, names: list[str]) -> Float[Tensor, "n f"]:
        """Return the features of all days; 0 where the store does not record one, or nothing happened."""
        zeros = [pl.lit(0.0, pl.Float32).alias(name) for name in names if name not in self.table.columns]
        return self.table.with_columns(zeros).select(pl.col(names).fill_null(0.0)).to_torch()

    def numbers(self, users: list[str]) -> Int[Tensor, " n"]:
        """Return the number of each day's user."""
        number = {user: place for place, user in enumerate(users, start=1)}
        return self.units["user"].replace_strict(number, default=0, return_dtype=pl.Int64).to_torch()

    def rows(self, *names: str) -> DayDataset:
        """Return the days of these parts, in order."""
        fitted = require_fitted(self.fitted, "the moments come")
        before = self.units.select(pl.int_range(pl.len()).over("user")).to_series().to_torch()
        if self.values is None:
            self.values = self.values_of(fitted.features)
        user, label = self.numbers(fitted.users), torch.from_numpy(self.label)
        part = self.part(*names)
        return DayDataset(self.values, user, before, label, part, self.days, fitted, self.history)

    def train_dataloader(self) -> DataLoader[DayBatch]:
        """Return the training days, shuffled."""
        rows = self.rows("train")
        return self.loader(rows, EpochShuffle(len(rows), self.loading.seed))

    def in_order(self, *parts: str) -> DataLoader[DayBatch]:
        """Return the days of these parts, by user and time."""
        return self.loader(self.rows(*parts))

    def cells(self, unit: int) -> pl.DataFrame:
        """Return the features of a day; with two histories those against own history have a suffix."""
        if self.fitted is None or self.values is None:
            raise InputError("a day is explained after it was scored")
        names, values = self.fitted.features, self.values[unit].numpy()
        if self.history == "both":
            names, values = [*names, *(f"{name}, own" for name in names)], np.concatenate([values, values])
        return pl.DataFrame({"feature": names, "seen": values}).select(
            pl.lit(None, pl.Int64).alias("hour"), "feature", "seen"
        )

    def state_dict(self) -> dict[str, Any]:
        """Return the state fitted on training days; it is stored in the checkpoint."""
        return {} if self.fitted is None else self.fitted._asdict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state that another run fitted."""
        self.fitted, self.values = Fitted(**state_dict) if state_dict else None, None
