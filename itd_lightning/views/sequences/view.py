"""View ``sequences``: what somebody did in a session or on a day, behaviour by behaviour.

Axes: N behaviours of the view, M sequences of a part.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Int
from lightning.pytorch.utilities import rank_zero_warn
from torch.utils.data import DataLoader

from itd_lightning.contracts.batches import SequenceBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import folder_beside, written_beside
from itd_lightning.contracts.scores import SCORES
from itd_lightning.events.annotate import WARM_UP, annotate_events
from itd_lightning.events.calendar import work_calendar
from itd_lightning.events.hours import training_hours
from itd_lightning.events.mail import company_domains
from itd_lightning.events.pcs import own_pcs
from itd_lightning.executors import Place
from itd_lightning.splits import Split
from itd_lightning.store.read import Store
from itd_lightning.views.base import View
from itd_lightning.views.sequences.batching import EqualLengths, InOrder
from itd_lightning.views.sequences.dataset import SequenceDataset
from itd_lightning.views.sequences.features import (
    FACTORS,
    Factor,
    Fitted,
    build_vocabulary,
    encode_texts,
    popularity,
    texts,
)
from itd_lightning.views.sequences.sessions import IDLE, Unit, by_day, by_session

BUILDER_VERSION = 2  # raise it whenever ``build`` gives other rows: stores keep what was built
NEEDED = ["event_id", "user", "time", "pc", "kind", "object", "attachments", "to_removable", "from_removable"]
KEPT = ["sequence", "user", "time", "event_id", "kind", "relation", "object_class", "site", "habit"]


def build(
    events: pl.DataFrame, own: pl.DataFrame, people: pl.DataFrame | None, unit: Unit, idle: float
) -> pl.DataFrame:
    """Cut the events of a shard into sequences and annotate them; nothing is fitted.

    Args:
        events: One shard of the store.
        own: Own PCs, as ``events.pcs.own_pcs`` returns them.
        people: The store's people, or None.
        unit: What a sequence is.
        idle: Hours without any event after which a session is over.

    Returns:
        ``sequence``, numbered within the shard, ``user``, ``time``, ``event_id``, ``kind``, ``relation``,
        ``object_class``, ``site`` and ``habit``; sorted by sequence and time.
    """
    cut = by_session(events, idle) if unit == "session" else by_day(events)
    return annotate_events(cut, own, people, company_domains(people)).select(KEPT)


def build_shard(
    shard: Path, target: Path, own: pl.DataFrame, people: pl.DataFrame | None, unit: Unit, idle: float
) -> pl.DataFrame:
    """Build one shard into a file of the target folder; what its sequences are: user, start, end, length."""
    rows = build(pl.read_parquet(shard, columns=NEEDED, glob=False), own, people, unit, idle)
    rows.write_parquet(target / f"{shard.parent.name}.parquet")
    last = pl.col("time").last().dt.offset_by("1us")
    return rows.group_by("sequence", maintain_order=True).agg(
        pl.col("user").first(), start=pl.col("time").first(), end=last, length=pl.len().cast(pl.Int64)
    )


class Sequences(View):
    """Sessions or user-days as sequences of behaviours.

    Args:
        store: Event store.
        split: Who and when trains, validates and tests; what it shows of training sequences reaches batches.
        unit: What a sequence is: a ``session``, from logon to logoff at a PC, or a user's ``day``.
        idle: Hours without any event after which a session without logoff is over.
        factors: What tells tokens apart: ``kind``, ``when`` (within usual hours of the user or after), ``pc``
            (whose), ``object`` (file type; recipients; how popular a web site is among training users), and
            ``habit`` (on how many earlier days the user did the same).
        vocabulary: Most tokens V, padding and unknown included; the method gets the same number.
        least: Behaviours that occur more seldom in training sequences share the unknown token.
        batch_size: Sequences per batch; harmless ones, where the split shows labels and ``malicious`` is set.
        malicious: Malicious training sequences drawn for each batch besides, all of them equally often.
            0 makes no difference between them.
        budget: Behaviours per batch, padding counted, that make a batch smaller where sequences are long.
        chunk: Longest row; longer sequences lie in several, and their scores are stitched. What a method
            knows around a behaviour ends with the row.
        overlap: Behaviours that such rows share; even.
        num_workers: Loader processes.
        seed: Decides the order of the training sequences.
        build_workers: Processes that build; the view does not depend on it.
        executor: Where they run: on this machine, or on Ray.

    Raises:
        ValueError: If a number is out of its range, or no factor is left.
    """

    name = "sequences"
    grain = "behaviour"

    def __init__(
        self,
        store: Path,
        split: Split,
        unit: Unit = "session",
        idle: float = IDLE,
        factors: Sequence[Factor] = FACTORS,
        vocabulary: int = 512,
        least: int = 5,
        batch_size: int = 64,
        malicious: int = 0,
        budget: int = 24576,
        chunk: int = 512,
        overlap: int = 64,
        num_workers: int = 0,
        seed: int = 0,
        build_workers: int = 1,
        executor: Place = "local",
    ) -> None:
        super().__init__(store, split, batch_size, num_workers, seed, build_workers, executor)
        if (
            not factors
            or len(set(factors)) < len(factors)
            or not 3 <= vocabulary <= 32767
            or least < 1
            or malicious < 0
            or idle <= 0
        ):
            raise ValueError(
                "sequences need different factors, 3 to 32767 tokens, least and idle above 0, and malicious "
                f"not below: got {list(factors)}, {vocabulary}, {least}, {idle} and {malicious}"
            )
        if overlap % 2 or not 0 <= overlap < chunk or budget < chunk:
            raise ValueError(
                "overlap must be even and smaller than chunk, and chunk at most budget, "
                f"got {overlap}, {chunk} and {budget}"
            )
        self.unit, self.idle, self.factors = unit, idle, tuple(factors)
        self.vocabulary, self.least = vocabulary, least
        self.malicious, self.budget, self.chunk, self.overlap = malicious, budget, chunk, overlap
        self.fitted: Fitted | None = None
        self.tokens: Int[np.ndarray, " n"] | None = None

    @property
    def folder(self) -> Path:
        """Where the built view lies."""
        settings: dict[str, object] = {"builder": BUILDER_VERSION, "unit": self.unit, "idle": self.idle}
        return Store(self.store).view_folder(self.name, settings)

    @property
    def shards(self) -> list[Path]:
        """Files of behaviours, one a shard, in the order in which behaviours are numbered."""
        return [self.folder / f"{shard.parent.name}.parquet" for shard in Store(self.store).shards]

    def prepare_data(self) -> None:
        """Cut the sequences once per store; later runs reuse the files."""
        store = Store(self.store)
        if self.folder.exists():
            return
        with folder_beside(self.folder) as target:
            work = partial(
                build_shard,
                target=target,
                own=own_pcs(store.pc_use()),
                people=store.people(),
                unit=self.unit,
                idle=self.idle,
            )
            table = self.build(work).with_columns(first=pl.col("length").cum_sum() - pl.col("length"))
            table.drop("sequence").write_parquet(target / "sequences.parquet")

    def setup(self, stage: str) -> None:
        """Split the sequences, fit the vocabulary on training ones, and number all behaviours."""
        table = pl.read_parquet(self.folder / "sequences.parquet", glob=False)
        spans = table.select("user", "start", "end")
        self.units = self.parted(spans, stage)
        if stage == "predict":
            self.warn_of_a_young_store(spans)
        self.first, self.length = table["first"].to_numpy(), table["length"].to_numpy()
        self.label = np.full(len(table), np.nan, dtype=np.float32)
        if stage in ("fit", "validate"):
            shown = self.split.labels_shown(self.units, self.store, self.events()).cast(pl.Float32)
            self.label = shown.fill_null(float("nan")).to_numpy()
        if stage == "fit":
            self.fitted = self.fit()
        self.tokens = None

    def warn_of_a_young_store(self, spans: pl.DataFrame) -> None:
        """Say so where nothing can be new: habits are counted from the store's own first day on."""
        if "habit" in self.factors and len(spans):
            days = (spans["end"].max() - spans["start"].min()).days  # type: ignore[operator, union-attr]  # times
            if days < WARM_UP:
                rank_zero_warn(
                    f"the store spans {days} days, and in the first {WARM_UP} of a user nothing counts as "
                    "new: add earlier logs to it, or leave the factor habit out"
                )

    def fit(self) -> Fitted:
        """Learn hours, popularity of sites, and words from training sequences."""
        store, trains = Store(self.store), (self.units["part"] == "train").to_numpy()
        if not trains.any():
            raise InputError("the training part holds no activity: the split leaves nothing to learn from")
        used = np.repeat(trains, self.length)
        seen = []
        for first, shard in self.located():
            rows = pl.read_parquet(shard, columns=["user", "time", "site"], glob=False)
            chosen = rows.filter(used[first : first + len(rows)])
            seen.append(chosen.select("user", pl.col("time").dt.date().alias("day"), "site").unique())
        facts = pl.concat(seen)
        days = facts.select("user", "day").unique()
        hours = training_hours(store.presence(), work_calendar(store.presence()), days)
        learned = Fitted(hours, popularity(facts.select("user", "site").unique()), [])
        counts: dict[str, int] = {}
        for first, words in self.read_texts(learned):
            counted = words.filter(pl.Series(used[first : first + len(words)])).value_counts()
            for text, count in counted.iter_rows():
                counts[text] = counts.get(text, 0) + count
        return learned._replace(words=build_vocabulary(counts, self.vocabulary, self.least))

    def located(self) -> Iterator[tuple[int, Path]]:
        """Each shard's file, with the number of its first behaviour."""
        first = 0
        for shard in self.shards:
            yield first, shard
            first += pl.scan_parquet(shard, glob=False).select(pl.len()).collect().item()

    def events(self) -> Iterator[pl.DataFrame]:
        """``user``, ``event_id`` and ``unit`` of all behaviours, shard by shard."""
        unit = np.repeat(np.arange(len(self.length)), self.length)
        for first, shard in self.located():
            rows = pl.read_parquet(shard, columns=["user", "event_id"], glob=False)
            yield rows.with_columns(unit=unit[first : first + len(rows)])

    def read_texts(self, fitted: Fitted) -> Iterator[tuple[int, pl.Series]]:
        """The texts of each shard's behaviours, with the number of the first."""
        calendar = work_calendar(Store(self.store).presence())
        for first, shard in self.located():
            yield first, texts(pl.read_parquet(shard, glob=False), fitted, calendar, self.factors)

    def encode(self, fitted: Fitted) -> Int[np.ndarray, " n"]:
        """The token of every behaviour."""
        tokens = np.zeros(int(self.length.sum()), dtype=np.int16)
        for first, words in self.read_texts(fitted):
            coded = words.cast(pl.Categorical)
            kinds = coded.unique()
            number = encode_texts(kinds.cast(pl.String).to_list(), fitted.words)
            found = coded.replace_strict(kinds, pl.Series(number), return_dtype=pl.Int16)
            tokens[first : first + len(found)] = found.to_numpy()
        return tokens

    def write_tokens(self, fitted: Fitted) -> None:
        """Write what each token means into the run's folder, where there is one."""
        if self.trainer is not None and self.trainer.training and self.trainer.is_global_zero:
            with written_beside(Path(self.trainer.default_root_dir) / "tokens.csv") as path:
                fitted.table(self.factors).write_csv(path)

    def rows(self) -> SequenceDataset:
        """All sequences of the view; the behaviours get their numbers when they are first asked for.

        Raises:
            InputError: If nothing was fitted, nor loaded from a checkpoint, which happens after ``setup``.
        """
        if self.fitted is None:
            raise InputError(
                "the vocabulary comes from training: fit first, or give a checkpoint with --ckpt_path"
            )
        if self.tokens is None:
            self.tokens = self.encode(self.fitted)
            self.write_tokens(self.fitted)
        return SequenceDataset(self.tokens, self.first, self.length, self.label, self.chunk, self.overlap)

    def batches(self, sampler: EqualLengths | InOrder) -> DataLoader[SequenceBatch]:
        """A loader whose batches are those that the sampler names."""
        return self.loader(self.rows(), sampler, batch_size=None)

    def train_dataloader(self) -> DataLoader[SequenceBatch]:
        """Training sequences, in batches of about equal length and changing company."""
        chosen = self.part("train")
        malicious = self.label[chosen] == 1
        if self.malicious and not malicious.any():
            raise InputError(
                "no training sequence is shown to be malicious: let the split show labels "
                "(--data.split.shown '[train, val]'), take a longer training part, or set --data.malicious 0"
            )
        known = self.label[self.part("val")]
        if self.malicious and len(known) and not (known == 1).any():
            raise InputError(
                "no validation sequence is shown to be malicious, so nothing tells which epoch is best: let "
                "the split show labels (--data.split.shown '[train, val]'), or take a longer validation part"
            )
        plain = chosen[~malicious] if self.malicious else chosen
        extra = chosen[malicious] if self.malicious else chosen[:0]
        sampler = EqualLengths(
            self.length, plain, self.batch_size, extra, self.malicious, self.budget, self.seed
        )
        return self.batches(sampler)

    def in_order(self, *parts: str) -> DataLoader[Any]:
        """Sequences of these parts, the longest first."""
        return self.batches(InOrder(self.length, self.part(*parts), self.budget))

    def count_scores(self, *parts: str) -> int:
        """Return the number of behaviours in these parts."""
        return int(self.length[self.part(*parts)].sum())

    def described(self, numbers: Int[np.ndarray, " n"]) -> Iterator[tuple[slice, pl.DataFrame]]:
        """Say which behaviours these are, shard by shard; a user's in time order."""
        ends = np.cumsum(self.length)
        owner = np.searchsorted(ends, numbers, side="right")
        for first, shard in self.located():
            rows = pl.read_parquet(shard, columns=["user", "time", "event_id"], glob=False)
            here = slice(*np.searchsorted(numbers, [first, first + len(rows)]))
            chosen = rows[numbers[here] - first]
            yield (
                here,
                chosen.select(
                    "user",
                    start=pl.col("time"),
                    end=pl.col("time").dt.offset_by("1us"),
                    event_id=pl.col("event_id"),
                    sequence=pl.Series(owner[here], dtype=SCORES["sequence"]),
                    part=self.units["part"].gather(owner[here]),
                ),
            )

    def state_dict(self) -> dict[str, Any]:
        """What was fitted on training sequences; it travels in the checkpoint."""
        return {} if self.fitted is None else {**self.fitted.state(), **self.meaning}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what another run fitted.

        Raises:
            InputError: If its sequences or tokens mean something else.
        """
        other = {name: state_dict.get(name) for name in self.meaning}
        if other != self.meaning:
            raise InputError(
                f"the checkpoint was fitted on {other}, and this view gives {self.meaning}: leave these "
                "options as they were, or fit again"
            )
        self.fitted, self.tokens = Fitted.from_state(state_dict), None

    @property
    def meaning(self) -> dict[str, Any]:
        """What sequences and tokens are, for which the fitted words hold."""
        return {"unit": self.unit, "idle": self.idle, "factors": list(self.factors)}
