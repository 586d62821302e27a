"""View ``sequences``: a user's acts in a session or on a day, behaviour by behaviour.

Axes: N behaviours of the view, M sequences of a part, K factors of a factored token.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Int
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_warn
from torch.utils.data import DataLoader

from itd_lightning.contracts.batches import FACTOR_BLOCK, SequenceBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import atomic_file
from itd_lightning.contracts.scores import SCORES
from itd_lightning.events.annotate import WARM_UP
from itd_lightning.events.calendar import work_calendar
from itd_lightning.events.hours import WorkingDay, everybodys_hours, own_hours
from itd_lightning.splits import Split
from itd_lightning.store.read import Store
from itd_lightning.views.base import View, require_fitted
from itd_lightning.views.loading import Loading
from itd_lightning.views.sequences.batching import EqualLengths, InOrder
from itd_lightning.views.sequences.build import SEQUENCES, build_view
from itd_lightning.views.sequences.dataset import SequenceDataset
from itd_lightning.views.sequences.features import (
    FACTORS_OF,
    Factor,
    Fitted,
    Tokens,
    build_factor_vocabulary,
    build_vocabulary,
    encode_factors,
    encode_texts,
    factor_texts,
    known_domains,
    popularity,
    texts,
)
from itd_lightning.views.sequences.sessions import IDLE, Unit


class Sequences(View):
    """Sessions or user-days as sequences of behaviours.

    Args:
        store: Event store.
        split: Who and when trains, validates and tests; what it shows of training sequences reaches batches.
        unit: What a sequence is: a ``session``, from logon to logoff at a PC, or a user's ``day``.
        idle: Hours without any event after which a session without logoff is over.
        tokens: What stands for a behaviour: a word for each combination of factors (``words``); the number of
            each factor, which a method embeds and adds up (``factored``); or the word of its kind and its
            hour of the day (``activity_hour``), as in published code.
        factors: What tells tokens apart: ``kind``, ``when`` (within usual hours of the user or after),
            ``hour``, ``pc`` (whose), ``object`` (file type; recipients; how popular a web site is among
            training users), ``habit`` (on how many earlier days the user did the same), and ``site`` (the
            domain of a page, where enough training users visit it). Default: all but ``hour``, and ``site``
            in factored tokens only, since words would be too many.
        vocabulary: Most tokens V, padding and unknown included; the method gets the same number. Of factored
            tokens it is the number of all values, of which 32 belong to each factor but ``site``.
        least: Behaviours (values of a factor) that occur more seldom in training sequences share the unknown
            token.
        site_users: Training users who must have visited a domain to give it a value of its own. Others are
            stored nowhere, and count as new.
        batch_size: Sequences per batch; harmless ones, where the split shows labels and ``malicious`` is set.
        malicious: Malicious training sequences drawn for each batch besides, all of them equally often.
            0 makes no difference between them.
        budget: Behaviours per batch, padding counted, that make a batch smaller where sequences are long.
        chunk: Longest row; longer sequences lie in several, and their scores are stitched. What a method
            knows around a behaviour ends with the row.
        overlap: Behaviours that such rows share; even.
        loading: Further arguments of ``Loading``.

    Raises:
        ValueError: If a number is out of its range, or no factor is left.
    """

    name = "sequences"
    grain = "behaviour"
    batch_type = SequenceBatch
    builder = staticmethod(build_view)

    def __init__(
        self,
        store: Path,
        split: Split,
        unit: Unit = "session",
        idle: float = IDLE,
        tokens: Tokens = "words",
        factors: Sequence[Factor] | None = None,
        vocabulary: int = 512,
        least: int = 5,
        site_users: int = 5,
        batch_size: int = 64,
        malicious: int = 0,
        budget: int = 24576,
        chunk: int = 512,
        overlap: int = 64,
        **loading: Any,  # noqa: ANN401 - typed in Loading, where the command line reads them, too
    ) -> None:
        super().__init__(store, split, Loading(batch_size, **loading))
        factors = FACTORS_OF[tokens] if factors is None else tuple(factors)
        if (
            not factors
            or len(set(factors)) < len(factors)
            or not 3 <= vocabulary <= 32767
            or least < 1
            or site_users < 1
            or malicious < 0
            or idle <= 0
        ):
            raise ValueError(
                "sequences need different factors, 3 to 32767 tokens, least, site_users and idle above 0, "
                f"and malicious not below: got {list(factors)}, {vocabulary}, {least}, {site_users}, {idle} "
                f"and {malicious}"
            )
        if tokens == "activity_hour" and factors != FACTORS_OF[tokens]:
            raise ValueError("tokens activity_hour are words of kind and hour: leave factors out")
        if tokens == "factored" and vocabulary < 3 + FACTOR_BLOCK * (len(factors) - 1):
            raise ValueError(
                f"{len(factors)} factors need a vocabulary of {3 + FACTOR_BLOCK * (len(factors) - 1)} or "
                f"more, got {vocabulary}"
            )
        if overlap % 2 or not 0 <= overlap < chunk or budget < chunk:
            raise ValueError(
                "overlap must be even and smaller than chunk, and chunk at most budget, "
                f"got {overlap}, {chunk} and {budget}"
            )
        self.unit, self.idle, self.kind_of_tokens = unit, idle, tokens
        # The site comes last, where a factored token has room for many values.
        self.factors: tuple[Factor, ...] = tuple(sorted(factors, key=lambda factor: factor == "site"))
        self.vocabulary, self.least, self.site_users = vocabulary, least, site_users
        self.malicious, self.budget, self.chunk, self.overlap = malicious, budget, chunk, overlap
        self.fitted: Fitted | None = None
        self.tokens: Int[np.ndarray, "n ..."] | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """Return the view's arguments that change the built files."""
        return {"unit": self.unit, "idle": self.idle}

    @property
    def shards(self) -> list[Path]:
        """Return the files of behaviours, one a shard, in the order in which behaviours are numbered."""
        return [self.folder / f"{shard.parent.name}.parquet" for shard in Store(self.store).shards]

    def load_units(self, stage: str) -> pl.DataFrame:
        """Read the sequences."""
        table = pl.read_parquet(self.folder / SEQUENCES, glob=False)
        self.first, self.length, self.tokens = table["first"].to_numpy(), table["length"].to_numpy(), None
        spans = table.select("user", "start", "end")
        if stage == "predict":
            self.warn_of_short_store(spans)
        return spans

    def warn_of_short_store(self, spans: pl.DataFrame) -> None:
        """Warn where nothing can be new: habits are counted from the store's first day on."""
        if "habit" in self.factors and len(spans):
            days = (spans["end"].max() - spans["start"].min()).days  # type: ignore[operator, union-attr]  # times
            if days < WARM_UP:
                rank_zero_warn(
                    f"the store spans {days} days, and in the first {WARM_UP} of a user nothing counts as "
                    "new: add earlier logs to it, or leave the factor habit out"
                )

    def fit(self) -> None:
        """Learn everybody's hours, popularity of sites, and words from training sequences."""
        store, is_train = Store(self.store), (self.units["part"] == "train").to_numpy()
        in_training = np.repeat(is_train, self.length)
        visits = []
        for first, shard in self.shards_with_offset():
            rows = pl.read_parquet(shard, columns=["user", "time", "site"], glob=False)
            train = rows.filter(in_training[first : first + len(rows)])
            visits.append(train.select("user", pl.col("time").dt.date().alias("day"), "site").unique())
        facts = pl.concat(visits)
        days = facts.select("user", "day").unique()
        presence = store.presence()
        hours = everybodys_hours(presence, work_calendar(presence), days)
        fitted = self.fit_sites(facts.select("user", "site").unique(), hours)
        self.fitted = fitted._replace(words=self.fit_words(fitted, in_training))

    def fit_sites(self, visits: pl.DataFrame, hours: WorkingDay) -> Fitted:
        """Return what is fitted before words: hours, and web sites by their training users."""
        if "site" not in self.factors:
            return Fitted(hours, popularity(visits), [])
        domains = known_domains(visits, self.site_users)
        shared = visits.filter(pl.col("user").n_unique().over("site") >= self.site_users)
        sites = popularity(visits).join(shared.select("site").unique(), on="site", how="semi")
        return Fitted(hours, sites, [], domains)

    def fit_words(self, fitted: Fitted, in_training: Bool[np.ndarray, " n"]) -> list[str]:
        """Return the vocabulary of training sequences."""
        factored = self.kind_of_tokens == "factored"
        counts = [Counter[str]() for _ in (self.factors if factored else ("word",))]
        for first, table in self.read_texts(fitted):
            train = table.filter(pl.Series(in_training[first : first + len(table)]))
            for count, column in zip(counts, train.iter_columns(), strict=True):
                count.update(dict(column.value_counts().iter_rows()))
        if factored:
            return build_factor_vocabulary(counts, self.vocabulary, self.least)
        return build_vocabulary(counts[0], self.vocabulary, self.least)

    def shards_with_offset(self) -> Iterator[tuple[int, Path]]:
        """Yield each shard's file, with the number of its first behaviour."""
        first = 0
        for shard in self.shards:
            yield first, shard
            first += pl.scan_parquet(shard, glob=False).select(pl.len()).collect().item()

    def unit_events(self) -> Iterator[pl.DataFrame]:
        """Yield ``user``, ``event_id`` and ``unit`` of all behaviours, shard by shard."""
        unit = np.repeat(np.arange(len(self.length)), self.length)
        for first, shard in self.shards_with_offset():
            rows = pl.read_parquet(shard, columns=["user", "event_id"], glob=False)
            yield rows.with_columns(unit=unit[first : first + len(rows)])

    def read_texts(self, fitted: Fitted) -> Iterator[tuple[int, pl.DataFrame]]:
        """Yield the words of each shard's behaviours, or their factors, with the number of the first."""
        presence = Store(self.store).presence()
        calendar = work_calendar(presence)
        own = own_hours(presence, calendar)
        for first, shard in self.shards_with_offset():
            behaviours = (pl.read_parquet(shard, glob=False), fitted, own, calendar, self.factors)
            if self.kind_of_tokens == "factored":
                yield first, factor_texts(*behaviours)
            else:
                yield first, texts(*behaviours).to_frame()

    def encode(self, fitted: Fitted) -> Int[np.ndarray, "n ..."]:
        """Return the token of every behaviour."""
        behaviours = int(self.length.sum())
        if self.kind_of_tokens == "factored":
            factors = np.zeros((behaviours, len(self.factors)), dtype=np.int16)
            for first, table in self.read_texts(fitted):
                factors[first : first + len(table)] = encode_factors(table, fitted.words)
            return factors
        tokens = np.zeros(behaviours, dtype=np.int16)
        for first, table in self.read_texts(fitted):
            codes = table["text"].cast(pl.Categorical)
            kinds = codes.unique()
            number = encode_texts(kinds.cast(pl.String).to_list(), fitted.words)
            numbers = codes.replace_strict(kinds, pl.Series(number), return_dtype=pl.Int16)
            tokens[first : first + len(numbers)] = numbers.to_numpy()
        return tokens

    def write_tokens(self, fitted: Fitted) -> None:
        """Write the meaning of each token into the folder of a run that is fitted."""
        # Not `training`: the first batch may be one of Lightning's check of the validation.
        trainer = self.trainer
        if trainer is not None and trainer.state.fn == TrainerFn.FITTING and trainer.is_global_zero:
            factored = self.kind_of_tokens == "factored"
            table = fitted.factor_table(self.factors) if factored else fitted.table(self.factors)
            with atomic_file(Path(trainer.default_root_dir) / "tokens.csv") as path:
                table.write_csv(path)

    def rows(self) -> SequenceDataset:
        """Return all sequences of the view; behaviours are encoded on the first call."""
        fitted = require_fitted(self.fitted, "the vocabulary comes")
        if self.tokens is None:
            self.tokens = self.encode(fitted)
            self.write_tokens(fitted)
        return SequenceDataset(self.tokens, self.first, self.length, self.label, self.chunk, self.overlap)

    def batches(self, sampler: EqualLengths | InOrder) -> DataLoader[SequenceBatch]:
        """Return a loader of the sampler's batches."""
        return self.loader(self.rows(), sampler, batch_size=None)

    def train_dataloader(self) -> DataLoader[SequenceBatch]:
        """Return training sequences, in batches of about equal length, mixed anew each epoch."""
        train = self.part("train")
        malicious = self.label[train] == 1
        if self.malicious and not malicious.any():
            raise InputError(
                "no training sequence is shown to be malicious: let the split show labels "
                "(--data.split.shown '[train, val]'), take a longer training part, or set --data.malicious 0"
            )
        val = self.label[self.part("val")]
        if self.malicious and len(val) and not (val == 1).any():
            raise InputError(
                "no validation sequence is shown to be malicious, so nothing tells which epoch is best: let "
                "the split show labels (--data.split.shown '[train, val]'), or take a longer validation part"
            )
        plain = train[~malicious] if self.malicious else train
        extra = train[malicious] if self.malicious else train[:0]
        size, seed = self.loading.batch_size, self.loading.seed
        return self.batches(EqualLengths(self.length, plain, size, extra, self.malicious, self.budget, seed))

    def in_order(self, *parts: str) -> DataLoader[Any]:
        """Return the sequences of these parts, the longest first."""
        return self.batches(InOrder(self.length, self.part(*parts), self.budget))

    def count_scores(self, *parts: str) -> int:
        """Return the number of behaviours in these parts."""
        return int(self.length[self.part(*parts)].sum())

    def unit_rows(self, numbers: Int[np.ndarray, " n"]) -> Iterator[tuple[slice, pl.DataFrame]]:
        """Yield the rows of behaviours by number, shard by shard; a user's in time order."""
        ends = np.cumsum(self.length)
        owner = np.searchsorted(ends, numbers, side="right")
        for first, shard in self.shards_with_offset():
            rows = pl.read_parquet(shard, columns=["user", "time", "event_id"], glob=False)
            block = slice(*np.searchsorted(numbers, [first, first + len(rows)]))
            yield (
                block,
                rows[numbers[block] - first].select(
                    "user",
                    start=pl.col("time"),
                    end=pl.col("time").dt.offset_by("1us"),
                    event_id=pl.col("event_id"),
                    sequence=pl.Series(owner[block], dtype=SCORES["sequence"]),
                    part=self.units["part"].gather(owner[block]),
                ),
            )

    def state_dict(self) -> dict[str, Any]:
        """Return the state fitted on training sequences; it is stored in the checkpoint."""
        return {} if self.fitted is None else {**self.fitted.state(), **self.meaning}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state that another run fitted.

        Raises:
            InputError: If its sequences or tokens mean something else.
        """
        # A checkpoint of before other kinds of tokens has words.
        other = {name: ({"tokens": "words"} | state_dict).get(name) for name in self.meaning}
        if other != self.meaning:
            raise InputError(
                f"the checkpoint was fitted on {other}, and this view gives {self.meaning}: leave these "
                "options as they were, or fit again"
            )
        self.fitted, self.tokens = Fitted.from_state(state_dict), None

    @property
    def meaning(self) -> dict[str, Any]:
        """Return the settings of sequences and tokens, which the fitted words depend on."""
        factors, tokens = list(self.factors), self.kind_of_tokens
        return {"unit": self.unit, "idle": self.idle, "tokens": tokens, "factors": factors}
