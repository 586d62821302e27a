"""Base of all data views: one life cycle, a table of units, and loaders in a seeded order."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import polars as pl
import torch
from jaxtyping import Float, Int
from lightning.pytorch import LightningDataModule
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler, SequentialSampler

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import atomic_folder
from itd_lightning.contracts.parts import TEST, TRAIN
from itd_lightning.contracts.scores import SCORES, UNITS
from itd_lightning.contracts.unit_scores import Explanation
from itd_lightning.executors import Executor, open_executor
from itd_lightning.splits import Split
from itd_lightning.store.read import Store
from itd_lightning.store.source_hash import source_hash
from itd_lightning.views.loading import Loading
from itd_lightning.views.rank_batches import RankBatches

_NEEDED_PARTS = {"fit": (TRAIN, TEST), "test": (TEST,)}  # by stage of the Trainer
_PART_WORDS = {TRAIN: "training", TEST: "test"}
State = TypeVar("State")
_LISTED = 20  # names in a message


class EpochShuffle(Sampler[int]):
    """A permutation given by seed and epoch alone, so that a resumed run needs no saved state."""

    def __init__(self, rows: int, seed: int) -> None:
        self.rows, self.seed, self.epoch = rows, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch; the Trainer calls it before each one."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.rows

    def __iter__(self) -> Iterator[int]:
        return iter(np.random.default_rng([self.seed, self.epoch]).permutation(self.rows).tolist())


class View(LightningDataModule):
    """A data view of one event store.

    Its life: ``prepare_data`` builds the view once per store, settings and source code; ``setup`` reads it
    (``load_units``), lets the split assign parts, asks for the labels that the split shows, arranges what
    batches are made of (``arrange``), and learns from training units (``fit``); then loaders are made.

    Args:
        store: Event store, as ``itd prepare`` writes it.
        split: Who and when trains, validates and tests.
        loading: Batch size, processes and seed.

    Attributes:
        name: Of the view.
        grain: What a score is of.
        batch_type: Type of its batches.
        builder: Writes the built view into a folder: a function of a store, a ``ShardMap``, the folder, and
            ``settings``. Its module and all modules of ours that it imports are the source that keys the
            folder, so it imports nothing that does not decide what is built.
        units: One row a unit of the split: user, start, end, part; batches point into it by row number.
        label: What the split shows of each unit, float32 ``(N,)``: 1 malicious, 0 harmless, NaN for nothing.
    """

    name: str
    grain: str
    batch_type: ClassVar[type]
    builder: ClassVar[Callable[..., None]]
    units: pl.DataFrame
    label: Float[np.ndarray, " n"]

    def __init__(self, store: Path, split: Split, loading: Loading) -> None:
        super().__init__()
        if loading.batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {loading.batch_size}")
        self.store, self.split, self.loading = Path(store).absolute(), split, loading

    @property
    def leaks(self) -> str:
        """Return the leaks of the split, in words."""
        return self.split.leaks

    @property
    def settings(self) -> dict[str, Any]:
        """Return the view's arguments that change the built files; ``builder`` takes them by name."""
        return {}

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns of a batch that depend on what the store records.

        Empty where a method of the view asks for none.
        """
        return ()

    @property
    def folder(self) -> Path:
        """Return the folder of the built view."""
        source = source_hash(self.builder.__module__)
        return Store(self.store).view_folder(self.name, self.settings, source)

    def prepare_data(self) -> None:
        """Build the view once; later runs with equal store, settings and source read the same files."""
        store, folder = Store(self.store), self.folder
        if folder.exists():
            return
        workers = open_executor(self.loading.build_workers, self.loading.executor)
        with workers as executor, atomic_folder(folder) as target:
            self.builder(store, partial(_map_shards, executor, store), target, **self.settings)

    def setup(self, stage: str) -> None:
        """Read the view, assign parts, and learn from training units what is learned.

        Args:
            stage: Of the Trainer: ``fit``, ``validate``, ``test`` or ``predict``.
        """
        units = self.load_units(stage)
        self.units = self.assign_parts(units, stage)
        self.require_parts(units, stage)
        self.label = self.shown_labels(stage)
        self.arrange()
        if stage == "fit":
            self.fit()

    def load_units(self, stage: str) -> pl.DataFrame:
        """Read the built view; return ``user``, ``start``, ``end`` of its units, sorted by user and start."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its units are")

    def assign_parts(self, units: pl.DataFrame, stage: str) -> pl.DataFrame:
        """Return the units with their parts, by the split; all are ``predict`` in that stage.

        Args:
            units: ``user``, ``start``, ``end``, sorted by user and start.
            stage: Of the Trainer.
        """
        if stage == "predict":
            return units.with_columns(part=pl.lit("predict").cast(UNITS["part"]))
        return self.split.assign(units, self.store)

    def require_parts(self, units: pl.DataFrame, stage: str) -> None:
        """Refuse a split that leaves a part empty which this stage, or the test after a fit, needs.

        Args:
            units: All units of the view, before the split.
            stage: Of the Trainer.

        Raises:
            InputError: If it does.
        """
        for part in _NEEDED_PARTS.get(stage, ()):
            if not len(self.part(part)):
                raise InputError(
                    f"the split {type(self.split).__name__} leaves no {_PART_WORDS[part]} unit: "
                    f"{self.store} has {_time_span(units)}"
                )

    def shown_labels(self, stage: str) -> Float[np.ndarray, " n"]:
        """Return the labels that the split shows, NaN for none; scoring stages see none."""
        if stage not in ("fit", "validate"):
            return np.full(len(self.units), np.nan, dtype=np.float32)
        labels = self.split.shown_labels(self.units, self.store, self.unit_events())
        return labels.cast(pl.Float32).fill_null(float("nan")).to_numpy(writable=True)

    def unit_events(self) -> Iterable[pl.DataFrame] | None:
        """Return ``user``, ``event_id`` and ``unit`` of all events, block by block.

        None where a unit holds all that its user did in its time, so that times tell.
        """
        return None

    def arrange(self) -> None:
        """Prepare the data of batches, now that units have parts and labels."""

    def fit(self) -> None:
        """Fit on training units; the result is stored in the checkpoint."""

    def part(self, *names: str) -> Int[np.ndarray, " m"]:
        """Return the row numbers of the units of these parts."""
        return np.flatnonzero(self.units["part"].is_in(names).to_numpy())

    def count_scores(self, *parts: str) -> int:
        """Return the number of scores of these parts."""
        return len(self.part(*parts))

    def in_order(self, *parts: str) -> DataLoader[Any]:
        """Return a loader of all units of these parts, each once, in a fixed order.

        Views override it, or the three loaders that are made of it.
        """
        raise NotImplementedError(f"{type(self).__name__} does not hand out its units")

    def val_dataloader(self) -> DataLoader[Any] | list[DataLoader[Any]]:
        """Return the validation units; no loader where the split has no validation part."""
        return self.in_order("val") if len(self.part("val")) else []

    def test_dataloader(self) -> DataLoader[Any]:
        """Return the validation and test units: thresholds come from the former."""
        return self.in_order("val", "test")

    def predict_dataloader(self) -> DataLoader[Any]:
        """Return all units of the store."""
        return self.in_order("predict")

    def unit_rows(self, numbers: Int[np.ndarray, " n"]) -> Iterator[tuple[slice, pl.DataFrame]]:
        """Yield the rows of units by number, block by block.

        Args:
            numbers: As batches name what is scored, rising.

        Yields:
            Which of the numbers, and one row for each of them: the columns of ``contracts.scores.SCORES`` but
            the score and the mark of warm-up. All rows of a user are in one block.
        """
        nulls = {name: pl.lit(None, SCORES[name]) for name in ("event_id", "sequence")}
        yield slice(0, len(numbers)), self.units[numbers].with_columns(**nulls)

    def cells(self, unit: int) -> pl.DataFrame:
        """Return the cells of a unit: ``hour``, null where there is none, ``feature``, value ``seen``.

        A view that knows what is usual for the user, in the units of ``seen``, adds the column ``usual``.

        Views whose methods explain their scores by features of the view override it.
        """
        raise NotImplementedError(f"{type(self).__name__} has no features to explain scores by")

    def explanations(self, best: pl.DataFrame, cells: dict[int, Explanation]) -> pl.DataFrame:
        """Return one row per cell of the explained units.

        Args:
            best: ``unit`` and ``score`` of these units.
            cells: By unit, what each cell added to the score, and what was expected in it.
        """
        tables = []
        for unit, score in best.select("unit", "score").iter_rows():
            explanation = cells[unit]
            named = pl.DataFrame({"feature": explanation.names or explanation.others}).select(
                pl.lit(None, pl.Int64).alias("hour"),
                pl.col("feature").cast(pl.String),
                pl.lit(None, pl.Float32).alias("seen"),
                pl.lit(None, pl.Float32).alias("usual"),
            )
            features = pl.concat([*([] if explanation.names else [self.cells(unit)]), named], how="diagonal")
            table = features.with_columns(
                expected=explanation.expected.flatten().numpy(),
                part=explanation.parts.flatten().numpy(),
                unit=pl.lit(unit, pl.Int64),
                score=pl.lit(score),
            )
            # Names are those of a batch: what adds nothing here may be another unit's sentence.
            tables.append(table.filter(pl.col("seen").is_not_null() | (pl.col("part") != 0)))
        keyed = self.units.select(UNITS.names()).drop("part").with_columns(unit=pl.int_range(pl.len()))
        return pl.concat(tables).join(keyed, on="unit", maintain_order="left").drop("unit")

    def pictures(self, users: Sequence[str], settings: Mapping[str, Any]) -> dict[str, pl.DataFrame]:
        """Return tables for the report's pictures of some users, keyed by file name (``contracts.pictures``).

        It is called when the test part was scored. Most views have nothing to draw.

        Args:
            users: Those with the highest scores.
            settings: Hyper-parameters of the method that scored.
        """
        return {}

    def loader(
        self, rows: Dataset[Any], sampler: Sampler[Any] | None = None, batch_size: int | None = 0
    ) -> DataLoader[Any]:
        """Return a loader over a dataset that hands out whole batches.

        Args:
            rows: Gives them by ``__getitems__``; by ``__getitem__`` where the sampler names batches.
            sampler: Names rows, or whole batches; in order without one.
            batch_size: Rows per batch, 0 for the view's; None where the sampler names batches.
        """
        size = self.loading.batch_size if batch_size == 0 else batch_size
        if self.trainer is not None and self.trainer.world_size > 1:
            sampler, size = self.rank_batches(rows, sampler, size), None
        return DataLoader(
            rows,
            batch_size=size,
            sampler=sampler,
            num_workers=self.loading.num_workers,
            collate_fn=_collate_ready,
            # Else an epoch draws from the global stream or not, as there are workers, and so would dropout.
            generator=torch.Generator(),
            # Forked workers could inherit Polars' locked threads and hang.
            multiprocessing_context="spawn" if self.loading.num_workers else None,
            persistent_workers=self.loading.num_workers > 0,
        )

    def rank_batches(self, rows: Dataset[Any], sampler: Sampler[Any] | None, size: int | None) -> RankBatches:
        """Return the batches of this rank; in training, where they shuffle, equally many per rank."""
        assert self.trainer is not None
        order: Any = SequentialSampler(rows) if sampler is None else sampler  # type: ignore[arg-type]  # sized
        ranks, rank = self.trainer.world_size, self.trainer.global_rank
        smaller = size and min(size, max(-(-len(order) // ranks), 1))  # where there would be too few batches
        batches = order if smaller is None else BatchSampler(order, smaller, drop_last=False)
        return RankBatches(batches, ranks, rank, even=hasattr(sampler, "set_epoch"))


def _time_span(units: pl.DataFrame) -> str:
    """Return the first and the last day of some units, in words."""
    if units.is_empty():
        return "no units at all"
    last = pl.col("end").dt.offset_by("-1us").max()
    days = units.select(pl.col("start").min().dt.to_string("%Y-%m-%d"), last.dt.to_string("%Y-%m-%d"))
    return "units from {} to {}".format(*days.row(0))


def _map_shards(executor: Executor, store: Store, function: Callable[[Path], pl.DataFrame]) -> pl.DataFrame:
    """Return the results of a function for all shards, one below the other.

    Args:
        executor: Where it runs.
        store: The store.
        function: Reads one shard's file; of a module, so that other processes find it.
    """
    return pl.concat(list(executor.map(function, store.shards)))


def refuse_other_columns(learned: Sequence[str], present: Sequence[str]) -> None:
    """Refuse a store whose view has other columns than those that a checkpoint learned from.

    Raises:
        InputError: If one is missing or unknown; it lists them.
    """
    lists = {
        "lacks": [name for name in learned if name not in set(present)],
        "has, beside those it learned from,": [name for name in present if name not in set(learned)],
    }
    words = [f"{verb} {_listed(names)}" for verb, names in lists.items() if names]
    if words:
        raise InputError(
            f"the checkpoint does not fit this store, which {' and '.join(words)}: fit on this store, "
            "or score one that records the same"
        )


def _listed(names: Sequence[str]) -> str:
    """Return names as a list in words; of many, the first ones and how many more there are."""
    rest = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")


def require_fitted(fitted: State | None, source: str) -> State:
    """Return the fitted state of a view, or raise.

    Raises:
        InputError: If nothing was fitted, nor loaded from a checkpoint, which happens after ``setup``.
    """
    if fitted is None:
        raise InputError(f"{source} from training: fit first, or give a checkpoint with --ckpt_path")
    return fitted


def require_same_history(fitted: str, history: str) -> None:
    """Refuse a checkpoint that was fitted against another kind of history than the view has.

    Raises:
        InputError: If it was.
    """
    if fitted != history:
        raise InputError(
            f"the checkpoint was fitted with --data.history {fitted}, and this view has {history}: "
            "leave it as it was, or fit again"
        )


def _collate_ready(batch: Any) -> Any:  # noqa: ANN401 - each view has its own batch type
    """Return a batch that the dataset has collated already."""
    return batch
