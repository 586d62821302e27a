"""A score table beside the answer key: which units test, and which of them are malicious."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Float

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.labels import LabelPolicy
from itd_lightning.scores.chunks import pieces, user_pieces
from itd_lightning.scores.table import scan_scores
from itd_lightning.splits.labels import label
from itd_lightning.store.key import read_key
from itd_lightning.store.read import Store

TESTED = ("test", "predict")
BEHAVIOUR = "behaviour"


class ScoreTable:
    """A score table and what it is measured against.

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
        self.key = self.true.moved(self.about.moved_days)
        self.policy = labels or about.labels

    @property
    def behaviours(self) -> bool:
        """Whether a row is a single behaviour."""
        return self.about.grain == BEHAVIOUR

    def label(self, units: pl.DataFrame, policy: LabelPolicy) -> pl.DataFrame:
        """Add ``malicious`` and ``scenario``.

        A campaign that was moved has no events at its new time, which behaviours could be. All behaviours in
        its interval stand for them.
        """
        nothing_there = self.about.moved_days and policy == "event" and units["event_id"].count()
        return label(units, self.key, "interval" if nothing_there else policy)

    def usable(self) -> Iterator[pl.DataFrame]:
        """All rows, in the order of the file, whole users in each piece."""
        return map(self.without_true_campaigns, user_pieces(self.rows))

    def tested(self, *columns: str) -> Iterator[pl.DataFrame]:
        """Some columns of the test units, in the order of the file; with users, whole users in each piece."""
        needed = {*columns, "part"} | ({"user", "start", "end"} if self.about.moved_days else set())
        rows = self.rows.select(sorted(needed))
        read = user_pieces(rows) if "user" in columns else pieces(rows)
        return (of_test(self.without_true_campaigns(piece)) for piece in read)

    def without_true_campaigns(self, units: pl.DataFrame) -> pl.DataFrame:
        """In a null attack, the units apart from those of the true campaigns."""
        if not self.about.moved_days:
            return units
        return label(units, self.true, "interval").filter(~pl.col("malicious")).drop("scenario", "malicious")

    def scores(self) -> Iterator[dict[str, Float[np.ndarray, " n"]]]:
        """The scores of the test units, piece by piece."""
        return ({"score": piece["score"].to_numpy()} for piece in self.tested("score"))


def labelled(scores: Path, store: Path | None = None, labels: LabelPolicy | None = None) -> pl.DataFrame:
    """All test units with ``malicious`` and ``scenario``, of a table that fits in memory."""
    table = ScoreTable(scores, store, labels)
    return pl.concat([table.label(of_test(piece), table.policy) for piece in table.usable()])


def of_test(units: pl.DataFrame) -> pl.DataFrame:
    """The units of the test part."""
    return units.filter(pl.col("part").is_in(TESTED))
