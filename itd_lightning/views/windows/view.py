"""Mask/value windows: W hours of a user as a T x F grid of what happened, and how often.

Axes: N windows, B rows of a batch, T hours, F features.

Source:
    Cain and Beadles, Mask-Based Window-Level Insider Threat Detection, sections II and IV-B; the
    published phases are those of the authors' code.
"""

from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from itd_lightning.contracts.batches import WindowBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import written_beside
from itd_lightning.events.mail import Company, company_domains
from itd_lightning.executors import Place
from itd_lightning.splits import Campaigns, Split
from itd_lightning.store.read import Store
from itd_lightning.views.base import EpochShuffle, View
from itd_lightning.views.windows.features import FEATURES, build, calendar_starts, cut, moments

BUILDER_VERSION = 3  # raise it whenever ``build`` counts otherwise: stores keep what was built
NEEDED = ["user", "time", "kind", "pc", "object"]  # of an event


def build_shard(shard: Path, company: list[str]) -> pl.DataFrame:
    """Count what the users of a shard did."""
    return build(pl.read_parquet(shard, columns=NEEDED, glob=False), company)


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

    def __getitem__(self, row: int | list[int]) -> WindowBatch:
        return self.__getitems__(row if isinstance(row, list) else [row])

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
        company: Mail domains of the company: those of the store's ``directory``, or ``cert``, which is always
            dtaa.com, as in the authors' code.
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
        company: Company = "directory",
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
        self.hours, self.align, self.company, self.pairs = hours, align, company, pairs
        self.fitted: dict[str, Tensor] = {}

    def prepare_data(self) -> None:
        """Count the hours once per store; later runs reuse the file."""
        store = Store(self.store)
        target = self.cells_path(store)
        if target.exists():
            return
        company = company_domains(store.people(), self.company)
        cells = self.build(partial(build_shard, company=company)).sort("user", "hour")
        with written_beside(target) as path:
            cells.write_parquet(path)

    def cells_path(self, store: Store) -> Path:
        """Where the hourly counts of a store lie."""
        settings = {"builder": BUILDER_VERSION, "features": self.features, "company": self.company}
        return store.view_folder("windows", settings) / "cells.parquet"

    def setup(self, stage: str) -> None:
        """Cut the windows, split them, and fit the moments on the training part."""
        cells = pl.read_parquet(self.cells_path(Store(self.store)), glob=False)
        spans = cells.group_by("user").agg(first=pl.col("hour").min(), last=pl.col("hour").max())
        starts = self.starts(spans, stage)
        units = starts.with_columns(end=pl.col("start").dt.offset_by(f"{self.hours}h"))
        self.units = self.parted(units, stage).filter(pl.col("part") != "unused")
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

    def in_order(self, *parts: str) -> DataLoader[WindowBatch]:
        """Windows of these parts, one by one, by user and time."""
        return self.loader(self.rows(*parts))

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
