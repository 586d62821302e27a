"""What one pass over a score table finds; every further pass reads only the few columns that it needs.

The survey finds the malicious units under every label policy, and pools the others to what is small.

Axes: N test units, U users.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.labels import LabelPolicy
from itd_lightning.evaluation.score_table import ScoreTable, of_test
from itd_lightning.metrics.ranking import Ranking
from itd_lightning.scores.pool import pool_days, pool_sequences, pool_sessions

POLICIES: tuple[LabelPolicy, ...] = ("event", "interval")

# One or several scores a test unit, by name, in pieces; called anew for each pass.
Scores = Callable[[], Iterator[dict[str, Float[np.ndarray, " n"]]]]


class Survey(NamedTuple):
    """What one pass over a score table finds.

    Attributes:
        units: Number N of test units.
        users: Their users, sorted.
        owners: Users of runs of consecutive test units, as numbers in ``users``.
        ends: First unit behind each of these runs.
        hits: Under each policy the malicious units, in order: ``unit``, its number among the test units,
            ``user``, ``owner``, ``sequence`` and ``scenario``.
        days: Test user-days, each as its highest unit; columns as in ``contracts.scores.SCORES``.
        sequences: Test units pooled to six in a row, or behaviours to sessions, as ``scores.pool`` does it.
        harmless: Scores of the harmless validation units.
        validation_units: Number of all validation units.
    """

    units: int
    users: pl.Series
    owners: Int[np.ndarray, " k"]
    ends: Int[np.ndarray, " k"]
    hits: dict[LabelPolicy, pl.DataFrame]
    days: pl.DataFrame
    sequences: pl.DataFrame
    harmless: Float[np.ndarray, " v"]
    validation_units: int

    def owner(self, first: int, count: int) -> Int[np.ndarray, " n"]:
        """Users of consecutive test units, as numbers."""
        return self.owners[np.searchsorted(self.ends, np.arange(first, first + count), side="right")]


def survey(table: ScoreTable) -> Survey:
    """Look once at every row.

    Raises:
        InputError: If there are no test units, or their scores are no numbers.
    """
    policies: list[LabelPolicy] = list(dict.fromkeys([table.policy, *POLICIES]))
    hits: dict[LabelPolicy, list[pl.DataFrame]] = {policy: [] for policy in policies}
    runs, days, sequences, harmless = [], [], [], [np.zeros(0)]
    units, unusable, validation_units = 0, 0, 0
    for piece in table.usable():
        unit = of_test(piece)
        unusable += int((~unit["score"].is_finite().fill_null(value=False)).sum())
        runs.append(unit["user"].rle().struct.unnest())
        days.append(pool_days(unit))
        sequences.append(pool_sessions(unit) if table.behaviours else pool_sequences(unit))
        for policy, found in hits.items():
            found.append(malicious_units(table.label(unit, policy), units))
        units += len(unit)
        val = table.label(piece.filter(part="val"), table.policy)
        validation_units += len(val)
        harmless.append(val.filter(~pl.col("malicious"))["score"].to_numpy())
    if not units:
        raise InputError(f"{table.path} holds no test units; the split leaves none")
    if unusable:
        raise InputError(f"{unusable} of {units} test scores are no numbers; the training diverged")
    run = pl.concat(runs)
    users = run["value"].unique().sort()
    return Survey(
        units=units,
        users=users,
        owners=numbered(run["value"], users),
        ends=run["len"].cast(pl.Int64).cum_sum().to_numpy(),
        hits={policy: with_owner(pl.concat(found), users) for policy, found in hits.items()},
        days=pl.concat(days),
        sequences=pl.concat(sequences),
        harmless=np.concatenate(harmless),
        validation_units=validation_units,
    )


def rankings(seen: Survey, policy: LabelPolicy, scores: Scores) -> dict[str, Ranking]:
    """Rank the test units by one or several scores, in two passes over them."""
    hits = seen.hits[policy]
    at, owner = hits["unit"].to_numpy(), hits["owner"].to_numpy()
    found: dict[str, list[np.ndarray]] = {}
    for first, piece in counted(scores()):
        here = within(at, first, piece) - first
        for name, value in piece.items():
            found.setdefault(name, []).append(value[here])
    ranked = {name: Ranking(np.concatenate(v), owner, len(seen.users)) for name, v in found.items()}
    for first, piece in counted(scores()):
        size = length(piece)
        harmless = np.ones(size, dtype=bool)
        harmless[within(at, first, piece) - first] = False
        owners = seen.owner(first, size)[harmless]
        for name, value in piece.items():
            ranked[name].add(value[harmless], owners)
    return ranked


def harmless_above(
    table: ScoreTable, seen: Survey, ranking: Ranking, threshold: float
) -> Int[np.ndarray, " u"]:
    """Harmless test units of each user above a threshold, in one pass over the scores."""
    above = -np.bincount(ranking.owner[ranking.hits > threshold], minlength=len(seen.users))
    for first, piece in counted(table.scores()):
        owner = seen.owner(first, length(piece))
        above += np.bincount(owner[piece["score"] > threshold], minlength=len(seen.users))
    return above


def malicious_units(unit: pl.DataFrame, first: int) -> pl.DataFrame:
    """Which of some labelled test units are malicious; the first has this number among all."""
    numbers = unit.with_row_index("unit").filter("malicious")
    return numbers.select(pl.col("unit").cast(pl.Int64) + first, "user", "sequence", "scenario")


def with_owner(hits: pl.DataFrame, users: pl.Series) -> pl.DataFrame:
    """Malicious units with the numbers of their users."""
    return hits.with_columns(owner=numbered(hits["user"], users))


def numbered(user: pl.Series, users: pl.Series) -> Int[np.ndarray, " n"]:
    """Users as their places in a sorted list that holds them all."""
    return users.search_sorted(user).cast(pl.Int64).to_numpy()


def counted(
    pieces: Iterator[dict[str, np.ndarray]],
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Pieces with the number of each one's first unit."""
    first = 0
    for piece in pieces:
        yield first, piece
        first += length(piece)


def length(piece: dict[str, np.ndarray]) -> int:
    """Units in a piece."""
    return len(next(iter(piece.values())))


def within(at: Int[np.ndarray, " m"], first: int, piece: dict[str, np.ndarray]) -> Int[np.ndarray, " k"]:
    """Those of some rising numbers that lie in a piece."""
    begin, end = np.searchsorted(at, [first, first + length(piece)])
    return at[begin:end]
