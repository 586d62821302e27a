"""View ``narratives``: a user's day in words, as a 4W narrative, and what its mails and pages said.

Axes: N days of the view, M days of a part.
"""

from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Int
from torch.utils.data import DataLoader

from itd_lightning.contracts.batches import NarrativeBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import folder_beside
from itd_lightning.contracts.scores import UNITS
from itd_lightning.events.calendar import fill_days, work_calendar
from itd_lightning.events.hours import HOURS, after_hours, training_hours
from itd_lightning.events.pcs import own_pcs
from itd_lightning.executors import Place
from itd_lightning.splits import Split
from itd_lightning.store.read import Store
from itd_lightning.views.base import EpochShuffle, View
from itd_lightning.views.narratives.dataset import NarrativeDataset
from itd_lightning.views.narratives.features import NEEDED, contents, narrative_events
from itd_lightning.views.narratives.sentences import SILENT, Style, merged_narratives, plain_narratives
from itd_lightning.views.resampling import balanced

BUILDER_VERSION = (
    1  # raise it whenever ``narrative_events`` or ``contents`` say otherwise: stores keep what was built
)


def build_shard(
    shard: Path, target: Path, own: pl.DataFrame, people: pl.DataFrame | None, most: int | None
) -> pl.DataFrame:
    """Build one shard into files of the target folder; which days it holds, and where their contents lie."""
    events = pl.read_parquet(shard, columns=NEEDED, glob=False)
    rows = narrative_events(events, own, people)
    rows.write_parquet(target / f"{shard.parent.name}.parquet")
    said = contents(events, people, most)
    lines = said.select(pl.struct("texts").struct.json_encode()).to_series()
    with (target / f"{shard.parent.name}.texts").open("wb") as file:
        file.writelines(line.encode() for line in lines)
    size = lines.str.len_bytes().cast(pl.Int64)
    placed = said.select("user", "day", first=size.cum_sum() - size, size=size)
    days = rows.select("user", "day", shard=pl.lit(shard.parent.name)).unique()
    return days.join(placed, on=["user", "day"], how="left")


def place_of(name: str) -> float:
    """A place from 0 to 1 that a name always has, and that says nothing about it."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest()) / 2**64


class Narratives(View):
    """Days of users told in words; see ``views.narratives.features`` for the words.

    The hours of each user are learned from all training days, also from those that are left out below.

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
        num_workers: Loader processes.
        seed: Decides which training and validation days are drawn, and the order of the former.
        build_workers: Processes that build; the view does not depend on it.
        executor: Where they run: on this machine, or on Ray.

    Raises:
        ValueError: If a number is out of its range.

    Source:
        DMFI, section III-B. Departures: the paper bounds neither sentences nor names nor contents, has at
        most 20,000 harmless training days, and tests at the training ratio, too.
    """

    name = "narratives"
    grain = "user-day"

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
        num_workers: int = 0,
        seed: int = 0,
        build_workers: int = 1,
        executor: Place = "local",
    ) -> None:
        super().__init__(store, split, batch_size, num_workers, seed, build_workers, executor)
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
        self.hours: pl.DataFrame | None = None

    @property
    def leaks(self) -> str:
        """What the split leaks, and which days are not scored."""
        share = self.scored_share
        some = (
            "" if share is None else f"about {share:.0%} of validation and test days are scored, by chance; "
        )
        return some + self.split.leaks

    @property
    def folder(self) -> Path:
        """Where the built view lies."""
        settings: dict[str, object] = {"builder": BUILDER_VERSION, "contents": self.contents}
        return Store(self.store).view_folder(self.name, settings)

    def prepare_data(self) -> None:
        """Say what can be said of each event once per store; later runs reuse the files."""
        store = Store(self.store)
        if self.folder.exists():
            return
        with folder_beside(self.folder) as target:
            work = partial(
                build_shard,
                target=target,
                own=own_pcs(store.pc_use()),
                people=store.people(),
                most=self.contents,
            )
            self.build(work).sort("user", "day").write_parquet(target / "days.parquet")

    def setup(self, stage: str) -> None:
        """Split the days, and learn the usual hours on the training part."""
        table = pl.read_parquet(self.folder / "days.parquet", glob=False)
        if self.silent:
            table = fill_days(table).join(table, on=["user", "day"], how="left", maintain_order="left")
        start = pl.col("day").cast(pl.Datetime("us"))
        units = table.select("user", start=start, end=start.dt.offset_by("1d"))
        self.units = self.parted(units, stage)
        if stage == "test" and self.scored_share is not None:
            self.leave_unused(self.scored_share)
        shown = pl.Series([None], dtype=pl.Boolean).new_from_index(0, len(units))
        if stage in ("fit", "validate"):
            shown = self.split.labels_shown(self.units, self.store)
        self.label = shown.cast(pl.Float32).fill_null(float("nan")).to_torch()
        self.shards = [shard.parent.name for shard in Store(self.store).shards]
        number = pl.col("shard").replace_strict(self.shards, range(len(self.shards)), return_dtype=pl.Int64)
        self.place = table.select(number, "first", "size").fill_null(0).to_numpy()
        if stage == "fit":
            self.hours = self.fit()

    def leave_unused(self, share: float) -> None:
        """Keep this share of the validation and test days; whatever else is in the store, the same ones."""
        named = (f"{user} {start:%Y-%m-%d}" for user, start in self.units.select("user", "start").iter_rows())
        unused = pl.Series([place_of(name) >= share for name in named], dtype=pl.Boolean)
        unused &= self.units["part"].is_in(["val", "test"])
        part = pl.when(unused).then(pl.lit("unused", UNITS["part"])).otherwise("part")
        self.units = self.units.with_columns(part.alias("part"))

    def fit(self) -> pl.DataFrame:
        """Learn the usual hours of each user from training days.

        Raises:
            InputError: If there is no training day.
        """
        store = Store(self.store)
        train = self.units.filter(part="train").select("user", day=pl.col("start").dt.date())
        if train.is_empty():
            raise InputError("the training part holds no activity: the split leaves nothing to learn from")
        return training_hours(store.presence(), work_calendar(store.presence()), train)

    def rows(self, chosen: Int[np.ndarray, " m"]) -> NarrativeDataset:
        """These days, in order.

        Raises:
            InputError: If no hours were learned, nor loaded from a checkpoint, which happens after ``setup``.
        """
        if self.hours is None:
            raise InputError(
                "the usual hours come from training: fit first, or give a checkpoint with --ckpt_path"
            )
        files = [self.folder / f"{shard}.texts" for shard in self.shards]
        return NarrativeDataset(self.narrate(chosen, self.hours), files, self.place, self.label, chosen)

    def narrate(self, chosen: Int[np.ndarray, " m"], hours: pl.DataFrame) -> list[str]:
        """The narratives of these days, in their order."""
        days = self.units[chosen].select("user", day=pl.col("start").dt.date(), unit=pl.int_range(pl.len()))
        calendar, narratives = work_calendar(Store(self.store).presence()), [SILENT] * len(chosen)
        for number in np.unique(self.place[chosen, 0]):
            built = pl.read_parquet(self.folder / f"{self.shards[number]}.parquet", glob=False)
            rows = built.join(days, on=["user", "day"], maintain_order="left_right")
            late = after_hours(rows, hours, calendar).fill_null(value=False)
            rows = rows.with_columns(late=late)
            if self.style == "plain":
                table = plain_narratives(rows)
            else:
                table = merged_narratives(rows, self.sentences, self.names)
            for unit, narrative in table.iter_rows():
                narratives[unit] = narrative
        return narratives

    def train_dataloader(self) -> DataLoader[NarrativeBatch]:
        """Training days, drawn as configured, shuffled."""
        chosen = self.part("train")
        label = self.label[chosen].numpy()
        rows = self.rows(chosen[balanced(label, self.benign_share, self.train_days, self.seed)])
        return self.loader(rows, EpochShuffle(len(rows), self.seed))

    def val_dataloader(self) -> DataLoader[NarrativeBatch] | list[DataLoader[NarrativeBatch]]:
        """Validation days in order, as many as configured; none where the split has no validation part."""
        chosen = self.part("val")
        label = self.label[chosen].numpy()
        rows = self.rows(chosen[balanced(label, None, self.val_days, self.seed)])
        return self.loader(rows) if len(rows) else []

    def in_order(self, *parts: str) -> DataLoader[NarrativeBatch]:
        """All days of these parts, in order."""
        return self.loader(self.rows(self.part(*parts)))

    def state_dict(self) -> dict[str, Any]:
        """What was learned on training days; it travels in the checkpoint."""
        return {} if self.hours is None else {"hours": self.hours.to_dict(as_series=False), **self.meaning}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what another run learned.

        Raises:
            InputError: If its narratives are told otherwise.
        """
        other = {name: state_dict.get(name) for name in self.meaning}
        if other != self.meaning:
            raise InputError(
                f"the checkpoint was fitted on {other}, and this view gives {self.meaning}: leave these "
                "options as they were, or fit again"
            )
        self.hours = pl.DataFrame(state_dict["hours"], HOURS)

    @property
    def meaning(self) -> dict[str, Any]:
        """How a narrative is told, for which a method was trained."""
        return {"style": self.style, "sentences": self.sentences, "names": self.names}
