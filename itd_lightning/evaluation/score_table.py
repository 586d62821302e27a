"""A score table with the labels of the answer key."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Float

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.labels import LabelPolicy
from itd_lightning.contracts.parts import TEST_PARTS
from itd_lightning.scores.chunks import row_chunks, user_chunks
from itd_lightning.scores.table import scan_scores
from itd_lightning.splits.labels import label_units
from itd_lightning.store.key import read_key
from itd_lightning.store.read import Store

BEHAVIOUR = "behaviour"


def malicious_ids(store: Path) -> pl.Series:
    """Return the ids of the events that the answer key of a store calls malicious.

    Raises:
        InputError: If the store has none.
    """
    return read_key(store).events["event_id"]


class ScoreTable:
    """A score table and the answer key that labels it.

    Args:
        scores: ``scores.parquet`` of a run.
        store: Event store with the key; default: the one that the table names.
        labels: Label policy; default: the split's.
        moved_days: Take every campaign as if it had happened so many days earlier, and leave out what
            overlaps a true one, since that is not harmless. Default: what the split says.

    Raises:
        InputError: If there are no scores, no store, no key, or the store is another one.
    """

    def __init__(
        self,
        scores: Path,
        store: Path | None = None,
        labels: LabelPolicy | None = None,
        moved_days: int | None = None,
    ) -> None:
        self.rows, about = scan_scores(scores)
        self.path = scores
        self.about = about if moved_days is None else about._replace(moved_days=moved_days)
        self.store = Store(store or Path(about.store))
        if self.store.fingerprint != about.store_fingerprint:
            raise InputError(
                f"{scores} was scored on another store than {self.store.path}; "
                "name the right one with --store"
            )
        self.true = read_key(self.store.path)
        self.key = self.true.move_earlier(self.about.moved_days)
        self.policy = labels or about.labels

    @property
    def behaviours(self) -> bool:
        """Return whether a row is a single behaviour."""
        return self.about.grain == BEHAVIOUR

    def label(self, units: pl.DataFrame, policy: LabelPolicy) -> pl.DataFrame:
        """Add ``malicious`` and ``scenario``.

        A campaign that was moved has no events at its new time, which behaviours could be. All behaviours in
        its interval stand for them.
        """
        without_events = self.about.moved_days and policy == "event" and units["event_id"].count()
        return label_units(units, self.key, "interval" if without_events else policy)

    def user_chunks(self) -> Iterator[pl.DataFrame]:
        """Yield all rows, in the order of the file, whole users in each chunk."""
        return map(self.without_true_campaigns, user_chunks(self.rows))

    def test_chunks(self, *columns: str) -> Iterator[pl.DataFrame]:
        """Yield columns of the test units, in order; with users, whole users in each chunk."""
        needed = {*columns, "part"} | ({"user", "start", "end"} if self.about.moved_days else set())
        rows = self.rows.select(sorted(needed))
        chunks = user_chunks(rows) if "user" in columns else row_chunks(rows)
        return (select_test_units(self.without_true_campaigns(chunk)) for chunk in chunks)

    def without_true_campaigns(self, units: pl.DataFrame) -> pl.DataFrame:
        """Drop the units of the true campaigns in a null attack; else return all."""
        if not self.about.moved_days:
            return units
        return (
            label_units(units, self.true, "interval")
            .filter(~pl.col("malicious"))
            .drop("scenario", "malicious")
        )

    def scores(self) -> Iterator[dict[str, Float[np.ndarray, " n"]]]:
        """Yield the scores of the test units, chunk by chunk."""
        return ({"score": chunk["score"].to_numpy()} for chunk in self.test_chunks("score"))


def label_test_units(
    scores: Path, store: Path | None = None, labels: LabelPolicy | None = None
) -> pl.DataFrame:
    """Return all test units with ``malicious`` and ``scenario``, of a table that fits in memory."""
    table = ScoreTable(scores, store, labels)
    return pl.concat([table.label(select_test_units(chunk), table.policy) for chunk in table.user_chunks()])


def select_test_units(units: pl.DataFrame) -> pl.DataFrame:
    """Return the units of the test part."""
    return units.filter(pl.col("part").is_in(TEST_PARTS))
