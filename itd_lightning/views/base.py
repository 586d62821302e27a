"""What every data module has in common: a store, a table of units, and loaders in a seeded order."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from jaxtyping import Int
from lightning.pytorch import LightningDataModule
from torch.utils.data import BatchSampler, DataLoader, Dataset, Sampler, SequentialSampler

from itd_lightning.contracts.scores import SCORES, UNITS
from itd_lightning.contracts.unit_scores import Explanation
from itd_lightning.executors import Place, open_executor
from itd_lightning.splits import Split
from itd_lightning.store.read import Store
from itd_lightning.views.rank_batches import RankBatches


class EpochShuffle(Sampler[int]):
    """A permutation that depends on the seed and the epoch alone, so that resuming needs no saved state."""

    def __init__(self, rows: int, seed: int) -> None:
        self.rows, self.seed, self.epoch = rows, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Remember the epoch; the Trainer says it before each one."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.rows

    def __iter__(self) -> Iterator[int]:
        return iter(np.random.default_rng([self.seed, self.epoch]).permutation(self.rows).tolist())


class View(LightningDataModule):
    """A data view of one event store.

    Args:
        store: Event store, as ``itd prepare`` writes it.
        split: Who and when trains, validates and tests.
        batch_size: Rows per batch.
        num_workers: Loader processes; 0 loads in the main process. The scores do not depend on it.
        seed: Decides the order of the training rows.
        build_workers: Processes that build the view from the store's shards.
        executor: Where they run: on this machine, or on Ray.

    Attributes:
        units: One row a unit of the split: user, start, end, part; batches point into it by row number.
        grain: What a score is of.
    """

    name: str
    grain: str
    units: pl.DataFrame

    def __init__(
        self,
        store: Path,
        split: Split,
        batch_size: int,
        num_workers: int,
        seed: int,
        build_workers: int,
        executor: Place,
    ) -> None:
        super().__init__()
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        self.store, self.split = Path(store).absolute(), split
        self.batch_size, self.num_workers, self.seed = batch_size, num_workers, seed
        self.build_workers, self.executor = build_workers, executor

    @property
    def leaks(self) -> str:
        """What reaches a part from where it should not, in words."""
        return self.split.leaks

    def prepare_data(self) -> None:
        """Check that there is a store, before anything is set up."""
        Store(self.store)

    def build(self, function: Callable[[Path], pl.DataFrame]) -> pl.DataFrame:
        """What a function makes of each shard, one below the other.

        Args:
            function: Reads one shard's file; of a module, so that other processes find it.
        """
        with open_executor(self.build_workers, self.executor) as executor:
            return pl.concat(list(executor.map(function, Store(self.store).shards)))

    def parted(self, units: pl.DataFrame, stage: str) -> pl.DataFrame:
        """The units with the part that the split gives them; all are of part ``predict`` in that stage.

        Args:
            units: ``user``, ``start``, ``end``, sorted by user and start.
            stage: Of the Trainer.
        """
        if stage == "predict":
            return units.with_columns(part=pl.lit("predict").cast(UNITS["part"]))
        return self.split.assign(units, self.store)

    def part(self, *names: str) -> Int[np.ndarray, " m"]:
        """Row numbers of the units of these parts."""
        return np.flatnonzero(self.units["part"].is_in(names).to_numpy())

    def count_scores(self, *parts: str) -> int:
        """Return the number of scores of these parts."""
        return len(self.part(*parts))

    def in_order(self, *parts: str) -> DataLoader[Any]:
        """All units of these parts, each once, in an order that nothing changes.

        Views override it, or the three loaders that are made of it.
        """
        raise NotImplementedError(f"{type(self).__name__} does not hand out its units")

    def val_dataloader(self) -> DataLoader[Any] | list[DataLoader[Any]]:
        """Validation units; none where the split has no validation part."""
        return self.in_order("val") if len(self.part("val")) else []

    def test_dataloader(self) -> DataLoader[Any]:
        """Validation and test units: thresholds come from the former."""
        return self.in_order("val", "test")

    def predict_dataloader(self) -> DataLoader[Any]:
        """All units of the store."""
        return self.in_order("predict")

    def described(self, numbers: Int[np.ndarray, " n"]) -> Iterator[tuple[slice, pl.DataFrame]]:
        """Say which units these are, block by block.

        Args:
            numbers: As batches name what is scored, rising.

        Yields:
            Which of the numbers, and one row for each of them: the columns of ``contracts.scores.SCORES`` but
            the score. All rows of a user are in one block.
        """
        nothing = {name: pl.lit(None, SCORES[name]) for name in ("event_id", "sequence")}
        yield slice(0, len(numbers)), self.units[numbers].with_columns(**nothing)

    def cells(self, unit: int) -> pl.DataFrame:
        """What was seen of a unit: ``hour``, null where there is none, ``feature``, ``seen``, cell by cell.

        Views whose methods explain their scores by features of the view override it.
        """
        raise NotImplementedError(f"{type(self).__name__} has no features to explain scores by")

    def explanations(self, best: pl.DataFrame, cells: dict[int, Explanation]) -> pl.DataFrame:
        """One row a cell of the units that are explained.

        Args:
            best: ``unit`` and ``score`` of these units.
            cells: By unit, what each cell added to the score, and what was expected in it.
        """
        tables = []
        for unit, score in best.select("unit", "score").iter_rows():
            found = cells[unit]
            seen = (
                pl.DataFrame({"feature": found.names}).select(
                    pl.lit(None, pl.Int64).alias("hour"), "feature", pl.lit(None, pl.Float32).alias("seen")
                )
                if found.names
                else self.cells(unit)
            )
            table = seen.with_columns(
                expected=found.expected.flatten().numpy(),
                part=found.parts.flatten().numpy(),
                unit=pl.lit(unit, pl.Int64),
                score=pl.lit(score),
            )
            # Names are those of a batch: what adds nothing here may be another unit's sentence.
            tables.append(table.filter(pl.col("part") != 0) if found.names else table)
        keyed = self.units.select(UNITS.names()).drop("part").with_columns(unit=pl.int_range(pl.len()))
        return pl.concat(tables).join(keyed, on="unit", maintain_order="left").drop("unit")

    def pictures(self, users: Sequence[str], settings: Mapping[str, Any]) -> dict[str, pl.DataFrame]:
        """Return what the report draws of some users, by the file names of ``contracts.pictures.PICTURES``.

        It is called when the test part was scored. Most views have nothing to draw.

        Args:
            users: Those with the highest scores.
            settings: Hyper-parameters of the method that scored.
        """
        return {}

    def loader(
        self, rows: Dataset[Any], sampler: Sampler[Any] | None = None, batch_size: int | None = 0
    ) -> DataLoader[Any]:
        """A loader over a dataset that hands out whole batches.

        Args:
            rows: Gives them by ``__getitems__``; by ``__getitem__`` where the sampler names batches.
            sampler: Names rows, or whole batches; in order without one.
            batch_size: Rows per batch, 0 for the view's; None where the sampler names batches.
        """
        size = self.batch_size if batch_size == 0 else batch_size
        if self.trainer is not None and self.trainer.world_size > 1:
            sampler, size = self.of_rank(rows, sampler, size), None
        return DataLoader(
            rows,
            batch_size=size,
            sampler=sampler,
            num_workers=self.num_workers,
            collate_fn=as_it_is,
            # Else an epoch draws from the global stream or not, as there are workers, and so would dropout.
            generator=torch.Generator(),
            # Forked workers could inherit Polars' locked threads and hang.
            multiprocessing_context="spawn" if self.num_workers else None,
            persistent_workers=self.num_workers > 0,
        )

    def of_rank(self, rows: Dataset[Any], sampler: Sampler[Any] | None, size: int | None) -> RankBatches:
        """The batches of this rank; as many as on every other in training, where they are shuffled."""
        assert self.trainer is not None
        order: Any = SequentialSampler(rows) if sampler is None else sampler  # type: ignore[arg-type]  # sized
        ranks, rank = self.trainer.world_size, self.trainer.global_rank
        smaller = size and min(size, max(-(-len(order) // ranks), 1))  # where there would be too few batches
        batches = order if smaller is None else BatchSampler(order, smaller, drop_last=False)
        return RankBatches(batches, ranks, rank, even=hasattr(sampler, "set_epoch"))


def as_it_is(batch: Any) -> Any:  # noqa: ANN401 - each view has its own batch type
    """Collate a batch that the dataset has put together already."""
    return batch
