"""View ``trajectories``: every user as one point a day in a space of twelve features, on a common calendar.

Axes: U users, T calendar days, D features (12), N user-days, H hours of a day (24).

Source:
    ChronosVector, research page on insider threat detection (``docs``) and its notebook (``notebook``).
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from itd_lightning.contracts.batches import TrajectoryBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import written_beside
from itd_lightning.contracts.pictures import PATH_FILE, TRAJECTORY_FILE
from itd_lightning.events.calendar import fill_days
from itd_lightning.events.mail import company_domains
from itd_lightning.events.people import as_of
from itd_lightning.executors import Place
from itd_lightning.splits import Split
from itd_lightning.store.read import Store
from itd_lightning.views.base import View
from itd_lightning.views.trajectories.features import (
    BUILDER_VERSION,
    HOURS,
    SETS,
    FeatureSet,
    build_shard,
    received_shard,
)
from itd_lightning.views.trajectories.pictures import paths, settings_of, trajectories

Scaling = Literal["robust", "plain"]
TO_NORMAL = 1.349  # interquartile range of a normal distribution, in standard deviations


def moments(
    values: Float[Tensor, "u t d"], used: Bool[Tensor, "u t"], scaling: Scaling
) -> tuple[Float[Tensor, " d"], Float[Tensor, " d"]]:
    """Centre and scale of each feature over active training days of all users.

    ``robust``: median, and interquartile range as that of a normal distribution. ``plain``: mean and standard
    deviation. A feature that is the same on half of the days has no range, and takes its standard deviation;
    one that never varies has the scale 1.

    Raises:
        InputError: If there are no such days.
    """
    days = values[used].numpy()
    if not len(days):
        raise InputError("the training part holds no activity: the split leaves nothing to learn from")
    std = days.astype(np.float64).std(axis=0)
    centre, scale = days.mean(axis=0, dtype=np.float64), std
    if scaling == "robust":
        low, centre, high = np.percentile(days, [25, 50, 75], axis=0)
        scale = np.where(high > low, (high - low) / TO_NORMAL, std)
    scale = np.where(scale > 0, scale, 1.0)
    return torch.from_numpy(centre).float(), torch.from_numpy(scale).float()


class Company(Dataset[TrajectoryBatch]):
    """One item: the whole company, since a user's day is judged beside the same day of others."""

    def __init__(self, batch: TrajectoryBatch) -> None:
        self.batch = batch

    def __len__(self) -> int:
        return 1

    def __getitem__(self, row: int) -> TrajectoryBatch:
        return self.batch


class Trajectories(View):
    """Daily trajectories of all users on one calendar; a unit is a day from a user's first to the last one.

    Features are counted once per store; they are standardised by moments of active training days. There is
    one batch, the whole company, of about 120 bytes a user and day.

    Args:
        store: Event store.
        split: Who and when trains, validates and tests; days of other parts are not in the training batch,
            while scoring sees all earlier days as context.
        features: The set of twelve: ``docs``, as the project's page lists them, or ``notebook``, as its
            notebook computes them, with the mail that users received by their address.
        scaling: ``robust`` (median and interquartile range) or ``plain`` (mean and standard deviation).
        log: Whether features are log(1 + x) before that. Counts have long tails, which squared distances
            would take for changes.
        num_workers: Loader processes.
        seed: Kept for the protocol; nothing is drawn here.
        build_workers: Processes that count; the view does not depend on it.
        executor: Where they run: on this machine, or on Ray.

    Raises:
        ValueError: If the feature set is unknown.
    """

    name = "trajectories"
    grain = "user-day"

    def __init__(
        self,
        store: Path,
        split: Split,
        features: FeatureSet = "docs",
        scaling: Scaling = "robust",
        log: bool = True,
        num_workers: int = 0,
        seed: int = 0,
        build_workers: int = 1,
        executor: Place = "local",
    ) -> None:
        super().__init__(store, split, 1, num_workers, seed, build_workers, executor)
        if features not in SETS or scaling not in ("robust", "plain"):
            raise ValueError(f"features must be one of {', '.join(SETS)}, got {features} scaled {scaling}")
        self.features, self.scaling, self.log = features, scaling, log
        self.fitted: dict[str, Tensor] = {}

    @property
    def path(self) -> Path:
        """Where the daily features of a store lie."""
        settings: dict[str, object] = {"builder": BUILDER_VERSION, "features": self.features}
        return Store(self.store).view_folder(self.name, settings) / "days.parquet"

    def prepare_data(self) -> None:
        """Describe the days once per store; later runs reuse the file."""
        if self.path.exists():
            return
        people = Store(self.store).people()
        days = self.build(partial(build_shard, features=self.features, company=company_domains(people)))
        if self.features == "notebook":
            days = self.with_received(days, people)
        department = pl.lit(None, pl.String) if people is None else as_of_day(people, days)
        described = days.with_columns(department=department)
        with written_beside(self.path) as target:
            described.select("user", "day", "department", *SETS[self.features].names, *HOURS).sort(
                "user", "day"
            ).write_parquet(target)

    def with_received(self, days: pl.DataFrame, people: pl.DataFrame | None) -> pl.DataFrame:
        """Add the mail that each user received; without people nobody's address is known, and it is 0."""
        if people is None:
            return days.with_columns(n_emails_received=pl.lit(0, pl.Float32))
        boxes = people.select(address=pl.col("email").str.to_lowercase(), user="user").drop_nulls()
        counts = self.build(
            partial(received_shard, mailboxes=boxes.unique("address", keep="first").sort("user"))
        )
        reached = counts.group_by("user", "day").agg(pl.col("n_emails_received").sum())
        joined = days.join(reached, on=["user", "day"], how="left", maintain_order="left")
        return joined.with_columns(pl.col("n_emails_received").fill_null(0))

    def setup(self, stage: str) -> None:
        """Lay the days on the calendar, split them, and fit the moments on the training part."""
        days = pl.read_parquet(self.path, glob=False)
        if days.is_empty():
            raise InputError(f"the store at {self.store} holds no events")
        units = spans(days)
        self.units = self.parted(units, stage)
        if len(self.units) != len(units):
            raise InputError("this split drops user-days; trajectories need whole users")
        self.whole = self.laid_out(days)
        if stage in ("fit", "validate"):
            shown = self.split.labels_shown(self.units, self.store).cast(pl.Float32)
            label = torch.from_numpy(shown.fill_null(float("nan")).to_numpy().copy())
            known = self.whole.scored
            self.whole.label[known] = label[self.whole.unit[known]]
        if stage == "fit":
            train = self.whole.active & self.of_parts("train")
            centre, scale = moments(self.whole.values, train, self.scaling)
            self.fitted = {"centre": centre, "scale": scale}

    def laid_out(self, days: pl.DataFrame) -> TrajectoryBatch:
        """All user-days on a common calendar, features transformed but not standardised."""
        users = days["user"].unique().sort()
        number = days["day"].cast(pl.Int32).to_numpy()
        calendar = np.arange(number.min(), number.max() + 1, dtype=np.int64)
        user, at = located(days["user"], days["day"], users, calendar)
        shape = (len(users), len(calendar))
        values = np.zeros((*shape, len(SETS[self.features].names)), dtype=np.float32)
        values[user, at] = days.select(SETS[self.features].names).to_numpy()
        hours = np.zeros((*shape, len(HOURS)), dtype=np.int16)
        hours[user, at] = days.select(HOURS).to_numpy()
        active, group, unit = np.zeros(shape, dtype=bool), np.full(shape, -1), np.full(shape, -1)
        active[user, at] = True
        names = days["department"].drop_nulls().unique().sort()
        codes = days["department"].replace_strict(names, pl.int_range(len(names), eager=True), default=-1)
        group[user, at] = codes.cast(pl.Int64).to_numpy()
        unit[located(self.units["user"], self.units["start"].dt.date(), users, calendar)] = np.arange(
            len(self.units)
        )
        return TrajectoryBatch(
            values=torch.from_numpy(np.log1p(values) if self.log else values),
            active=torch.from_numpy(active),
            hours=torch.from_numpy(hours),
            day=torch.from_numpy(calendar),
            group=torch.from_numpy(group),
            unit=torch.from_numpy(unit),
            label=torch.full(shape, torch.nan),
        )

    def of_parts(self, *names: str) -> Bool[Tensor, "u t"]:
        """Which days on the calendar are units of these parts."""
        belongs = torch.from_numpy(self.units["part"].is_in(names).to_numpy())
        return self.whole.scored & belongs[self.whole.unit.clamp(min=0)]

    def batch(self, *names: str, context: bool) -> TrajectoryBatch:
        """The company with the days of these parts as units, as far as the last of them.

        Args:
            names: Parts that are scored.
            context: Whether other days are there at all.
        """
        if not self.fitted:
            raise InputError(
                "the moments come from training: fit first, or give a checkpoint with --ckpt_path"
            )
        whole, scored = self.whole, self.of_parts(*names)
        until = int(scored.any(dim=0).nonzero().max()) + 1 if scored.any() else 0
        seen = whole.active if context else whole.active & scored
        nothing = torch.zeros(())
        raw = whole.values[:, :until] * seen[:, :until, None]
        return TrajectoryBatch(
            values=(raw - self.fitted["centre"]) / self.fitted["scale"],
            active=seen[:, :until],
            hours=torch.where(seen[:, :until, None], whole.hours[:, :until], nothing.short()),
            day=whole.day[:until],
            group=whole.group[:, :until],
            unit=torch.where(scored, whole.unit, -1)[:, :until],
            label=torch.where(scored, whole.label, torch.nan)[:, :until],
        )

    def train_dataloader(self) -> DataLoader[TrajectoryBatch]:
        """Training days of all users, nothing else."""
        return self.loader(Company(self.batch("train", context=False)), batch_size=None)

    def in_order(self, *parts: str) -> DataLoader[TrajectoryBatch]:
        """The company with the days of these parts as units, and with what came before them."""
        return self.loader(Company(self.batch(*parts, context=True)), batch_size=None)

    def pictures(self, users: Sequence[str], settings: Mapping[str, Any]) -> dict[str, pl.DataFrame]:
        """Return the trajectories of some users, and the paths of all."""
        batch, everyone = self.batch("train", "val", "test", context=True), self.users()
        method = settings_of(settings)
        return {
            TRAJECTORY_FILE: trajectories(batch, everyone, users, method),
            PATH_FILE: paths(batch, everyone, method),
        }

    def users(self) -> list[str]:
        """Return who the rows of a batch are."""
        return self.units["user"].unique().sort().to_list()

    def state_dict(self) -> dict[str, Any]:
        """What was fitted on training days; it travels in the checkpoint."""
        return dict(self.fitted)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what another run fitted."""
        self.fitted = dict(state_dict)


def as_of_day(people: pl.DataFrame, days: pl.DataFrame) -> pl.Series:
    """Department of each row's user, as known on the row's day."""
    return as_of(people, days.select("user", "day"))["department"]


def spans(days: pl.DataFrame) -> pl.DataFrame:
    """Return every day from a user's first active one to the last: ``user``, ``start``, ``end``, sorted."""
    start = pl.col("day").cast(pl.Datetime("us"))
    return fill_days(days).select("user", start=start, end=start.dt.offset_by("1d"))


def located(
    user: pl.Series, day: pl.Series, users: pl.Series, calendar: Int[np.ndarray, " t"]
) -> tuple[np.ndarray, np.ndarray]:
    """Where user-days lie: row of the user, column of the day."""
    rows = users.search_sorted(user).cast(pl.Int64).to_numpy()
    return rows, day.cast(pl.Int32).to_numpy() - calendar[0]
