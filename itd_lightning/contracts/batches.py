"""Batches that views hand to methods, one NamedTuple a view; a row holds no label but a shown one.

Axes: B rows, T hours, F features, L places of behaviours, N behaviours that count, S sequences, D days.
Trajectories: U users, T calendar days, D daily features, H hours of a day (24).
"""

from collections.abc import Sequence
from typing import NamedTuple

from jaxtyping import Bool, Float, Int
from torch import Tensor

from itd_lightning.contracts.unit_scores import UnitScores

FACTOR_BLOCK = 32  # numbers of each factor of a factored token but the last, which has all that follow


class WindowBatch(NamedTuple):
    """Mask/value windows.

    Attributes:
        mask: Whether anything of the feature happened in the hour, bool ``(B, T, F)``.
        values: Standardised counts, float32 ``(B, T, F)``; a silent hour has its own (negative) value.
        following: Row of this batch that holds the user's next window, int64 ``(B,)``; -1 for none.
        unit: Row number in the view's table of units, int64 ``(B,)``: user, start, end and part.
    """

    mask: Bool[Tensor, "b t f"]
    values: Float[Tensor, "b t f"]
    following: Int[Tensor, " b"]
    unit: Int[Tensor, " b"]

    def name_scores(self, score: Float[Tensor, " b"]) -> UnitScores:
        """Name scores by the units they are of."""
        return UnitScores(self.unit, score)


class DayBatch(NamedTuple):
    """User-days, each with those of the user that came before it.

    Attributes:
        features: What happened on the day, standardised, float32 ``(B, F)``.
        past: The same of the user's D preceding days, the latest first, float32 ``(B, D, F)``; 0 where there
            are fewer.
        has_past: Whether there is such a day, bool ``(B, D)``; where there is none, there is none before it.
        unit: Row number in the view's table of units, int64 ``(B,)``: user, start, end and part.
        label: Shown label of the day, float32 ``(B,)``: 1 malicious, 0 harmless, NaN where it shows
            nothing.
    """

    features: Float[Tensor, "b f"]
    past: Float[Tensor, "b d f"]
    has_past: Bool[Tensor, "b d"]
    unit: Int[Tensor, " b"]
    label: Float[Tensor, " b"]

    def name_scores(self, score: Float[Tensor, " b"]) -> UnitScores:
        """Name scores by the days they are of."""
        return UnitScores(self.unit, score)


class NarrativeBatch(NamedTuple):
    """User-days in words; text stays text, as each backbone has its own tokens.

    Attributes:
        narrative: What the user did on the day, in sentences, B of them.
        contents: Texts of the day's mails and pages, in time order; empty where nothing had any.
        unit: Row number in the view's table of units, int64 ``(B,)``: user, start, end and part.
        label: Shown label of the day, float32 ``(B,)``: 1 malicious, 0 harmless, NaN where it shows
            nothing.
    """

    narrative: Sequence[str]
    contents: Sequence[Sequence[str]]
    unit: Int[Tensor, " b"]
    label: Float[Tensor, " b"]

    def name_scores(self, score: Float[Tensor, " b"]) -> UnitScores:
        """Name scores by the days they are of."""
        return UnitScores(self.unit, score)

    def where(self, days: Bool[Tensor, " b"]) -> "NarrativeBatch":
        """Return some of the days."""
        rows = days.nonzero()[:, 0].tolist()
        return NarrativeBatch(
            [self.narrative[row] for row in rows],
            [self.contents[row] for row in rows],
            self.unit[days],
            self.label[days],
        )


class SequenceBatch(NamedTuple):
    """Behaviours in time order, padded on the right; a long sequence lies in several overlapping rows.

    Attributes:
        tokens: Behaviours, int64: words ``(B, L)``, of which 0 is padding and 1 unknown; or factors
            ``(B, L, K)``, of which 0 is padding. The numbers of factor k begin with its unknown value,
            ``1 + FACTOR_BLOCK * k``.
        lengths: Behaviours in each row, int64 ``(B,)``, at least 1.
        behaviour: Number of each behaviour in the view, int64 ``(B, L)``; -1 for padding, and for what is
            context only since another row of the sequence counts it.
        sequence: Number of the row's sequence in the view, int64 ``(B,)``; all rows of one are in one batch.
        label: Shown label of the row's sequence, float32 ``(B,)``: 1 malicious, 0 harmless, NaN
            where it shows nothing. Nothing says which of the behaviours is malicious.
    """

    tokens: Int[Tensor, "b l ..."]
    lengths: Int[Tensor, " b"]
    behaviour: Int[Tensor, "b l"]
    sequence: Int[Tensor, " b"]
    label: Float[Tensor, " b"]

    @property
    def is_counted(self) -> Bool[Tensor, "b l"]:
        """Return which places hold a behaviour that counts in this row; each behaviour counts in one row."""
        return self.behaviour >= 0

    def name_scores(self, score: Float[Tensor, "b l"]) -> UnitScores:
        """Name scores by the behaviours they are of."""
        return UnitScores(self.behaviour[self.is_counted], score[self.is_counted])

    def bags(self) -> tuple[Int[Tensor, " n"], Float[Tensor, " s"]]:
        """Return the number of each counted behaviour's sequence, of S in the batch, and their labels."""
        sequences, owner = self.sequence.unique(return_inverse=True)
        labels = self.label.new_empty(len(sequences)).index_copy(0, owner, self.label)
        return owner[:, None].expand_as(self.is_counted)[self.is_counted], labels

    def where(self, rows: Bool[Tensor, " b"]) -> "SequenceBatch":
        """Return some of the rows, without padding that only the others needed."""
        lengths = self.lengths[rows]
        longest = int(lengths.max()) if len(lengths) else 0
        return SequenceBatch(
            self.tokens[rows, :longest],
            lengths,
            self.behaviour[rows, :longest],
            self.sequence[rows],
            self.label[rows],
        )


class SignalBatch(NamedTuple):
    """User-days: behaviours in time order, padded on the right, and counts with their modes.

    Attributes:
        tokens: Behaviours, int64 ``(B, L)``; 0 is padding, 1 unknown.
        lengths: Behaviours in each row, int64 ``(B,)``, at least 1.
        signals: Standardised counts of C channels, then their K modes, float32 ``(B, C (K + 1))``.
        unit: Row number in the view's table of units, int64 ``(B,)``.
        label: Shown label of the day, float32 ``(B,)``: 1 malicious, 0 harmless, NaN for nothing.
        weight: Weight of the row in a loss, float32 ``(B,)``.
    """

    tokens: Int[Tensor, "b l"]
    lengths: Int[Tensor, " b"]
    signals: Float[Tensor, "b z"]
    unit: Int[Tensor, " b"]
    label: Float[Tensor, " b"]
    weight: Float[Tensor, " b"]

    def name_scores(self, score: Float[Tensor, " b"]) -> UnitScores:
        """Name scores by the units they are of."""
        return UnitScores(self.unit, score)


class TrajectoryBatch(NamedTuple):
    """Days of all users of the company on one calendar: a column is the same day for all.

    Attributes:
        values: Standardised daily features, float32 ``(U, T, D)``; a day without activity has the values of
            no event, which are not 0.
        active: Whether the user did anything on the day, bool ``(U, T)``.
        hours: Events in each hour of the day, naive local time, int16 ``(U, T, 24)``.
        day: Days since 1970-01-01, int64 ``(T,)``: consecutive.
        group: Number of the user's department, as known on the day, int64 ``(U, T)``; -1 for unknown.
        unit: Row number in the view's table of units, int64 ``(U, T)``; -1 for days that are context only,
            and for those before a user's first or after the last active day.
        label: Shown label of the user-day, float32 ``(U, T)``: 1 malicious, 0 harmless, NaN nothing.
    """

    values: Float[Tensor, "u t d"]
    active: Bool[Tensor, "u t"]
    hours: Int[Tensor, "u t h"]
    day: Int[Tensor, " t"]
    group: Int[Tensor, "u t"]
    unit: Int[Tensor, "u t"]
    label: Float[Tensor, "u t"]

    @property
    def is_scored(self) -> Bool[Tensor, "u t"]:
        """Return which days are units to be scored here."""
        return self.unit >= 0

    def name_scores(self, score: Float[Tensor, "u t"]) -> UnitScores:
        """Name scores by the user-days they are of."""
        return UnitScores(self.unit[self.is_scored], score[self.is_scored])
