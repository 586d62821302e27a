"""Tokens of behaviours and their vocabulary: action, time, PC, object and habit.

A token is the text of its factors, such as ``email_send work own external+attachment usual``. The vocabulary,
the hours of everybody and the popularity of web sites are learned from training units only; a user's own
hours are those of earlier days.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Int

from itd_lightning.events.hours import WorkingDay, after_hours

Factor = Literal["kind", "when", "pc", "object", "habit"]
FACTORS: tuple[Factor, ...] = ("kind", "when", "pc", "object", "habit")
PADDING, UNKNOWN = "<padding>", "<unknown>"  # tokens 0 and 1
_SITES = pl.Schema({"site": pl.String(), "popularity": pl.String()})
_COMMON = 0.1  # of the training users


class Fitted(NamedTuple):
    """State that is fitted on training units: working hours, popular sites and the vocabulary.

    Attributes:
        hours: Usual working day of everybody, for users whose own hours are not known yet.
        sites: Popularity of each web site that training users visited: ``common``, ``some`` or ``rare``.
        words: Text of each token, in the order of their numbers; the first two are padding and unknown.
    """

    hours: WorkingDay
    sites: pl.DataFrame
    words: list[str]

    def state(self) -> dict[str, Any]:
        """Return the state in plain types, for a checkpoint."""
        sites = self.sites.to_dict(as_series=False)
        return {"hours": list(self.hours), "sites": sites, "words": list(self.words)}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Fitted":
        """Restore from a ``state``."""
        sites = pl.DataFrame(state["sites"], _SITES)
        return cls(WorkingDay.from_state(state["hours"]), sites, list(state["words"]))

    def table(self, factors: Sequence[Factor]) -> pl.DataFrame:
        """Return the number, the text and the factors of each token; padding and unknown have no factors."""
        split = [None, None, *(word.split(" ") for word in self.words[2:])]
        columns = {factor: [part and part[place] for part in split] for place, factor in enumerate(factors)}
        return pl.DataFrame({"token": range(len(self.words)), "text": self.words} | columns)


def popularity(visits: pl.DataFrame) -> pl.DataFrame:
    """Return the popularity of each web site: ``common`` to a tenth of training users, ``some``, or ``rare``.

    Args:
        visits: ``user`` and ``site`` of training behaviours, each pair once.

    Returns:
        The columns of ``_SITES``; a site that stands in none of the rows is new.
    """
    users = visits["user"].n_unique()
    counts = visits.drop_nulls("site").group_by("site").agg(users=pl.col("user").n_unique()).sort("site")
    level = (
        pl.when(pl.col("users") >= max(_COMMON * users, 2)).then(pl.lit("common"))
        .when(pl.col("users") > 1).then(pl.lit("some"))
        .otherwise(pl.lit("rare"))
    )  # fmt: skip
    return counts.select("site", popularity=level)


def texts(
    rows: pl.DataFrame,
    fitted: Fitted,
    own: pl.DataFrame,
    calendar: pl.DataFrame,
    factors: Sequence[Factor],
) -> pl.Series:
    """Return the text of each behaviour.

    Args:
        rows: As ``events.annotate.annotate_events`` returns them.
        fitted: Hours and sites; the words are not looked at.
        own: Users' own hours, as ``events.hours.own_hours`` returns them.
        calendar: As ``events.calendar.work_calendar`` returns it.
        factors: Which factors to tell apart, in this order.
    """
    late = after_hours(rows, own, fitted.hours, calendar).fill_null(value=False)
    sites = rows.select("site").join(fitted.sites, on="site", how="left", maintain_order="left")
    site = pl.when(pl.col("site").is_not_null()).then(sites["popularity"].fill_null("new"))
    columns = {
        "kind": pl.col("kind").cast(pl.String),
        "when": pl.when(late).then(pl.lit("after")).otherwise(pl.lit("work")),
        "pc": pl.col("relation"),
        "object": pl.coalesce(site, "object_class"),
        "habit": pl.col("habit"),
    }
    return rows.select(text=pl.concat_str([columns[factor] for factor in factors], separator=" ")).to_series()


def build_vocabulary(counts: dict[str, int], size: int, least: int) -> list[str]:
    """Return padding, unknown, then the most frequent texts; equally frequent ones in alphabetical order.

    Args:
        counts: How often each text occurs in training units.
        size: Most tokens, the first two included.
        least: Texts that occur more seldom share the unknown token, whose embedding so learns something.

    Example:
        >>> build_vocabulary({"a": 3, "b": 9, "c": 1}, size=4, least=2)
        ['<padding>', '<unknown>', 'b', 'a']
    """
    ordered = sorted(
        (text for text in counts if counts[text] >= least), key=lambda text: (-counts[text], text)
    )
    return [PADDING, UNKNOWN, *ordered[: size - 2]]


def encode_texts(texts: Sequence[str], words: Sequence[str]) -> Int[np.ndarray, " k"]:
    """Return the token of each text; 1 where it is unknown."""
    number = {word: place for place, word in enumerate(words)}
    return np.array([number.get(text, 1) for text in texts], dtype=np.int16)
