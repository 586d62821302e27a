"""Writes what a method scored: the score table, and where the highest scores come from.

Axes: K explained units, T hours, F features.
"""

from pathlib import Path

import polars as pl
import torch
from jaxtyping import Float
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from itd_lightning.contracts.scores import SCORES, UNITS, UnitScores
from itd_lightning.events.store import Store
from itd_lightning.methods import Method
from itd_lightning.scores.table import About, write_scores
from itd_lightning.views import View
from itd_lightning.views.windows import Windows


class ScoreWriter(Callback):
    """Writes ``scores.parquet`` and, for windows, ``explanations.parquet`` into the run's folder.

    The explanations hold the ``explained`` highest scores of the test part (all units in ``predict``), one
    row a cell with anything in it: what was seen, what was expected, and what the cell added to the score.

    Args:
        explained: Number K of units to explain.
        seed: Seed of the run, for the table's metadata.
        config: Hash of the run's config, for the table's metadata.
    """

    def __init__(self, explained: int = 100, seed: int = 0, config: str = "") -> None:
        self.explained, self.seed, self.config = explained, seed, config
        self.reset()

    def reset(self) -> None:
        """Forget everything gathered so far."""
        self.units: list[Tensor] = []
        self.scores: list[Tensor] = []
        self.top: dict[int, tuple[float, Float[Tensor, "t f"], Float[Tensor, "t f"]]] = {}

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
        self.write(trainer, pl_module)

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the tables."""
        self.write(trainer, pl_module)

    def gather(self, trainer: Trainer, method: LightningModule, scored: object, batch: object) -> None:
        """Keep the scores of a batch, and the explanations of those among the highest so far."""
        if not isinstance(method, Method) or not isinstance(scored, UnitScores):
            raise TypeError(f"scores come from a Method, got {type(method).__name__}")
        self.units.append(scored.unit.cpu())
        self.scores.append(scored.score.double().cpu())
        view = view_of(trainer)
        counted = torch.from_numpy(~(view.units["part"] == "val").to_numpy())[self.units[-1]]
        floor = min((entry[0] for entry in self.top.values()), default=-torch.inf)
        chosen = counted & ((self.scores[-1] > floor) | torch.tensor(len(self.top) < self.explained))
        if not chosen.any():
            return
        explained = method.explain(batch)
        if explained is None:
            return
        for row in torch.where(chosen)[0].tolist():
            score = float(self.scores[-1][row])
            cells = (explained.parts[row].cpu(), explained.expected[row].cpu())
            self.top[int(self.units[-1][row])] = (score, *cells)
        best = sorted(self.top, key=lambda unit: (-self.top[unit][0], unit))[: self.explained]
        self.top = {unit: self.top[unit] for unit in best}

    def write(self, trainer: Trainer, method: LightningModule) -> None:
        """Write both tables into the run's folder."""
        view, folder = view_of(trainer), Path(trainer.default_root_dir)
        folder.mkdir(parents=True, exist_ok=True)
        about = About(
            run=folder.name,
            method=type(method).__name__,
            view=view.name,
            grain=view.grain,
            seed=self.seed,
            split=type(view.split).__name__,
            labels=view.split.labels,
            leaks=view.split.leaks,
            moved_days=view.split.moved_days,
            store=str(view.store.resolve()),
            store_fingerprint=Store(view.store).fingerprint,
            config=self.config,
            checkpoint=Path(str(trainer.ckpt_path)).name,
        )
        scored = view.units[torch.cat(self.units).numpy()].with_columns(
            score=torch.cat(self.scores).numpy(), event_id=pl.lit(None, pl.String)
        )
        write_scores(folder / "scores.parquet", scored.select(SCORES.names()).sort("user", "start"), about)
        if self.top and isinstance(view, Windows):
            self.explanations(view).write_parquet(folder / "explanations.parquet")

    def explanations(self, view: Windows) -> pl.DataFrame:
        """One row a cell of the highest scores."""
        hours, features = torch.meshgrid(
            torch.arange(view.hours), torch.arange(len(view.features)), indexing="ij"
        )
        names = torch.arange(len(view.features))[features].flatten().numpy()
        tables = [
            pl.DataFrame(
                {
                    "hour": hours.flatten().numpy(),
                    "feature": pl.Series(view.features).gather(names),
                    "seen": view.counts[unit].ravel(),
                    "expected": expected.flatten().numpy(),
                    "part": parts.flatten().numpy(),
                }
            ).with_columns(unit=pl.lit(unit), score=pl.lit(score))
            for unit, (score, parts, expected) in self.top.items()
        ]
        keyed = view.units.select(UNITS.names()).drop("part").with_row_index("unit")
        cells = pl.concat(tables).with_columns(pl.col("unit").cast(pl.UInt32))
        return cells.join(keyed, on="unit", maintain_order="left").drop("unit")


def view_of(trainer: Trainer) -> View:
    """The view that the trainer runs on."""
    view = trainer.datamodule  # type: ignore[attr-defined]  # Lightning sets it when given one
    if not isinstance(view, View):
        raise TypeError(f"scores need a View as the data module, got {type(view).__name__}")
    return view
