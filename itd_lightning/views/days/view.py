"""View ``days``: a user's day as numbers, standardised against everybody's days or the user's own.

Axes: N days, B rows of a batch, D preceding days, F features, G groups of peers.
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
from itd_lightning.contracts.history import EARLIER_VERSION
from itd_lightning.events.calendar import fill_days, is_weekend
from itd_lightning.events.files import FileTypes
from itd_lightning.events.people import as_of
from itd_lightning.numerics.history import OwnHistory, earlier_moments, own_deviations
from itd_lightning.splits import Split
from itd_lightning.store.read import Store
from itd_lightning.views.base import (
    EpochShuffle,
    View,
    refuse_other_columns,
    require_fitted,
    require_same_history,
)
from itd_lightning.views.days.build import build_view
from itd_lightning.views.days.dataset import DayDataset, Fitted, History, matching, moments
from itd_lightning.views.loading import Loading

_FEW_PEERS = 5  # people with a role: with fewer, its usual day would be that of somebody in particular
_MOST_PAST = 3_650  # days in a batch: ten years
_HALF_AN_EVENT = 0.5
_SHARE_OF_SPREAD = 0.1


class Days(View):
    """Days of users as features; ``views.days.features`` defines them.

    Args:
        store: Event store.
        split: Who and when trains, validates and tests.
        features: Patterns of names, such as ``http_*``; a pattern after ``!`` takes features out again.
        history: Against what a feature is standardised: everybody's training days (``none``), the user's
            ``own`` earlier days in the store that is scored, or ``both``, one beside the other. ``frozen``
            are the user's own training days, kept in the checkpoint, as publications do it: who did not
            train is measured by everybody's.
        own: Which of the user's own earlier days count; until there are enough, the days of people with the
            same role in training, or everybody's, stand in for them.
        prior: How many of everybody's days stand beside those of a role, or of a user with a frozen history;
            above 0.
        silent: Take days without any event, too, between a user's first and last one.
        file_types: Which endings make a file a document, a program and so on: those ``common`` to all views,
            or ``le2020``, those of the authors' code.
        days: Preceding days D of the user in a batch, for methods that look at sequences.
        batch_size: Days per batch.
        loading: Further arguments of ``Loading``.

    Raises:
        ValueError: If ``prior`` is not above 0, or ``days`` is no number of days.
    """

    name = "days"
    grain = "user-day"
    batch_type = DayBatch
    builder = staticmethod(build_view)

    def __init__(
        self,
        store: Path,
        split: Split,
        features: Sequence[str] = ("*",),
        history: History = "none",
        own: OwnHistory = OwnHistory(),  # noqa: B008 - frozen
        prior: float = 1.0,
        silent: bool = False,
        file_types: FileTypes = "common",
        days: int = 0,
        batch_size: int = 64,
        **loading: Any,  # noqa: ANN401 - typed in Loading, where the command line reads them, too
    ) -> None:
        super().__init__(store, split, Loading(batch_size, **loading))
        if prior <= 0 or not 0 <= days <= _MOST_PAST:
            raise ValueError(
                f"prior must be above 0 and days from 0 to {_MOST_PAST:,}, got {prior} and {days}"
            )
        self.features = tuple(features)
        self.history, self.own, self.prior = history, own, prior
        self.silent, self.days = silent, days
        self.file_types: FileTypes = file_types
        self.fitted: Fitted | None = None
        self.standardised: Float[Tensor, "n f"] | None = None

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
        self.standardised = None
        start = pl.col("day").cast(pl.Datetime("us"))
        return self.table.select("user", start=start, end=start.dt.offset_by("1d"))

    def fit(self) -> None:
        """Learn the moments of training days: everybody's, and those of each group."""
        names = matching(self.table.columns[2:], self.features)
        train = self.part("train")
        groups = self.train_groups(train)
        values, group = self.values_of(names)[train], self.groups(groups)[train]
        self.fitted = Fitted(names, groups, *moments(values, group, len(groups), self.prior))

    def train_groups(self, train: Int[np.ndarray, " m"]) -> list[str]:
        """Return the groups with training days: users, or roles that so many hold that none stands out."""
        if self.history == "frozen":
            return self.units[train]["user"].unique().sort().to_list()
        if self.history == "none":
            return []
        rows = self.units[train].select("user").hstack([self.roles()[train]]).drop_nulls().unique()
        return rows.group_by("role").len().filter(pl.col("len") >= _FEW_PEERS)["role"].sort().to_list()

    def roles(self, units: Sequence[int] | None = None) -> pl.Series:
        """Return the role of each day's user, as known on the day; null where nobody knows.

        Args:
            units: Numbers of the days; None for all.
        """
        days = self.units.select("user", day=pl.col("start").dt.date())
        people, days = Store(self.store).people(), days if units is None else days[units]
        unknown = pl.Series("role", [None] * len(days), pl.String)
        return unknown if people is None else as_of(people, days)["role"]

    def groups(self, names: list[str], units: Sequence[int] | None = None) -> Int[np.ndarray, " n"]:
        """Return the number of each day's group; 0 for everybody.

        Args:
            names: Names of the groups.
            units: Numbers of the days; None for all.
        """
        users = self.units["user"] if units is None else self.units["user"][units]
        group = users if self.history == "frozen" else self.roles(units)
        number = {name: place for place, name in enumerate(names, start=1)}
        return group.replace_strict(number, default=0, return_dtype=pl.Int64).to_numpy()

    def values_of(self, names: list[str]) -> Float[np.ndarray, "n f"]:
        """Return the features of all days; 0 where nothing happened."""
        return _values(self.table, names)

    def days_of(self, units: Sequence[int], names: list[str]) -> Float[np.ndarray, "n f"]:
        """Return the features of some days."""
        return _values(self.table[list(units)], names)

    def standardise(self, fitted: Fitted) -> Float[Tensor, "n f"]:
        """Return all days in standard deviations from the mean of everybody, of the user, or of both.

        Raises:
            InputError: If the store has other features than those that were fitted.
        """
        if len(self.table):  # a store without events tells nothing of what it records
            refuse_other_columns(fitted.features, matching(self.table.columns[2:], self.features, least=0))
        values = self.values_of(fitted.features)
        mean, std = fitted.mean.numpy(), fitted.std.numpy()
        parts = []
        if self.history in ("none", "both"):
            parts.append((values - mean[0]) / std[0])
        if self.history == "frozen":
            group = self.groups(fitted.groups)
            parts.append((values - mean[group]) / std[group])
        if self.history in ("own", "both"):
            usual = (mean.astype(float), std.astype(float), self.groups(fitted.groups))
            weekend = self.units.select(is_weekend(pl.col("start"))).to_series().to_numpy()
            user = self.units["user"].rle_id().to_numpy()
            parts.append(own_deviations(values, user, weekend, usual, _floors(fitted), self.own))
        return torch.from_numpy(np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0])

    def rows(self, *names: str) -> DayDataset:
        """Return the days of these parts, in order."""
        fitted = require_fitted(self.fitted, "the moments come")
        before = self.units.select(pl.int_range(pl.len()).over("user")).to_series().to_torch()
        if self.standardised is None:
            self.standardised = self.standardise(fitted)
        label = torch.from_numpy(self.label)
        return DayDataset(self.standardised, before, label, self.part(*names), self.days)

    def train_dataloader(self) -> DataLoader[DayBatch]:
        """Return the training days, shuffled."""
        rows = self.rows("train")
        return self.loader(rows, EpochShuffle(len(rows), self.loading.seed))

    def in_order(self, *parts: str) -> DataLoader[DayBatch]:
        """Return the days of these parts, by user and time."""
        return self.loader(self.rows(*parts))

    def cells(self, unit: int) -> pl.DataFrame:
        """Return the features of a day, and what was usual; with two histories those of own have a suffix."""
        if self.fitted is None:
            raise InputError("a day is explained after it was scored")
        names, usual = self.fitted.features, self.usual(unit, self.fitted)
        values = self.days_of([unit], names)[0]
        if self.history == "both":
            everybody = self.fitted.mean[0].numpy()
            names, values = [*names, *(f"{name}, own" for name in names)], np.concatenate([values, values])
            usual = np.concatenate([everybody, usual])
        return pl.DataFrame({"feature": names, "seen": values, "usual": usual.astype(np.float32)}).select(
            pl.lit(None, pl.Int64).alias("hour"), "feature", "seen", "usual"
        )

    def usual(self, unit: int, fitted: Fitted) -> Float[np.ndarray, " f"]:
        """Return what was usual before a day: on the user's own earlier days, or on those of everybody."""
        user, start = self.units.row(unit, named=True)["user"], self.units["start"][unit]
        mean: Float[np.ndarray, " f"] = fitted.mean[self.groups(fitted.groups, [unit])[0]].double().numpy()
        if self.history not in ("own", "both"):
            return mean
        earlier = (pl.col("user") == user) & (pl.col("start") <= start)
        if self.own.weekends_apart:
            earlier &= is_weekend(pl.col("start")) == is_weekend(pl.lit(start))
        rows = self.units.with_row_index("row").filter(earlier)["row"].to_list()
        values = self.days_of(rows, fitted.features).astype(np.float64)
        own_mean = earlier_moments(values, self.own.horizon, self.own.half_life)[0][-1]
        weight = min((len(rows) - 1) / self.own.warm_up, 1.0)
        result: Float[np.ndarray, " f"] = weight * own_mean + (1 - weight) * mean
        return result

    def state_dict(self) -> dict[str, Any]:
        """Return the state fitted on training days; it is stored in the checkpoint."""
        return {} if self.fitted is None else {**self.fitted._asdict(), "history": self.history}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state that another run fitted.

        Raises:
            InputError: If an earlier version wrote it, or with another kind of history.
        """
        fitted = {name: value for name, value in state_dict.items() if name in Fitted._fields}
        if state_dict and set(state_dict) != {*Fitted._fields, "history"}:
            raise InputError(EARLIER_VERSION)
        require_same_history(state_dict.get("history", self.history), self.history)
        self.fitted, self.standardised = Fitted(**fitted) if fitted else None, None


def _floors(fitted: Fitted) -> Float[np.ndarray, " f"]:
    """Return the least deviation of each feature: half an event, or a tenth of everybody's for a mean."""
    is_count = np.array([name.endswith("_count") for name in fitted.features])
    return np.where(is_count, _HALF_AN_EVENT, _SHARE_OF_SPREAD * fitted.std[0].double().numpy())


def _values(table: pl.DataFrame, names: list[str]) -> Float[np.ndarray, "n f"]:
    """Return features of a table; 0 where nothing happened, and in a table without any day."""
    zeros = [] if len(table) else [pl.lit(0.0, pl.Float32).alias(name) for name in names]
    return table.with_columns(zeros).select(pl.col(names).fill_null(0.0)).to_numpy()
