"""Summary of one pass over a score table; every further pass reads only the few columns that it needs.

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
from itd_lightning.contracts.parts import VAL
from itd_lightning.evaluation.score_table import ScoreTable, select_test_units
from itd_lightning.metrics.ranking import Ranking
from itd_lightning.scores.pool import pool_days, pool_sequences, pool_sessions

POLICIES: tuple[LabelPolicy, ...] = ("event", "interval")

# One or several scores a test unit, by name, in chunks; called anew for each pass.
_Scores = Callable[[], Iterator[dict[str, Float[np.ndarray, " n"]]]]


class Survey(NamedTuple):
    """Summary of one pass over a score table.

    Attributes:
        units: Number N of test units.
        users: Their users, sorted.
        owners: Users of runs of consecutive test units, as numbers in ``users``.
        ends: First unit behind each of these runs.
        hits: Under each policy the malicious units, in order: ``unit``, its number among the test units,
            ``user``, ``owner``, ``sequence``, ``scenario`` and ``warm_up``.
        days: Test user-days, each as its highest unit; columns as in ``contracts.scores.SCORES``.
        sequences: Test units pooled to six in a row, or behaviours to sessions, as ``scores.pool`` does it.
        harmless: Scores of the harmless validation units.
        validation_units: Number of all validation units.
        warm_up_units: Number of test units in warm-up; None if the table does not say it of each.
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
    warm_up_units: int | None

    def owner(self, first: int, count: int) -> Int[np.ndarray, " n"]:
        """Return the users of consecutive test units, as numbers."""
        return self.owners[np.searchsorted(self.ends, np.arange(first, first + count), side="right")]


def take_survey(table: ScoreTable) -> Survey:
    """Read every row once.

    Raises:
        InputError: If there are no test units, or their scores are no numbers.
    """
    policies: list[LabelPolicy] = list(dict.fromkeys([table.policy, *POLICIES]))
    hits: dict[LabelPolicy, list[pl.DataFrame]] = {policy: [] for policy in policies}
    runs, days, sequences, marks, harmless = [], [], [], [], [np.zeros(0)]
    units, invalid, validation_units = 0, 0, 0
    for chunk in table.user_chunks():
        unit = select_test_units(chunk)
        invalid += int((~unit["score"].is_finite().fill_null(value=False)).sum())
        runs.append(unit["user"].rle().struct.unnest())
        days.append(pool_days(unit))
        sequences.append(pool_sessions(unit) if table.behaviours else pool_sequences(unit))
        marks.append(unit["warm_up"].value_counts())
        for policy, rows in hits.items():
            rows.append(_malicious_units(table.label(unit, policy), units))
        units += len(unit)
        val = table.label(chunk.filter(part=VAL), table.policy)
        validation_units += len(val)
        harmless.append(val.filter(~pl.col("malicious"))["score"].to_numpy())
    if not units:
        raise InputError(f"{table.path} holds no test units; the split leaves none")
    if invalid:
        raise InputError(f"{invalid} of {units} test scores are no numbers; the training diverged")
    run = pl.concat(runs)
    users = run["value"].unique().sort()
    return Survey(
        units=units,
        users=users,
        owners=_user_numbers(run["value"], users),
        ends=run["len"].cast(pl.Int64).cum_sum().to_numpy(),
        hits={policy: _add_owner(pl.concat(rows), users) for policy, rows in hits.items()},
        days=pl.concat(days),
        sequences=pl.concat(sequences),
        harmless=np.concatenate(harmless),
        validation_units=validation_units,
        warm_up_units=_count_marked(pl.concat(marks)),
    )


def rank_test_units(survey: Survey, policy: LabelPolicy, scores: _Scores) -> dict[str, Ranking]:
    """Rank the test units by one or several scores, in two passes over them."""
    hits = survey.hits[policy]
    at, owner = hits["unit"].to_numpy(), hits["owner"].to_numpy()
    of_hits: dict[str, list[np.ndarray]] = {}
    for first, chunk in _number_chunks(scores()):
        rows_in_chunk = _units_within(at, first, chunk) - first
        for name, value in chunk.items():
            of_hits.setdefault(name, []).append(value[rows_in_chunk])
    ranks = {name: Ranking(np.concatenate(v), owner, len(survey.users)) for name, v in of_hits.items()}
    for first, chunk in _number_chunks(scores()):
        size = _count_units(chunk)
        harmless = np.ones(size, dtype=bool)
        harmless[_units_within(at, first, chunk) - first] = False
        owners = survey.owner(first, size)[harmless]
        for name, value in chunk.items():
            ranks[name].add(value[harmless], owners)
    return ranks


def rank_without_warm_up(table: ScoreTable, survey: Survey, ranking: Ranking) -> Ranking:
    """Rank the test units that are not in warm-up, in one pass over them.

    Args:
        table: The score table, which says of each unit whether it is in warm-up.
        survey: Its summary.
        ranking: Of all test units, under the table's own policy.
    """
    hits = survey.hits[table.policy]
    at, others = hits["unit"].to_numpy(), ~hits["warm_up"].to_numpy()
    fewer = Ranking(ranking.hits[others], ranking.owner[others], ranking.users)
    columns = ("score", "warm_up")
    chunks = ({name: rows[name].to_numpy() for name in columns} for rows in table.test_chunks(*columns))
    for first, chunk in _number_chunks(chunks):
        chosen = ~chunk["warm_up"]
        chosen[_units_within(at, first, chunk) - first] = False
        fewer.add(chunk["score"][chosen], survey.owner(first, len(chosen))[chosen])
    return fewer


def harmless_above(
    table: ScoreTable, survey: Survey, ranking: Ranking, threshold: float
) -> Int[np.ndarray, " u"]:
    """Count the harmless test units of each user above a threshold, in one pass over the scores."""
    above = -np.bincount(ranking.owner[ranking.hits > threshold], minlength=len(survey.users))
    for first, chunk in _number_chunks(table.scores()):
        owner = survey.owner(first, _count_units(chunk))
        above += np.bincount(owner[chunk["score"] > threshold], minlength=len(survey.users))
    return above


def _malicious_units(unit: pl.DataFrame, first: int) -> pl.DataFrame:
    """Return the malicious units of a chunk whose first unit has this number among all."""
    numbers = unit.with_row_index("unit").filter("malicious")
    unit_number = pl.col("unit").cast(pl.Int64) + first
    return numbers.select(unit_number, "user", "sequence", "scenario", "warm_up")


def _count_marked(counts: pl.DataFrame) -> int | None:
    """Return how many units are in warm-up, from the counts of each mark; None if some have no mark."""
    if counts["warm_up"].has_nulls():
        return None
    return int(counts.filter("warm_up")["count"].sum())


def _add_owner(hits: pl.DataFrame, users: pl.Series) -> pl.DataFrame:
    """Add the numbers of their users to malicious units."""
    return hits.with_columns(owner=_user_numbers(hits["user"], users))


def _user_numbers(user: pl.Series, users: pl.Series) -> Int[np.ndarray, " n"]:
    """Return users as their places in a sorted list that holds them all."""
    return users.search_sorted(user).cast(pl.Int64).to_numpy()


def _number_chunks(
    chunks: Iterator[dict[str, np.ndarray]],
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Yield chunks with the number of each one's first unit."""
    first = 0
    for chunk in chunks:
        yield first, chunk
        first += _count_units(chunk)


def _count_units(chunk: dict[str, np.ndarray]) -> int:
    """Return the number of units in a chunk."""
    return len(next(iter(chunk.values())))


def _units_within(
    at: Int[np.ndarray, " m"], first: int, chunk: dict[str, np.ndarray]
) -> Int[np.ndarray, " k"]:
    """Return those of some rising numbers that lie in a chunk."""
    begin, end = np.searchsorted(at, [first, first + _count_units(chunk)])
    return at[begin:end]
