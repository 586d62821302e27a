"""Mask/value windows: W hours of a user as a T x F grid of what happened, and how often.

Axes: N windows, B rows of a batch, T hours, F features.

Source:
    Cain and Beadles, Mask-Based Window-Level Insider Threat Detection, sections II and IV-B; the twelve
    features and the published phases are those of the authors' code.
"""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from itd_lightning.contracts.batches import WindowBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.events import COPIES
from itd_lightning.contracts.files import written_beside
from itd_lightning.contracts.scores import UNITS
from itd_lightning.events.store import Store
from itd_lightning.executors import Place
from itd_lightning.splits import Campaigns, Split
from itd_lightning.views.base import EpochShuffle, View

BUILDER_VERSION = 3  # raise it whenever ``build`` counts otherwise: stores keep what was built
NEEDED = ["user", "time", "kind", "pc", "object"]  # of an event
BLOCK = 4096  # windows that are looked at together
HOUR = 3600  # seconds

# As in the authors' code, direct recipients only count; a message can be internal and external at once.
RECIPIENTS = pl.col("object").str.split(COPIES).list.first().fill_null("").str.to_lowercase()
FEATURES: dict[str, pl.Expr] = {
    "logon_count": (pl.col("kind") == "logon").sum(),
    "logoff_count": (pl.col("kind") == "logoff").sum(),
    "after_hours_logon": (
        (pl.col("kind") == "logon") & ~pl.col("time").dt.hour().is_between(8, 17, closed="left")
    ).sum(),
    "unique_pcs": pl.col("pc").filter(pl.col("kind").is_in(["logon", "logoff"])).drop_nulls().n_unique(),
    "device_connect": (pl.col("kind") == "connect").sum(),
    "device_disconnect": (pl.col("kind") == "disconnect").sum(),
    "http_count": (pl.col("kind") == "http_visit").sum(),
    "unique_urls": pl.col("object").filter(pl.col("kind") == "http_visit").drop_nulls().n_unique(),
    "email_sent": (pl.col("kind") == "email_send").sum(),
    "email_internal": (
        (pl.col("kind") == "email_send") & RECIPIENTS.str.contains("@dtaa", literal=True)
    ).sum(),
    "email_external": (
        (pl.col("kind") == "email_send")
        & (
            RECIPIENTS.str.count_matches("@", literal=True)
            > RECIPIENTS.str.count_matches("@dtaa", literal=True)
        )
    ).sum(),
    "file_ops": (pl.col("kind") == "file_copy").sum(),
}


def build(events: pl.DataFrame) -> pl.DataFrame:
    """Count what each user did in each hour with any activity.

    Args:
        events: One shard of the store.

    Returns:
        ``user``, ``hour`` (its first moment) and the twelve features, uint32, sorted.
    """
    return (
        events.group_by("user", pl.col("time").dt.truncate("1h").alias("hour"))
        .agg(feature.cast(pl.UInt32).alias(name) for name, feature in FEATURES.items())
        .sort("user", "hour")
    )


def build_shard(shard: Path) -> pl.DataFrame:
    """Count what the users of a shard did."""
    return build(pl.read_parquet(shard, columns=NEEDED, glob=False))


def calendar_starts(spans: pl.DataFrame, hours: int) -> pl.DataFrame:
    """Starts of windows on a grid that is the same for all users and passes through midnight.

    Args:
        spans: ``user``, ``first`` and ``last`` active hour.
        hours: Window length; divides 24 or is a multiple of it.

    Returns:
        ``user`` and ``start``: every window from a user's first active hour to the last one.
    """
    step = f"{hours}h"
    first, last = pl.col("first").dt.truncate(step), pl.col("last").dt.truncate(step)
    starts = spans.select("user", pl.datetime_ranges(first, last, step).alias("start"))
    return starts.explode("start").sort("user", "start")


def cut(cells: pl.DataFrame, starts: pl.DataFrame, hours: int) -> Int[np.ndarray, "n t f"]:
    """Fill windows with hourly counts.

    A window that does not start on the hour stays empty: its hours are none of the counted ones.

    Args:
        cells: As ``build`` returns them.
        starts: ``user`` and ``start`` of N windows, sorted, not overlapping within a user.
        hours: Window length T.
    """
    counts = np.zeros((len(starts), hours, len(FEATURES)), dtype=np.int32)
    users = {user: number for number, user in enumerate(starts["user"].unique().sort())}
    mine = cells.filter(pl.col("user").is_in(list(users)))
    if not len(starts) or mine.is_empty():
        return counts
    cell_user, cell_time = located(mine, "hour", users)
    window_user, window_time = located(starts, "start", users)
    far = np.int64(1) << 40  # seconds between users: more than any time stamp
    window = np.searchsorted(window_user * far + window_time, cell_user * far + cell_time, side="right") - 1
    hour, rest = np.divmod(cell_time - window_time[window], HOUR)
    inside = (window >= 0) & (window_user[window] == cell_user) & (hour < hours) & (rest == 0)
    counts[window[inside], hour[inside]] = mine.select(FEATURES.keys()).to_numpy()[inside]
    return counts


def located(rows: pl.DataFrame, time: str, users: dict[str, int]) -> tuple[npt.NDArray[np.int64], ...]:
    """User numbers, and seconds since 1970-01-01, of rows."""
    user = rows["user"].replace_strict(users, return_dtype=pl.Int64).to_numpy()
    return user, rows[time].dt.epoch("s").to_numpy()


def moments(
    counts: Int[np.ndarray, "n t f"], train: Int[np.ndarray, " m"]
) -> tuple[Float[Tensor, " f"], Float[Tensor, " f"]]:
    """Mean and standard deviation of each feature over all cells of training windows.

    Zeros are counted, as in the authors' code: the mask, not the value, says whether something happened.
    Departure: a feature that never varies in training gets the deviation 1. The authors divide by 1e-10, so
    that its first occurrence outweighs everything else.

    Args:
        counts: All windows of the view.
        train: Numbers of the training windows.

    Raises:
        InputError: If nothing at all happened in the training windows.
    """
    cells = max(len(train) * counts.shape[1], 1)
    total, squares = np.zeros(counts.shape[2]), np.zeros(counts.shape[2])
    for first in range(
        0, len(train), BLOCK
    ):  # block by block: a copy in float64 would be many times the counts
        block = counts[train[first : first + BLOCK]].astype(np.float64)
        total += block.sum(axis=(0, 1))
        squares += np.square(block).sum(axis=(0, 1))
    if not total.any():
        raise InputError("the training part holds no activity: the split leaves nothing to learn from")
    mean = total / cells
    std = np.sqrt(np.maximum(squares / cells - mean**2, 0))
    return torch.from_numpy(mean).float(), torch.from_numpy(np.where(std > 0, std, 1.0)).float()


class WindowDataset(Dataset[WindowBatch]):
    """Windows of one part; rows are single windows, or pairs of consecutive ones.

    Args:
        counts: All windows of the view, ``(N, T, F)``.
        first: Windows, as numbers in ``counts``.
        second: The window that follows each of them, or -1.
        mean: Mean of each feature, ``(F,)``.
        std: Standard deviation of each feature, ``(F,)``.
    """

    def __init__(
        self,
        counts: Int[np.ndarray, "n t f"],
        first: Int[np.ndarray, " m"],
        second: Int[np.ndarray, " m"],
        mean: Float[Tensor, " f"],
        std: Float[Tensor, " f"],
    ) -> None:
        # A tensor, since loader processes get these as shared memory, not as copies.
        self.counts = torch.from_numpy(counts)
        self.first, self.second, self.mean, self.std = first, second, mean, std

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, row: int) -> WindowBatch:
        return self.__getitems__([row])

    def __getitems__(self, rows: list[int]) -> WindowBatch:
        first, second = self.first[rows], self.second[rows]
        paired = second >= 0
        unit = np.concatenate([first, second[paired]])
        following = np.full(len(unit), -1)
        following[: len(first)][paired] = np.arange(len(first), len(unit))
        chosen = torch.from_numpy(unit)
        counts = self.counts[chosen]
        values = (counts - self.mean) / self.std
        return WindowBatch(counts > 0, values, torch.from_numpy(following), chosen)


class Windows(View):
    """Mask/value windows of the users that the split keeps.

    Args:
        store: Event store.
        split: Who and when trains, validates and tests.
        hours: Window length W = T, in hours.
        align: ``calendar`` windows start at midnight (and noon, for 12 hours); ``published`` ones as the
            authors' code cuts them: at the user's first active hour, then at the hour of the attack, then,
            off the hour and therefore empty, a week after it. That the phase tells the label is what the null
            attack shows.
        pairs: Train on pairs of consecutive windows, which a temporal loss needs, rather than on single ones.
        batch_size: Windows per batch; pairs per training batch.
        num_workers: Loader processes.
        seed: Decides the order of the training rows.
        build_workers: Processes that count; the view does not depend on it.
        executor: Where they run: on this machine, or on Ray.

    Raises:
        ValueError: If the window length is not one of 12, 24, 48.
    """

    name = "windows"
    grain = "window"
    features = tuple(FEATURES)

    def __init__(
        self,
        store: Path,
        split: Split,
        hours: int = 24,
        align: Literal["calendar", "published"] = "calendar",
        pairs: bool = True,
        batch_size: int = 32,
        num_workers: int = 0,
        seed: int = 0,
        build_workers: int = 1,
        executor: Place = "local",
    ) -> None:
        super().__init__(store, split, batch_size, num_workers, seed, build_workers, executor)
        if hours not in (12, 24, 48):
            raise ValueError(f"hours must be 12, 24 or 48, got {hours}")
        self.hours, self.align, self.pairs = hours, align, pairs
        self.fitted: dict[str, Tensor] = {}

    def prepare_data(self) -> None:
        """Count the hours once per store; later runs reuse the file."""
        target = self.cells_path(Store(self.store))
        if target.exists():
            return
        cells = self.build(build_shard).sort("user", "hour")
        with written_beside(target) as partial:
            cells.write_parquet(partial)

    def cells_path(self, store: Store) -> Path:
        """Where the hourly counts of a store lie."""
        return (
            store.view_folder("windows", {"builder": BUILDER_VERSION, "features": self.features})
            / "cells.parquet"
        )

    def setup(self, stage: str) -> None:
        """Cut the windows, split them, and fit the moments on the training part."""
        cells = pl.read_parquet(self.cells_path(Store(self.store)), glob=False)
        spans = cells.group_by("user").agg(first=pl.col("hour").min(), last=pl.col("hour").max())
        starts = self.starts(spans, stage)
        units = starts.with_columns(end=pl.col("start").dt.offset_by(f"{self.hours}h"))
        if stage == "predict":
            self.units = units.with_columns(part=pl.lit("predict").cast(UNITS["part"]))
            self.counts = cut(cells, starts, self.hours)
            return
        parted = self.split.assign(units, self.store)
        used = (parted["part"] != "unused").to_numpy()
        self.units = parted.filter(used)
        self.counts = cut(cells, self.units.select("user", "start"), self.hours)
        if stage == "fit":
            mean, std = moments(self.counts, self.part("train"))
            self.fitted = {"mean": mean, "std": std}

    def starts(self, spans: pl.DataFrame, stage: str) -> pl.DataFrame:
        """Where the windows start."""
        if self.align == "calendar":
            return calendar_starts(spans, self.hours)
        if stage == "predict":
            raise InputError("published windows start at known attacks; predict with `--data.align calendar`")
        if not isinstance(self.split, Campaigns):
            raise InputError("published windows start at known attacks and need the split `Campaigns`")
        return self.split.published_starts(spans, self.hours, self.store)

    def part(self, *names: str) -> Int[np.ndarray, " m"]:
        """Row numbers of the units of these parts."""
        return np.flatnonzero(self.units["part"].is_in(names).to_numpy())

    def rows(self, *names: str) -> WindowDataset:
        """The windows of these parts, one by one, in order."""
        if not self.fitted:
            raise InputError(
                "the moments come from training: fit first, or give a checkpoint with --ckpt_path"
            )
        chosen = self.part(*names)
        return WindowDataset(
            self.counts, chosen, np.full(len(chosen), -1), self.fitted["mean"], self.fitted["std"]
        )

    def train_dataloader(self) -> DataLoader[WindowBatch]:
        """Training windows, shuffled: pairs of consecutive ones, and alone what has no neighbour.

        Departure: the authors pair a user's last window before the buffer with the first one after it.
        """
        single = self.rows("train")
        if not self.pairs:
            return self.loader(single, EpochShuffle(len(single), self.seed))
        units = self.units[single.first]
        follows = (units["start"].shift(-1) == units["end"]) & (units["user"].shift(-1) == units["user"])
        paired = follows.fill_null(value=False).to_numpy()
        second = np.where(paired, np.roll(single.first, -1), -1)
        alone = np.concatenate([[True], ~paired[:-1]]) & ~paired
        keep = paired | alone
        pairs = WindowDataset(self.counts, single.first[keep], second[keep], single.mean, single.std)
        return self.loader(pairs, EpochShuffle(len(pairs), self.seed))

    def val_dataloader(self) -> DataLoader[WindowBatch] | list[DataLoader[WindowBatch]]:
        """Validation windows in order; none where the split has no validation part."""
        rows = self.rows("val")
        return self.loader(rows) if len(rows) else []

    def test_dataloader(self) -> DataLoader[WindowBatch]:
        """Validation and test windows in order: thresholds come from the former."""
        return self.loader(self.rows("val", "test"))

    def predict_dataloader(self) -> DataLoader[WindowBatch]:
        """All windows of the store, in order."""
        return self.loader(self.rows("predict"))

    def cells(self, unit: int) -> pl.DataFrame:
        """The counts of a window, hour by hour and feature by feature."""
        hours, names = np.divmod(np.arange(self.hours * len(self.features)), len(self.features))
        return pl.DataFrame(
            {
                "hour": hours,
                "feature": pl.Series(self.features).gather(names),
                "seen": self.counts[unit].ravel().astype(np.float32),
            }
        )

    def state_dict(self) -> dict[str, Any]:
        """What was fitted on training windows; it travels in the checkpoint."""
        return dict(self.fitted)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what another run fitted."""
        self.fitted = dict(state_dict)
