"""Writes the score table of a run, and the explanations of its highest scores."""

import shutil
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from itd_lightning.callbacks.own_files import remove_results
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import atomic_file, name_full_disk, private_folder
from itd_lightning.contracts.run_files import EXPLANATION_FILE, SCORE_FILE
from itd_lightning.contracts.scores import SCORES
from itd_lightning.contracts.unit_scores import Explanation, UnitScores
from itd_lightning.methods import Method
from itd_lightning.scores.table import About, write_scores
from itd_lightning.scores.warm_up import last_warm_up_days, mark_warm_up
from itd_lightning.store.read import Store
from itd_lightning.views import View


class ScoreWriter(Callback):
    """Write ``scores.parquet`` and, of methods that explain, ``explanations.parquet`` into the run's folder.

    The explanations hold the ``explained`` highest scores of the test part (all units in ``predict``), and
    the ``explained_daily`` highest of each day, one row a cell: its value, the expected value, and what
    the cell added to the score. On several devices the first one joins the scores of all; every unit
    of the view must have exactly one score.

    Args:
        explained: Number of units to explain.
        explained_daily: Number of units to explain on each day.
        explained_from: First day whose units are explained, those that reach into it, too; None for all.
        seed: Seed of the run, for the table's metadata.
        config: Hash of the run's config, for the table's metadata.
    """

    def __init__(
        self,
        explained: int = 100,
        explained_daily: int = 10,
        seed: int = 0,
        config: str = "",
        explained_from: date | None = None,
    ) -> None:
        self.explained, self.explained_daily = explained, explained_daily
        self.explained_from = date.min if explained_from is None else explained_from
        self.seed, self.config = seed, config
        self.reset()

    def reset(self) -> None:
        """Drop all scores gathered so far."""
        self.units: list[Tensor] = []
        self.scores: list[Tensor] = []
        self.best = pl.DataFrame(schema={"unit": pl.Int64, "start": pl.Datetime("us"), "score": pl.Float64})
        self.cells: dict[int, Explanation] = {}

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start afresh."""
        self.reset()

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start afresh."""
        self.reset()

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Gather the batch's scores."""
        self.gather(trainer, pl_module, outputs, batch)

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Gather the batch's scores."""
        self.gather(trainer, pl_module, outputs, batch)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the tables."""
        expected = view_of(trainer).count_scores("val", "test")
        self.finish(trainer, pl_module, None if _is_limited(trainer, "test") else expected)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the tables."""
        expected = view_of(trainer).count_scores("predict")
        self.finish(trainer, pl_module, None if _is_limited(trainer, "predict") else expected)

    def finish(self, trainer: Trainer, method: LightningModule, expected: int | None) -> None:
        """Join the ranks' scores, check them and write the tables on the first rank.

        Raises:
            InputError: If there is not exactly one score a unit; on all ranks, so that none waits.
        """
        if trainer.world_size > 1:
            self.join_ranks(trainer)
        problem = self.find_problem(expected) if trainer.is_global_zero else ""
        if problem := trainer.strategy.broadcast(problem):
            raise InputError(problem)
        if trainer.is_global_zero:
            self.write(trainer, method)
        trainer.strategy.barrier()

    def find_problem(self, expected: int | None) -> str:
        """Return a line that says why the scores are incomplete; '' where each unit has exactly one."""
        units = torch.cat(self.units)
        repeated = len(units) - len(units.unique())
        if not repeated and expected in (None, len(units)):
            return ""
        whole = "" if expected is None else f" of {expected:,} units"
        duplicates = f", {repeated:,} of them more than once" if repeated else ""
        return f"there are {len(units):,} scores{whole}{duplicates}: score again with --trainer.devices 1"

    def join_ranks(self, trainer: Trainer) -> None:
        """Hand this rank's scores to the first rank, by way of the run's folder."""
        root = Path(trainer.default_root_dir)
        root.mkdir(parents=True, exist_ok=True)
        folder = tempfile.mkdtemp(dir=root, prefix=".scores.") if trainer.is_global_zero else ""
        folder = trainer.strategy.broadcast(folder)
        torch.save(self.rank_scores(), Path(folder, f"{trainer.global_rank}.pt"))
        trainer.strategy.barrier()
        if trainer.is_global_zero:
            files = [Path(folder, f"{rank}.pt") for rank in range(trainer.world_size)]
            self.merge_ranks(view_of(trainer).units, [torch.load(file, weights_only=True) for file in files])
            shutil.rmtree(folder)

    def rank_scores(self) -> dict[str, Any]:
        """Return the scores and explanations of this rank, as tensors and plain types."""
        best = self.best.select("unit", "score").to_dict(as_series=False)
        cells = {unit: tuple(cell) for unit, cell in self.cells.items()}
        return {
            "units": torch.cat(self.units),
            "scores": torch.cat(self.scores),
            "best": best,
            "cells": cells,
        }

    def merge_ranks(self, units: pl.DataFrame, ranks: list[dict[str, Any]]) -> None:
        """Take over the scores of all ranks, and the explanations of the highest among them."""
        self.units, self.scores = ([rank[name] for rank in ranks] for name in ("units", "scores"))
        if not any(rank["cells"] for rank in ranks):
            return
        best = pl.concat(
            [pl.DataFrame(rank["best"], {"unit": pl.Int64, "score": pl.Float64}) for rank in ranks]
        )
        starts = units[best["unit"].to_numpy()].select("start")
        self.best = self.highest_scores(best.hstack(starts).select(self.best.columns))
        cells = {unit: cell for rank in ranks for unit, cell in rank["cells"].items()}
        self.cells = {unit: Explanation(*cells[unit]) for unit in self.best["unit"] if unit in cells}

    def gather(self, trainer: Trainer, method: LightningModule, scored: object, batch: object) -> None:
        """Keep the scores of a batch, and explain those among the highest so far."""
        if not isinstance(method, Method) or not isinstance(scored, UnitScores):
            raise TypeError(f"scores come from a Method, got {type(method).__name__}")
        self.units.append(scored.unit.cpu())
        self.scores.append(scored.score.cpu())
        if type(method).explain is not Method.explain:
            self.explain_highest(view_of(trainer), method, batch)

    def explain_highest(self, view: View, method: Method[Any], batch: object) -> None:
        """Explain the scores of a batch that are among the highest so far, and drop older explanations."""
        rows = view.units[self.units[-1].numpy()].with_columns(score=self.scores[-1].double().numpy())
        rows = rows.with_columns(unit=self.units[-1].numpy(), row=pl.int_range(pl.len()))
        is_wanted = (pl.col("part") != "val") & (pl.col("end").dt.date() >= self.explained_from)
        best = self.highest_scores(pl.concat([self.best, rows.filter(is_wanted).select(self.best.columns)]))
        new = best.filter(pl.col("unit").is_in(rows["unit"].implode())).join(
            rows.select("unit", "row"), on="unit"
        )
        self.best = best
        if new.is_empty() or (explanation := method.explain(batch)) is None:
            return
        for unit, row in new.select("unit", "row").iter_rows():
            parts, expected = (values[row].cpu().clone() for values in explanation[:2])
            self.cells[unit] = explanation._replace(parts=parts, expected=expected)
        units = set(best["unit"].to_list())
        self.cells = {unit: cells for unit, cells in self.cells.items() if unit in units}

    def highest_scores(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the highest scores of all, and of each day; ties go to the earlier unit."""
        ordered = rows.sort(["score", "unit"], descending=[True, False])
        place, daily = pl.int_range(pl.len()), pl.int_range(pl.len()).over(pl.col("start").dt.date())
        return ordered.filter((place < self.explained) | (daily < self.explained_daily))

    def write(self, trainer: Trainer, method: LightningModule) -> None:
        """Write both tables into the run's folder."""
        view, folder = view_of(trainer), Path(trainer.default_root_dir)
        private_folder(folder)
        about = About(
            run=folder.name,
            method=type(method).__name__,
            view=view.name,
            grain=view.grain,
            seed=self.seed,
            split=type(view.split).__name__,
            labels=view.split.labels,
            leaks=view.leaks,
            moved_days=view.split.moved_days,
            store=str(view.store.resolve()),
            store_fingerprint=Store(view.store).fingerprint,
            config=self.config,
            checkpoint=Path(str(trainer.ckpt_path)).name,
        )
        for stale in folder.glob(".scores.*"):  # of a test that was killed
            shutil.rmtree(stale, ignore_errors=True)
        with name_full_disk(folder), tempfile.TemporaryDirectory(dir=folder, prefix=".scores.") as parts:
            self.write_parts(view, Path(parts))
            scored = pl.scan_parquet(sorted(Path(parts).iterdir()), glob=False)
            write_scores(folder / SCORE_FILE, scored, about, lambda: remove_results(folder))
        if self.cells:
            with atomic_file(folder / EXPLANATION_FILE) as partial:
                view.explanations(self.best, self.cells).write_parquet(partial)

    def write_parts(self, view: View, folder: Path) -> None:
        """Write the scores block by block, each user's in time order."""
        order = torch.argsort(torch.cat(self.units))
        numbers, scores = torch.cat(self.units)[order].numpy(), torch.cat(self.scores)[order].numpy()
        last_days = last_warm_up_days(Store(view.store).presence())
        for part, (places, rows) in enumerate(view.unit_rows(numbers)):
            scored = mark_warm_up(rows.with_columns(score=scores[places].astype(float)), last_days)
            scored = scored.select(SCORES.names())
            scored.sort("user", "start").write_parquet(folder / f"{part:06}.parquet")


def _is_limited(trainer: Trainer, stage: str) -> bool:
    """Return whether a stage runs on some of its batches only."""
    limit = getattr(trainer, f"limit_{stage}_batches")
    # To Lightning 1.0 is the whole part, and 1 is one batch.
    return bool(trainer.fast_dev_run) or isinstance(limit, int) or limit != 1.0  # type: ignore[attr-defined]


def view_of(trainer: Trainer) -> View:
    """Return the view that the trainer runs on."""
    view = trainer.datamodule  # type: ignore[attr-defined]  # Lightning sets it when given one
    if not isinstance(view, View):
        raise TypeError(f"scores need a View as the data module, got {type(view).__name__}")
    return view
