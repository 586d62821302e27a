"""View ``signals``: daily counts of actions, decomposed into rhythms, beside the behaviours.

Axes: B rows, L behaviours, M rows of a part, N days of all users, C channels, K modes.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from jaxtyping import Float, Int
from torch.utils.data import DataLoader

from itd_lightning.contracts.batches import SignalBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.history import EARLIER_VERSION, MOST_DAYS
from itd_lightning.contracts.pictures import MODE_FILE
from itd_lightning.splits import Split
from itd_lightning.store.read import Store
from itd_lightning.views.base import EpochShuffle, View, refuse_other_columns, require_fitted
from itd_lightning.views.loading import Loading
from itd_lightning.views.resampling import smote_tomek
from itd_lightning.views.sequences.features import FACTORS, Factor
from itd_lightning.views.sequences.view import Sequences
from itd_lightning.views.signals.dataset import SignalDataset
from itd_lightning.views.signals.features import (
    Counts,
    channels,
    daily_counts,
    decompose_days,
    every_day,
    fit_usual,
    scale_counts,
)
from itd_lightning.views.signals.pictures import mode_table

_Window = Literal["trailing", "whole"]
_Imbalance = Literal["none", "weighted", "smote_tomek"]


class Signals(View):
    """User-days with any activity: their behaviours, counts and rhythms.

    The count of each channel is a deviation from what was usual for the user before, in the store that is
    scored; what is usual for everybody in training stands in for people without a history.

    Args:
        store: Event store.
        split: Who and when trains, validates and tests; what it shows of training days reaches batches.
        counts: ``own_median``: minus the median of the user's earlier working days, by their mean absolute
            deviation plus one. ``log_z``: ``log(1 + n)``, standardised by all the user's earlier days; silent
            weekends then make the spread so wide that a surplus of a few events drowns.
        horizon: At most so many earlier days tell what is usual; 0 for all.
        modes: Number of modes K; 0 leaves the decomposition out.
        window: What the modes of a day may know: the ``trailing`` ``days``, or the ``whole`` history of the
            user, as in the paper, which includes the days after it.
        days: Length of the trailing window.
        alpha: Bandwidth penalty of the decomposition.
        tol: Its tolerance.
        behaviours: Most behaviours L of a day that are read; of a longer day so many, evenly spaced.
        imbalance: What is done about the few malicious days: nothing; ``weighted``, both kinds weigh the
            same; ``smote_tomek``, malicious days between malicious days are made up until there are half as
            many as others, and pairs of opposite nearest days are removed, in the training part only.
        factors: What tells tokens apart, as in ``Sequences``.
        vocabulary: Most tokens V.
        least: Behaviours that occur more seldom share the unknown token.
        batch_size: Days per batch.
        loading: Further arguments of ``Loading``.

    Raises:
        ValueError: If a number is out of its range.

    Source:
        Log2Sig, section IV. Departure: the paper decomposes the whole history only, and says nothing on
        how counts are scaled, days without activity (zeros here) or long days. A made-up day has the counts
        and modes between two malicious days, and the behaviours of the nearer one.
    """

    name = "signals"
    grain = "user-day"
    batch_type = SignalBatch

    def __init__(
        self,
        store: Path,
        split: Split,
        counts: Counts = "own_median",
        horizon: int = 60,
        modes: int = 3,
        window: _Window = "trailing",
        days: int = 60,
        alpha: float = 500.0,
        tol: float = 1e-3,
        behaviours: int = 256,
        imbalance: _Imbalance = "none",
        factors: Sequence[Factor] = FACTORS,
        vocabulary: int = 512,
        least: int = 5,
        batch_size: int = 32,
        **loading: Any,  # noqa: ANN401 - typed in Loading, where the command line reads them, too
    ) -> None:
        super().__init__(store, split, Loading(batch_size, **loading))
        if modes < 0 or behaviours < 1 or days < max(2 * modes, 2) or not 0 <= horizon <= MOST_DAYS:
            raise ValueError(
                f"modes must be at least 0, horizon from 0 to {MOST_DAYS:,}, behaviours at least 1, and days "
                f"twice the modes, got {modes}, {horizon}, {behaviours} and {days}"
            )
        self.scale, self.horizon = counts, horizon
        self.modes, self.window, self.days, self.alpha, self.tol = modes, window, days, alpha, tol
        self.behaviours, self.imbalance = behaviours, imbalance
        loading_arguments = self.loading._asdict()
        self.sequences = Sequences(
            store, split, unit="day", factors=factors, vocabulary=vocabulary, least=least, **loading_arguments
        )
        self.usual: pl.DataFrame | None = None
        self.signals: Float[np.ndarray, "n z"] | None = None

    @property
    def leaks(self) -> str:
        """Return the leaks of split and decomposition."""
        future = "modes of a day are computed from later days of the user, too; "
        return (future if self.window == "whole" and self.modes else "") + self.split.leaks

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the C channels, which are those whose kinds of events the store records."""
        return channels(Store(self.store).records)

    def prepare_data(self) -> None:
        """Build the sequences of user-days once; counts and modes are computed from them."""
        self.sequences.prepare_data()

    def load_units(self, stage: str) -> pl.DataFrame:
        """Set the sequences up, and count all days."""
        self.sequences.trainer = self.trainer
        self.sequences.setup(stage)
        self.counts, self.signals = every_day(self.count()), None
        return self.sequences.units

    def assign_parts(self, units: pl.DataFrame, stage: str) -> pl.DataFrame:
        """Return the units, which have their parts from the sequences."""
        return units

    def shown_labels(self, stage: str) -> Float[np.ndarray, " n"]:
        """Return the labels of the sequences."""
        return self.sequences.label

    def fit(self) -> None:
        """Learn what is usual on training days, silent ones between them included."""
        train_days = self.units.filter(part="train").select("user", day=pl.col("start").dt.date())
        spans = train_days.group_by("user").agg(
            pl.col("day").min().alias("from"), pl.col("day").max().alias("to")
        )
        inside = self.counts.join(spans, on="user").filter(pl.col("day").is_between("from", "to"))
        is_train = pl.col("part").is_null() | (pl.col("part") == "train")  # silent days have no part
        parts = self.units.select("user", pl.col("start").dt.date().alias("day"), "part")
        self.usual = fit_usual(inside.join(parts, on=["user", "day"], how="left").filter(is_train))

    def count(self) -> pl.DataFrame:
        """Count each day's actions, of all users."""
        columns, records = ["user", "time", "kind"], Store(self.store).records
        return pl.concat(
            daily_counts(pl.read_parquet(shard, columns=columns, glob=False), records)
            for shard in self.sequences.shards
        )

    def decompose(self, usual: pl.DataFrame) -> Float[np.ndarray, "n z"]:
        """Return the counts and modes of each unit, ``(N, C (K + 1))``: ``z(t)``, equation 8."""
        values = self.signals_of(self.counts, usual).reshape(len(self.counts), -1)
        rows = self.counts.select("user", "day", row=pl.int_range(pl.len()))
        place = self.units.select("user", day=pl.col("start").dt.date()).join(
            rows, on=["user", "day"], how="left", maintain_order="left"
        )
        signals: Float[np.ndarray, "n z"] = values[place["row"].to_numpy()]
        return signals

    def signals_of(self, days: pl.DataFrame, usual: pl.DataFrame) -> Float[np.ndarray, "m j c"]:
        """Return scaled counts and modes of whole users' days, silent ones among them."""
        values = scale_counts(days, usual, self.scale, self.horizon)
        lengths = days.group_by("user", maintain_order=True).len()["len"].to_numpy().astype(np.int64)
        window = self.days if self.window == "trailing" else None
        modes = decompose_days(values, lengths, self.modes, window, self.alpha, self.tol)
        return np.concatenate([values[:, None], modes], axis=1)

    def pictures(self, users: Sequence[str], settings: Mapping[str, Any]) -> dict[str, pl.DataFrame]:
        """Return counts and modes of some users, on the scale that scores them."""
        if self.usual is None:
            return {}
        days = self.counts.filter(pl.col("user").is_in(list(users)))
        return {MODE_FILE: mode_table(days, self.signals_of(days, self.usual), self.columns)}

    def rows(self, units: Int[np.ndarray, " m"], *, resample: bool = False) -> SignalDataset:
        """Return these units as rows.

        Args:
            units: Numbers of the units.
            resample: Whether ``imbalance`` weighs or makes up rows, as it does for training.

        Raises:
            InputError: If it would, and the split does not show both kinds of days.
        """
        days = self.sequences.rows()
        usual = require_fitted(self.usual, "what is usual comes")
        if self.signals is None:
            self.signals = self.decompose(usual)
        signals, label = self.signals[units], self.label[units]
        weight = np.ones(len(units))
        if resample and self.imbalance != "none":
            if not (label == 1).any() or not (label == 0).any():
                raise InputError(
                    f"imbalance {self.imbalance} needs malicious and harmless training days that the split "
                    "shows: --data.split.shown '[train, val]', or --data.imbalance none"
                )
            if self.imbalance == "weighted":
                weight = np.where(label == 1, (label == 0).sum() / (label == 1).sum(), 1.0)
            else:
                signals, label, source = smote_tomek(signals, label, self.loading.seed)
                units, weight = units[source], np.ones(len(source))
        first, length = days.first[units], days.length[units]
        return SignalDataset(days.tokens, first, length, self.behaviours, signals, units, label, weight)

    def train_dataloader(self) -> DataLoader[SignalBatch]:
        """Return the training days, shuffled."""
        rows = self.rows(self.part("train"), resample=True)
        return self.loader(rows, EpochShuffle(len(rows), self.loading.seed))

    def in_order(self, *parts: str) -> DataLoader[SignalBatch]:
        """Return the days of these parts, by user and time."""
        return self.loader(self.rows(self.part(*parts)))

    def state_dict(self) -> dict[str, Any]:
        """Return the state fitted on training days; it is stored in the checkpoint."""
        usual = {} if self.usual is None else self.usual.to_dict(as_series=False)
        return {**self.sequences.state_dict(), "usual": usual}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state that another run fitted.

        Raises:
            InputError: If an earlier version wrote it, or it was fitted on other channels than the store's.
        """
        if "usual" not in state_dict:
            raise InputError(EARLIER_VERSION)
        if usual := state_dict["usual"]:
            learned = [name.removesuffix("_mean") for name in usual if name.endswith("_mean")]
            refuse_other_columns(learned, self.columns)
        self.sequences.load_state_dict(state_dict)
        self.usual = pl.DataFrame(state_dict["usual"]) if state_dict["usual"] else None
        self.signals = None
