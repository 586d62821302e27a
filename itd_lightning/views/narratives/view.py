"""View ``narratives``: a user's day in words, as a 4W narrative, and the texts of its mails and pages.

Axes: N days of the view, M days of a part.
"""

from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from jaxtyping import Int
from torch.utils.data import DataLoader

from itd_lightning.contracts.batches import NarrativeBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.scores import UNITS
from itd_lightning.events.calendar import fill_days, work_calendar
from itd_lightning.events.hours import WorkingDay, after_hours, everybodys_hours, own_hours
from itd_lightning.splits import Split
from itd_lightning.store.read import Store
from itd_lightning.views.base import EpochShuffle, View, refuse_other_columns, require_fitted
from itd_lightning.views.loading import Loading
from itd_lightning.views.narratives.build import DAYS, build_view
from itd_lightning.views.narratives.dataset import NarrativeDataset
from itd_lightning.views.narratives.sentences import SILENT, Style, merged_narratives, plain_narratives
from itd_lightning.views.resampling import draw_balanced


def _draw_by_name(name: str) -> float:
    """Return a number from 0 to 1 that depends on a name alone."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest()) / 2**64


def leave_unused(units: pl.DataFrame, share: float) -> pl.DataFrame:
    """Mark all but this share of validation and test days as unused, the same ones in any store."""
    names = (f"{user} {start:%Y-%m-%d}" for user, start in units.select("user", "start").iter_rows())
    unused = pl.Series([_draw_by_name(name) >= share for name in names], dtype=pl.Boolean)
    unused &= units["part"].is_in(["val", "test"])
    part = pl.when(unused).then(pl.lit("unused", UNITS["part"])).otherwise("part")
    return units.with_columns(part.alias("part"))


class Narratives(View):
    """Days of users told in words; ``views.narratives.features`` defines the words.

    A user's working hours are those of their own earlier days; the hours of everybody, for those whose own
    are not known yet, are learned from all training days, also from those that are left out below.

    Args:
        store: Event store.
        split: Who and when trains, validates and tests; what it shows of training days reaches batches.
        style: ``merged``: the 4W narrative, a sentence for what was done in a row at one place, in or after
            working hours, equal actions counted. ``plain``: a sentence an event, so that a day of 5,000
            events has 5,000.
        sentences: Above so many sentences, a merged narrative tells all that was done at a place at once.
        names: Web sites, kinds of files and so on that an action of a merged narrative names at most, those
            first that the user had to do with on the fewest earlier days; others are counted.
        contents: Texts of mails and pages of a day at most; those first whose site, or domain outside of the
            company, the user had to do with on the fewest earlier days. None for all, 0 for none.
        silent: Take days without any event, too, between a user's first and last one.
        benign_share: Share of harmless days among training days: others of them are left out at random. 0.8
            in the paper. None trains on all. Validation and test days stay as they are.
        train_days: Training days at most, drawn at random, both kinds in proportion.
        val_days: Validation days at most while training, drawn at random, both kinds in proportion; ``test``
            reads all of them.
        scored_share: Share of the validation and test days that ``test`` scores, since language models on a
            CPU take a second a day; the others count as unused. Which they are depends on user and date
            alone. Daily budgets then mean little. None for all.
        batch_size: Days per batch.
        loading: Further arguments of ``Loading``.

    Raises:
        ValueError: If a number is out of its range.

    Source:
        DMFI, section III-B. Departures: the paper bounds neither sentences nor names nor contents, has at
        most 20,000 harmless training days, and tests at the training ratio, too.
    """

    name = "narratives"
    grain = "user-day"
    batch_type = NarrativeBatch
    builder = staticmethod(build_view)

    def __init__(
        self,
        store: Path,
        split: Split,
        style: Style = "merged",
        sentences: int = 20,
        names: int = 10,
        contents: int | None = None,
        silent: bool = False,
        benign_share: float | None = None,
        train_days: int | None = None,
        val_days: int | None = None,
        scored_share: float | None = None,
        batch_size: int = 16,
        **loading: Any,  # noqa: ANN401 - typed in Loading, where the command line reads them, too
    ) -> None:
        super().__init__(store, split, Loading(batch_size, **loading))
        least = {"sentences": (sentences, 1), "names": (names, 1), "contents": (contents, 0)}
        least |= {"train_days": (train_days, 2), "val_days": (val_days, 2)}
        for name, (value, bound) in least.items():
            if value is not None and value < bound:
                raise ValueError(f"{name} must be at least {bound}, got {value}")
        for name, share in (("benign_share", benign_share), ("scored_share", scored_share)):
            if share is not None and not 0 < share < 1:
                raise ValueError(f"{name} must lie between 0 and 1, got {share}")
        self.style: Style = style
        self.sentences, self.names, self.contents, self.silent = sentences, names, contents, silent
        self.benign_share, self.train_days, self.val_days = benign_share, train_days, val_days
        self.scored_share = scored_share
        self.hours: WorkingDay | None = None

    @property
    def leaks(self) -> str:
        """Return the leaks of the split, and which days are not scored."""
        share = self.scored_share
        some = (
            "" if share is None else f"about {share:.0%} of validation and test days are scored, by chance; "
        )
        return some + self.split.leaks

    @property
    def settings(self) -> dict[str, Any]:
        """Return the view's arguments that change the built files."""
        return {"contents": self.contents}

    def load_units(self, stage: str) -> pl.DataFrame:
        """Read the days and the places of their texts."""
        table = pl.read_parquet(self.folder / DAYS, glob=False)
        if self.silent:
            table = fill_days(table).join(table, on=["user", "day"], how="left", maintain_order="left")
        self.shards = [shard.parent.name for shard in Store(self.store).shards]
        number = pl.col("shard").replace_strict(self.shards, range(len(self.shards)), return_dtype=pl.Int64)
        self.place = table.select(number, "first", "size").fill_null(0).to_numpy()
        start = pl.col("day").cast(pl.Datetime("us"))
        return table.select("user", start=start, end=start.dt.offset_by("1d"))

    def assign_parts(self, units: pl.DataFrame, stage: str) -> pl.DataFrame:
        """Return the days with their parts; those that ``scored_share`` leaves out of a test are unused."""
        parts = super().assign_parts(units, stage)
        share = self.scored_share if stage == "test" else None
        return parts if share is None else leave_unused(parts, share)

    def fit(self) -> None:
        """Learn the usual hours of everybody from training days."""
        train = self.units.filter(part="train").select("user", day=pl.col("start").dt.date())
        presence = Store(self.store).presence()
        self.hours = everybodys_hours(presence, work_calendar(presence), train)

    def rows(self, days: Int[np.ndarray, " m"]) -> NarrativeDataset:
        """Return these days as rows, in order."""
        narratives = self.narrate(days, require_fitted(self.hours, "the usual hours come"))
        files, label = [self.folder / f"{shard}.texts" for shard in self.shards], torch.from_numpy(self.label)
        return NarrativeDataset(narratives, files, self.place, label, days)

    def narrate(self, days: Int[np.ndarray, " m"], everybody: WorkingDay) -> list[str]:
        """Return the narratives of these days, in their order, with the usual hours of everybody."""
        units = self.units[days].select("user", day=pl.col("start").dt.date(), unit=pl.int_range(pl.len()))
        presence, narratives = Store(self.store).presence(), [SILENT] * len(days)
        calendar = work_calendar(presence)
        own = own_hours(presence, calendar)
        for number in np.unique(self.place[days, 0]):
            events = pl.read_parquet(self.folder / f"{self.shards[number]}.parquet", glob=False)
            rows = events.join(units, on=["user", "day"], maintain_order="left_right")
            late = after_hours(rows, own, everybody, calendar).fill_null(value=False)
            rows = rows.with_columns(late=late)
            if self.style == "plain":
                table = plain_narratives(rows)
            else:
                table = merged_narratives(rows, self.sentences, self.names)
            for unit, narrative in table.iter_rows():
                narratives[unit] = narrative
        return narratives

    def train_dataloader(self) -> DataLoader[NarrativeBatch]:
        """Return training days, drawn as configured, shuffled."""
        train = self.part("train")
        draw = draw_balanced(self.label[train], self.benign_share, self.train_days, self.loading.seed)
        rows = self.rows(train[draw])
        return self.loader(rows, EpochShuffle(len(rows), self.loading.seed))

    def val_dataloader(self) -> DataLoader[NarrativeBatch] | list[DataLoader[NarrativeBatch]]:
        """Return validation days in order, as many as configured; no loader without a validation part."""
        val = self.part("val")
        rows = self.rows(val[draw_balanced(self.label[val], None, self.val_days, self.loading.seed)])
        return self.loader(rows) if len(rows) else []

    def in_order(self, *parts: str) -> DataLoader[NarrativeBatch]:
        """Return all days of these parts, in order."""
        return self.loader(self.rows(self.part(*parts)))

    def state_dict(self) -> dict[str, Any]:
        """Return the state fitted on training days; it is stored in the checkpoint."""
        if self.hours is None:
            return {}
        return {"hours": list(self.hours), "records": self.records, **self.wording}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state that another run fitted.

        Raises:
            InputError: If its narratives are told otherwise, or of other kinds of events.
        """
        other = {name: state_dict.get(name) for name in self.wording}
        if other != self.wording:
            raise InputError(
                f"the checkpoint was fitted on {other}, and this view gives {self.wording}: leave these "
                "options as they were, or fit again"
            )
        # A checkpoint of an earlier version does not say.
        refuse_other_columns(state_dict.get("records", self.records), self.records)
        self.hours = WorkingDay.from_state(state_dict["hours"])

    @property
    def records(self) -> list[str]:
        """Return the kinds of events that the store records, of which narratives can tell."""
        return sorted(Store(self.store).records)

    @property
    def wording(self) -> dict[str, Any]:
        """Return the settings of the wording, which a method is trained for."""
        return {"style": self.style, "sentences": self.sentences, "names": self.names}
