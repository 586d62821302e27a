"""Writes the tables from which the report draws single users, while the scored view is in memory."""

from pathlib import Path

import polars as pl
from lightning.pytorch import Callback, LightningModule, Trainer

from itd_lightning.callbacks.scores import view_of
from itd_lightning.contracts.files import atomic_file
from itd_lightning.contracts.run_files import SCORE_FILE
from itd_lightning.scores.table import scan_scores


class PictureWriter(Callback):
    """Write the tables of ``View.pictures`` into the run's folder, of views that have such tables.

    Args:
        users: Number of users whose pictures are written: those with the highest test scores.
    """

    def __init__(self, users: int = 20) -> None:
        if users < 1:
            raise ValueError(f"users must be at least 1, got {users}")
        self.users = users

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the tables, on the first rank; after ``ScoreWriter``, whose table it reads."""
        if not trainer.is_global_zero:
            return
        view, folder = view_of(trainer), Path(trainer.default_root_dir)
        users = highest_users(scan_scores(folder / SCORE_FILE)[0], self.users)
        for name, table in view.pictures(users, dict(pl_module.hparams)).items():
            with atomic_file(folder / name) as partial:
                table.write_parquet(partial)


def highest_users(scores: pl.LazyFrame, count: int) -> list[str]:
    """Return the users with the highest test scores, highest first; ties go to the first name."""
    tested = scores.filter(pl.col("part") == "test", pl.col("score").is_finite())
    best = tested.group_by("user").agg(pl.col("score").max())
    return best.sort(["score", "user"], descending=[True, False]).head(count).collect()["user"].to_list()
