"""View ``trajectories``: every user as one point a day in a space of twelve features, on a common calendar.

Axes: U users, T calendar days, D features (12), N user-days, H hours of a day (24).

Source:
    ChronosVector, research page on insider threat detection (``docs``) and its notebook (``notebook``).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.utils.data import DataLoader

from itd_lightning.contracts.batches import TrajectoryBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.pictures import PATH_FILE, TRAJECTORY_FILE
from itd_lightning.contracts.unit_scores import Explanation
from itd_lightning.events.calendar import fill_days
from itd_lightning.splits import Split
from itd_lightning.store.read import Store
from itd_lightning.views.base import View, refuse_other_columns, require_fitted
from itd_lightning.views.loading import Loading
from itd_lightning.views.trajectories.build import DAYS, build_view
from itd_lightning.views.trajectories.dataset import Company, Scaling, moments
from itd_lightning.views.trajectories.features import HOURS, SETS, FeatureSet, names_of
from itd_lightning.views.trajectories.pictures import paths, settings_of, trajectories
from itd_lightning.views.trajectories.times import TIMES

_NOTHING = 1e-5  # of a feature's spread


class Trajectories(View):
    """Daily trajectories of all users on one calendar; a unit is a day from a user's first to the last one.

    Features are counted once per store; they are standardised by moments of active training days. There is
    one batch, the whole company, of about 120 bytes a user and day.

    Args:
        store: Event store.
        split: Who and when trains, validates and tests; days of other parts are not in the training batch,
            while scoring sees all earlier days as context.
        features: The set of twelve: ``docs``, as the project's page lists them, or ``notebook``, as its
            notebook computes them, with the mail that users received by their address. Features of kinds of
            events that a store does not record are left out.
        scaling: ``plain`` (mean and standard deviation) or ``robust`` (median and interquartile range).
        log: Whether features are log(1 + x) before that, which shortens the long tails of counts. The tails
            are where attacks are: validation days are ranked better without (``experiments/chronos``).
        times: Whether six features of the times of a day's events follow the twelve, as the page promises
            (peak hour, spread, bursts, memory and entropy of gaps, circadian strength). Validation days are
            ranked worse with them (``experiments/chronos``), so they are left out. The method then needs
            ``--model.width 18``.
        loading: Further arguments of ``Loading``; nothing is drawn here.

    Raises:
        ValueError: If the feature set is unknown.
    """

    name = "trajectories"
    grain = "user-day"
    batch_type = TrajectoryBatch
    builder = staticmethod(build_view)

    def __init__(
        self,
        store: Path,
        split: Split,
        features: FeatureSet = "docs",
        scaling: Scaling = "plain",
        log: bool = False,
        times: bool = False,
        **loading: Any,  # noqa: ANN401 - typed in Loading, where the command line reads them, too
    ) -> None:
        super().__init__(store, split, Loading(batch_size=1, **loading))
        if features not in SETS or scaling not in ("robust", "plain"):
            raise ValueError(f"features must be one of {', '.join(SETS)}, got {features} scaled {scaling}")
        self.features, self.scaling, self.log, self.times = features, scaling, log, times
        self.fitted: dict[str, Tensor] = {}

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the D features, which are those whose kinds of events the store records."""
        return (*names_of(self.features, Store(self.store).records), *(TIMES if self.times else ()))

    @property
    def settings(self) -> dict[str, Any]:
        """Return the view's arguments that change the built files."""
        return {"features": self.features, **({"times": True} if self.times else {})}

    @property
    def path(self) -> Path:
        """Return the path of the file of daily features."""
        return self.folder / DAYS

    def load_units(self, stage: str) -> pl.DataFrame:
        """Read the days."""
        self.days = pl.read_parquet(self.path, glob=False)
        if self.days.is_empty():
            raise InputError(f"the store at {self.store} holds no events")
        return spans(self.days)

    def assign_parts(self, units: pl.DataFrame, stage: str) -> pl.DataFrame:
        """Return the days with their parts.

        Raises:
            InputError: If the split leaves days out.
        """
        parts = super().assign_parts(units, stage)
        if len(parts) != len(units):
            raise InputError("this split drops user-days; trajectories need whole users")
        return parts

    def arrange(self) -> None:
        """Lay the days on the calendar."""
        self.company = self.company_batch(self.days)
        mask = self.company.is_scored
        self.company.label[mask] = torch.from_numpy(self.label)[self.company.unit[mask]]
        del self.days  # large

    def fit(self) -> None:
        """Learn the moments of active training days."""
        train = self.company.active & self.part_mask("train")
        centre, scale = moments(self.company.values, train, self.scaling)
        self.fitted = {"centre": centre, "scale": scale}

    def company_batch(self, days: pl.DataFrame) -> TrajectoryBatch:
        """Return all user-days on a common calendar, features transformed but not standardised."""
        users = days["user"].unique().sort()
        number = days["day"].cast(pl.Int32).to_numpy()
        calendar = np.arange(number.min(), number.max() + 1, dtype=np.int64)
        user, at = _grid_cells(days["user"], days["day"], users, calendar)
        shape = (len(users), len(calendar))
        values = np.zeros((*shape, len(self.columns)), dtype=np.float32)
        values[user, at] = days.select(self.columns).to_numpy()
        if self.log:
            counted = values[..., : len(names_of(self.features, Store(self.store).records))]
            np.log1p(counted, out=counted)
        hours = np.zeros((*shape, len(HOURS)), dtype=np.int16)
        hours[user, at] = days.select(HOURS).to_numpy()
        active, group, unit = np.zeros(shape, dtype=bool), np.full(shape, -1), np.full(shape, -1)
        active[user, at] = True
        names = days["department"].drop_nulls().unique().sort()
        codes = days["department"].replace_strict(names, pl.int_range(len(names), eager=True), default=-1)
        group[user, at] = codes.cast(pl.Int64).to_numpy()
        unit[_grid_cells(self.units["user"], self.units["start"].dt.date(), users, calendar)] = np.arange(
            len(self.units)
        )
        return TrajectoryBatch(
            values=torch.from_numpy(values),
            active=torch.from_numpy(active),
            hours=torch.from_numpy(hours),
            day=torch.from_numpy(calendar),
            group=torch.from_numpy(group),
            unit=torch.from_numpy(unit),
            label=torch.full(shape, torch.nan),
        )

    def part_mask(self, *names: str) -> Bool[Tensor, "u t"]:
        """Return a mask of the calendar days that are units of these parts."""
        in_parts = torch.from_numpy(self.units["part"].is_in(names).to_numpy())
        return self.company.is_scored & in_parts[self.company.unit.clamp(min=0)]

    def batch(self, *names: str, context: bool) -> TrajectoryBatch:
        """Return the company with the days of these parts as units, as far as the last of them.

        Args:
            names: Parts that are scored.
            context: Whether other days are there at all.
        """
        fitted = require_fitted(self.fitted or None, "the moments come")
        company, mask = self.company, self.part_mask(*names)
        until = int(mask.any(dim=0).nonzero().max()) + 1 if mask.any() else 0
        active = company.active if context else company.active & mask
        zero = torch.zeros(())
        values = company.values[:, :until] * active[:, :until, None]
        return TrajectoryBatch(
            values=(values - fitted["centre"]) / fitted["scale"],
            active=active[:, :until],
            hours=torch.where(active[:, :until, None], company.hours[:, :until], zero.short()),
            day=company.day[:until],
            group=company.group[:, :until],
            unit=torch.where(mask, company.unit, -1)[:, :until],
            label=torch.where(mask, company.label, torch.nan)[:, :until],
        )

    def train_dataloader(self) -> DataLoader[TrajectoryBatch]:
        """Return the training days of all users, without other days."""
        return self.loader(Company(self.batch("train", context=False)), batch_size=None)

    def in_order(self, *parts: str) -> DataLoader[TrajectoryBatch]:
        """Return the company with the days of these parts as units, and the days before them."""
        return self.loader(Company(self.batch(*parts, context=True)), batch_size=None)

    def cells(self, unit: int) -> pl.DataFrame:
        """Return the features of a day, as they were counted."""
        user, column = (self.company.unit == unit).nonzero()[0].tolist()
        values = self.company.values[user, column].numpy()
        days = pl.DataFrame({"feature": self.columns, "seen": values})
        return days.select(pl.lit(None, pl.Int64).alias("hour"), "feature", self.unlogged("seen"))

    def unlogged(self, name: str) -> pl.Expr:
        """Return a column of features in their own unit, beside the column of their names."""
        value = pl.col(name)
        is_logged = pl.lit(self.log) & pl.col("feature").is_in(SETS[self.features].names)
        return pl.when(is_logged).then(value.exp() - 1).otherwise(value).cast(pl.Float32).alias(name)

    def explanations(self, best: pl.DataFrame, cells: dict[int, Explanation]) -> pl.DataFrame:
        """Return one row per cell; what was expected of a feature is also what is usual, in its own unit."""
        fitted = require_fitted(self.fitted or None, "the moments come")
        units = pl.DataFrame({"feature": self.columns, **{name: fitted[name].numpy() for name in fitted}})
        rows = super().explanations(best, cells).join(units, on="feature", how="left", maintain_order="left")
        usual = pl.col("expected") * pl.col("scale") + pl.col("centre")
        # A mean that is 0 comes back from its standardised value as a number next to it.
        is_nothing = usual.abs() <= _NOTHING * pl.col("scale")
        rows = rows.with_columns(usual=pl.when(is_nothing).then(0.0).otherwise(usual))
        return rows.with_columns(self.unlogged("usual")).drop("scale", "centre")

    def pictures(self, users: Sequence[str], settings: Mapping[str, Any]) -> dict[str, pl.DataFrame]:
        """Return the trajectories of some users, and the paths of all."""
        batch, everyone = self.batch("train", "val", "test", context=True), self.users()
        method = settings_of(settings)
        return {
            TRAJECTORY_FILE: trajectories(batch, everyone, users, method),
            PATH_FILE: paths(batch, everyone, method),
        }

    def users(self) -> list[str]:
        """Return the users of a batch's rows."""
        return self.units["user"].unique().sort().to_list()

    def state_dict(self) -> dict[str, Any]:
        """Return the state fitted on training days; it is stored in the checkpoint."""
        return {**self.fitted, "features": list(self.columns)} if self.fitted else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state that another run fitted.

        Raises:
            InputError: If it was fitted on other features than those of the store.
        """
        fitted = dict(state_dict)
        # Before other stores could be read, there was the whole set and no names.
        learned = fitted.pop("features", SETS[self.features].names) if fitted else self.columns
        refuse_other_columns(learned, self.columns)
        self.fitted = fitted


def spans(days: pl.DataFrame) -> pl.DataFrame:
    """Return every day from a user's first active one to the last: ``user``, ``start``, ``end``, sorted."""
    start = pl.col("day").cast(pl.Datetime("us"))
    return fill_days(days).select("user", start=start, end=start.dt.offset_by("1d"))


def _grid_cells(
    user: pl.Series, day: pl.Series, users: pl.Series, calendar: Int[np.ndarray, " t"]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of user-days: row of the user, column of the day."""
    rows = users.search_sorted(user).cast(pl.Int64).to_numpy()
    return rows, day.cast(pl.Int32).to_numpy() - calendar[0]
