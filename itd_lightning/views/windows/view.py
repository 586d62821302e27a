"""View ``windows``, mask/value: W hours of a user as a T x F grid of activity and counts.

Axes: N windows, B rows of a batch, T hours, F features.

Source:
    Cain and Beadles, Mask-Based Window-Level Insider Threat Detection, sections II and IV-B; the
    published phases are those of the authors' code.
"""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import DataLoader

from itd_lightning.contracts.batches import WindowBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.events.calendar import is_weekend
from itd_lightning.events.mail import Company
from itd_lightning.numerics.history import OwnHistory
from itd_lightning.splits import Campaigns, Split
from itd_lightning.store.read import Store
from itd_lightning.views.base import (
    EpochShuffle,
    View,
    refuse_other_columns,
    require_fitted,
    require_same_history,
)
from itd_lightning.views.loading import Loading
from itd_lightning.views.windows.build import CELLS, build_view
from itd_lightning.views.windows.dataset import WindowDataset, own_moments
from itd_lightning.views.windows.features import FEATURES, calendar_starts, cut, features, moments


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
        history: Against what counts are standardised: ``everybody``, the cells of all training windows, as in
            the paper, or the user's ``own`` earlier windows in the store that is scored.
        own: Which of the user's own earlier windows count.
        pairs: Train on pairs of consecutive windows, which a temporal loss needs, rather than on single ones.
        batch_size: Windows per batch; pairs per training batch.
        loading: Further arguments of ``Loading``.

    Raises:
        ValueError: If the window length is not one of 12, 24, 48.
    """

    name = "windows"
    grain = "window"
    batch_type = WindowBatch
    builder = staticmethod(build_view)

    def __init__(
        self,
        store: Path,
        split: Split,
        hours: int = 24,
        align: Literal["calendar", "published"] = "calendar",
        company: Company = "directory",
        history: Literal["everybody", "own"] = "everybody",
        own: OwnHistory = OwnHistory(),  # noqa: B008 - frozen
        pairs: bool = True,
        batch_size: int = 32,
        **loading: Any,  # noqa: ANN401 - typed in Loading, where the command line reads them, too
    ) -> None:
        super().__init__(store, split, Loading(batch_size, **loading))
        if hours not in (12, 24, 48):
            raise ValueError(f"hours must be 12, 24 or 48, got {hours}")
        self.hours, self.align, self.company, self.pairs = hours, align, company, pairs
        self.history, self.own = history, own
        self.fitted: dict[str, Tensor] = {}

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the F features, which are those whose kinds of events the store records."""
        return tuple(features(Store(self.store).records))

    @property
    def settings(self) -> dict[str, Any]:
        """Return the view's arguments that change the built files."""
        return {"company": self.company}

    def load_units(self, stage: str) -> pl.DataFrame:
        """Cut the windows."""
        self.hourly = pl.read_parquet(self.cells_path, glob=False)
        spans = self.hourly.group_by("user").agg(first=pl.col("hour").min(), last=pl.col("hour").max())
        return self.starts(spans, stage).with_columns(end=pl.col("start").dt.offset_by(f"{self.hours}h"))

    def assign_parts(self, units: pl.DataFrame, stage: str) -> pl.DataFrame:
        """Return the windows that the split uses, with their parts."""
        return super().assign_parts(units, stage).filter(pl.col("part") != "unused")

    def arrange(self) -> None:
        """Fill the windows with counts."""
        self.counts = cut(self.hourly, self.units.select("user", "start"), self.hours)
        del self.hourly  # large

    def fit(self) -> None:
        """Learn the moments of training windows."""
        mean, std = moments(self.counts, self.part("train"))
        self.fitted = {"mean": mean, "std": std}

    @property
    def cells_path(self) -> Path:
        """Return the file of hourly counts."""
        return self.folder / CELLS

    def starts(self, spans: pl.DataFrame, stage: str) -> pl.DataFrame:
        """Return the starts of the windows."""
        if self.align == "calendar":
            return calendar_starts(spans, self.hours)
        if stage == "predict":
            raise InputError("published windows start at known attacks; predict with `--data.align calendar`")
        if not isinstance(self.split, Campaigns):
            raise InputError("published windows start at known attacks and need the split `Campaigns`")
        return self.split.published_starts(spans, self.hours, self.store)

    def rows(self, *names: str) -> WindowDataset:
        """Return the windows of these parts, one by one, in order."""
        fitted, windows = require_fitted(self.fitted or None, "the moments come"), self.part(*names)
        no_pair = np.full(len(windows), -1)
        return WindowDataset(self.counts, windows, no_pair, *self.usual(fitted))

    def usual(self, fitted: dict[str, Tensor]) -> tuple[Float[Tensor, "n f"], Float[Tensor, "n f"]]:
        """Return mean and deviation of each feature for each window: everybody's, or the user's own."""
        if self.history == "everybody":
            mean, std = (fitted[name].expand(len(self.counts), -1) for name in ("mean", "std"))
            return mean, std
        user = self.units["user"].rle_id().to_numpy()
        weekend = self.units.select(is_weekend(pl.col("start"))).to_series().to_numpy()
        return own_moments(self.counts, user, weekend, (fitted["mean"], fitted["std"]), self.own)

    def train_dataloader(self) -> DataLoader[WindowBatch]:
        """Return training windows, shuffled: pairs of neighbours, and single ones without a neighbour.

        Departure: the authors pair a user's last window before the buffer with the first one after it.
        """
        single = self.rows("train")
        if not self.pairs:
            return self.loader(single, EpochShuffle(len(single), self.loading.seed))
        units = self.units[single.first]
        follows = (units["start"].shift(-1) == units["end"]) & (units["user"].shift(-1) == units["user"])
        paired = follows.fill_null(value=False).to_numpy()
        second = np.where(paired, np.roll(single.first, -1), -1)
        is_single = np.concatenate([[True], ~paired[:-1]]) & ~paired
        keep = paired | is_single
        pairs = WindowDataset(self.counts, single.first[keep], second[keep], single.mean, single.std)
        return self.loader(pairs, EpochShuffle(len(pairs), self.loading.seed))

    def in_order(self, *parts: str) -> DataLoader[WindowBatch]:
        """Return the windows of these parts, one by one, by user and time."""
        return self.loader(self.rows(*parts))

    def cells(self, unit: int) -> pl.DataFrame:
        """Return the counts of a window, hour by hour and feature by feature."""
        features = self.columns
        hours, names = np.divmod(np.arange(self.hours * len(features)), len(features))
        return pl.DataFrame(
            {
                "hour": hours,
                "feature": pl.Series(features).gather(names),
                "seen": self.counts[unit].ravel().astype(np.float32),
            }
        )

    def state_dict(self) -> dict[str, Any]:
        """Return the state fitted on training windows; it is stored in the checkpoint."""
        return {**self.fitted, "features": list(self.columns), "history": self.history} if self.fitted else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state that another run fitted.

        Raises:
            InputError: If it was fitted on other features than those of the store, or with another kind of
                history.
        """
        fitted = dict(state_dict)
        # Before other stores could be read, there were the twelve of the paper and no names.
        refuse_other_columns(fitted.pop("features", list(FEATURES)) if fitted else self.columns, self.columns)
        require_same_history(fitted.pop("history", self.history), self.history)
        self.fitted = fitted
