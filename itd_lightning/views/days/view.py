"""View ``days``: a user's day as numbers, standardised against everybody's days or the user's own.

Axes: N days, B rows of a batch, D preceding days, F features, U users that trained, and one for all others.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import DataLoader

from itd_lightning.contracts.batches import DayBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import folder_beside
from itd_lightning.events.calendar import fill_days
from itd_lightning.events.files import FileTypes
from itd_lightning.events.pcs import own_pcs
from itd_lightning.executors import Place
from itd_lightning.splits import Split
from itd_lightning.store.read import Store
from itd_lightning.views.base import EpochShuffle, View
from itd_lightning.views.days.dataset import DayDataset, Fitted, History, matching, moments
from itd_lightning.views.days.features import build, records

BUILDER_VERSION = 1  # raise it whenever ``build`` counts otherwise: stores keep what was built
RECORDED = ["kind", "object", "from_removable", "content"]  # of an event, for ``records``
NEEDED = ["user", "time", "pc", "size", "attachments", "to_removable", *RECORDED]


def records_shard(shard: Path) -> pl.DataFrame:
    """What a shard records."""
    return records(pl.read_parquet(shard, columns=RECORDED, glob=False))


def build_shard(
    shard: Path,
    target: Path,
    own: pl.DataFrame,
    people: pl.DataFrame | None,
    recorded: dict[str, bool],
    file_types: FileTypes,
) -> pl.DataFrame:
    """Build one shard into a file of the target folder; return which days it holds."""
    days = build(pl.read_parquet(shard, columns=NEEDED, glob=False), own, people, recorded, file_types)
    days.write_parquet(target / f"{shard.parent.name}.parquet")
    return days.select("user", "day")


class Days(View):
    """Days of users as features; see ``views.days.features`` for what they mean.

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
        num_workers: Loader processes.
        seed: Decides the order of the training days.
        build_workers: Processes that count; the view does not depend on it.
        executor: Where they run: on this machine, or on Ray.

    Raises:
        ValueError: If ``prior`` is not above 0, or ``days`` is below.
    """

    name = "days"
    grain = "user-day"

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
        num_workers: int = 0,
        seed: int = 0,
        build_workers: int = 1,
        executor: Place = "local",
    ) -> None:
        super().__init__(store, split, batch_size, num_workers, seed, build_workers, executor)
        if prior <= 0 or days < 0:
            raise ValueError(f"prior must be above 0 and days not below, got {prior} and {days}")
        self.features = tuple(features)
        self.history, self.prior, self.silent, self.days = history, prior, silent, days
        self.file_types: FileTypes = file_types
        self.fitted: Fitted | None = None
        self.values: Float[Tensor, "n f"] | None = None

    @property
    def folder(self) -> Path:
        """Where the built view lies."""
        settings: dict[str, object] = {"builder": BUILDER_VERSION, "file_types": self.file_types}
        return Store(self.store).view_folder(self.name, settings)

    def prepare_data(self) -> None:
        """Count the days once per store; later runs reuse the files."""
        store = Store(self.store)
        if self.folder.exists():
            return
        recorded = self.build(records_shard).select(pl.all().any()).row(0, named=True)
        with folder_beside(self.folder) as target:
            work = partial(
                build_shard,
                target=target,
                own=own_pcs(store.pc_use()),
                people=store.people(),
                recorded=recorded,
                file_types=self.file_types,
            )
            self.build(work)

    def setup(self, stage: str) -> None:
        """Split the days, and fit the moments on the training part."""
        shards = [self.folder / f"{shard.parent.name}.parquet" for shard in Store(self.store).shards]
        self.table = pl.concat([pl.read_parquet(shard, glob=False) for shard in shards]).sort("user", "day")
        if self.silent:
            every = fill_days(self.table)
            self.table = every.join(self.table, on=["user", "day"], how="left", maintain_order="left")
        start = pl.col("day").cast(pl.Datetime("us"))
        units = self.table.select("user", start=start, end=start.dt.offset_by("1d"))
        self.units = self.parted(units, stage)
        shown = pl.Series([None], dtype=pl.Boolean).new_from_index(0, len(units))
        if stage in ("fit", "validate"):
            shown = self.split.labels_shown(self.units, self.store)
        self.label = shown.cast(pl.Float32).fill_null(float("nan")).to_torch()
        if stage == "fit":
            self.fitted = self.fit()
        self.values = None

    def fit(self) -> Fitted:
        """Learn the moments from training days."""
        names = matching(self.table.columns[2:], self.features)
        train = self.part("train")
        users = self.units[train]["user"].unique().sort().to_list()
        mean, std = moments(
            self.values_of(names)[train].numpy(), self.numbers(users)[train].numpy(), len(users), self.prior
        )
        return Fitted(names, users, mean, std)

    def values_of(self, names: list[str]) -> Float[Tensor, "n f"]:
        """The features of all days; 0 where the store does not record one, or nothing happened."""
        lacking = [pl.lit(0.0, pl.Float32).alias(name) for name in names if name not in self.table.columns]
        return self.table.with_columns(lacking).select(pl.col(names).fill_null(0.0)).to_torch()

    def numbers(self, users: list[str]) -> Int[Tensor, " n"]:
        """The number of each day's user."""
        number = {user: place for place, user in enumerate(users, start=1)}
        return self.units["user"].replace_strict(number, default=0, return_dtype=pl.Int64).to_torch()

    def rows(self, *names: str) -> DayDataset:
        """The days of these parts, in order.

        Raises:
            InputError: If nothing was fitted, nor loaded from a checkpoint, which happens after ``setup``.
        """
        if self.fitted is None:
            raise InputError(
                "the moments come from training: fit first, or give a checkpoint with --ckpt_path"
            )
        before = self.units.select(pl.int_range(pl.len()).over("user")).to_series().to_torch()
        if self.values is None:
            self.values = self.values_of(self.fitted.features)
        user, chosen = self.numbers(self.fitted.users), self.part(*names)
        return DayDataset(self.values, user, before, self.label, chosen, self.days, self.fitted, self.history)

    def train_dataloader(self) -> DataLoader[DayBatch]:
        """Training days, shuffled."""
        rows = self.rows("train")
        return self.loader(rows, EpochShuffle(len(rows), self.seed))

    def in_order(self, *parts: str) -> DataLoader[DayBatch]:
        """Days of these parts, by user and time."""
        return self.loader(self.rows(*parts))

    def cells(self, unit: int) -> pl.DataFrame:
        """The features of a day; against own history they are named so, where both are there."""
        if self.fitted is None or self.values is None:
            raise InputError("a day is explained after it was scored")
        names, seen = self.fitted.features, self.values[unit].numpy()
        if self.history == "both":
            names, seen = [*names, *(f"{name}, own" for name in names)], np.concatenate([seen, seen])
        return pl.DataFrame({"feature": names, "seen": seen}).select(
            pl.lit(None, pl.Int64).alias("hour"), "feature", "seen"
        )

    def state_dict(self) -> dict[str, Any]:
        """What was fitted on training days; it travels in the checkpoint."""
        return {} if self.fitted is None else self.fitted._asdict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what another run fitted."""
        self.fitted, self.values = Fitted(**state_dict) if state_dict else None, None
