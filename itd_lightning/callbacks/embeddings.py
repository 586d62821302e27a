"""Writes the embeddings of some test behaviours, for the map of them in the report."""

from pathlib import Path

import numpy as np
import polars as pl
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from itd_lightning.callbacks.scores import view_of
from itd_lightning.contracts.files import atomic_file
from itd_lightning.contracts.run_files import EMBEDDING_FILE, SCORE_FILE
from itd_lightning.methods import Method
from itd_lightning.views.sequences.batching import InOrder
from itd_lightning.views.sequences.view import Sequences

_SEED = 0  # of the sample of sequences and behaviours


class EmbeddingWriter(Callback):
    """Write ``embeddings.parquet`` into the run's folder, for methods that embed behaviours.

    Half of the sequences are those with the highest scores, the others are drawn at random. One row a
    behaviour (``user``, ``start``, ``end``, ``event_id``, ``part``, ``vector``), then one a landmark, such as
    the centre of a sphere, that has a ``vector`` only.

    Args:
        sequences: Test sequences whose behaviours are embedded.
        behaviours: Most behaviours in the table, drawn at random.
    """

    def __init__(self, sequences: int = 60, behaviours: int = 2500) -> None:
        self.sequences, self.behaviours = sequences, behaviours

    @torch.no_grad()
    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the embeddings, on the first rank; after ``ScoreWriter``, whose table it reads."""
        if not trainer.is_global_zero:
            return
        view, target = view_of(trainer), Path(trainer.default_root_dir) / EMBEDDING_FILE
        if not isinstance(view, Sequences) or not isinstance(pl_module, Method):
            return
        batches = []
        numbers = np.array(self.pick_sequences(target.with_name(SCORE_FILE)), dtype=np.int64)
        for places in InOrder(view.length, numbers, view.budget):
            batch = view.rows()[places]
            vectors = pl_module.embed(trainer.strategy.batch_to_device(batch))
            if vectors is None:
                return
            batches.append((batch.name_scores(torch.zeros(batch.behaviour.shape)).unit, vectors.cpu()))
        if not batches:
            return
        units, vectors = (torch.cat(parts) for parts in zip(*batches, strict=True))
        draw = np.random.default_rng(_SEED)
        sample = draw.permutation(len(units))[: self.behaviours]
        sample = sample[np.argsort(units[sample].numpy())]
        rows = pl.concat([block for _, block in view.unit_rows(units[sample].numpy())])
        table = rows.with_columns(vector=pl.Series(vectors[sample].numpy()).arr.to_list())
        landmarks = pl_module.landmarks()
        if landmarks is not None:
            others = pl.DataFrame({"vector": pl.Series(landmarks.cpu().numpy()).arr.to_list()})
            table = pl.concat([table, others], how="diagonal")
        with atomic_file(target) as partial:
            table.write_parquet(partial)

    def pick_sequences(self, scores: Path) -> list[int]:
        """Return the numbers of the sequences: the highest of the test part, and others at random."""
        best = (
            pl.scan_parquet(scores, glob=False)
            .filter(pl.col("part") == "test")
            .group_by("sequence")
            .agg(pl.col("score").max())
            .sort("score", "sequence", descending=[True, False])
            .collect()["sequence"]
            .to_numpy()
        )
        rest = np.random.default_rng(_SEED).permutation(best[self.sequences // 2 :])
        first = best[: self.sequences // 2]
        return sorted(np.concatenate([first, rest[: self.sequences - len(first)]]).tolist())
