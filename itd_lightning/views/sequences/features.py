"""Tokens of behaviours and their vocabulary: action, time, PC, object, habit and web site.

A word is the text of its factors, such as ``email_send work own external+attachment usual``; a factored token
has a number for each of them. The vocabulary, the hours of everybody, and the popularity of web sites are
learned from training units only; a user's own hours are those of earlier days.

Axes: N behaviours, K factors.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Int

from itd_lightning.contracts.batches import FACTOR_BLOCK
from itd_lightning.events.hours import WorkingDay, after_hours
from itd_lightning.events.web import domain

Tokens = Literal["words", "activity_hour", "factored"]
Factor = Literal["kind", "when", "hour", "pc", "object", "habit", "site"]
FACTORS: tuple[Factor, ...] = ("kind", "when", "pc", "object", "habit")
FACTORS_OF: dict[Tokens, tuple[Factor, ...]] = {
    "words": FACTORS,
    "activity_hour": ("kind", "hour"),
    "factored": (*FACTORS, "site"),
}
PADDING, UNKNOWN = "<padding>", "<unknown>"  # tokens 0 and 1
_PROPER = r"^[\p{L}\p{N}][\p{L}\p{N}._-]*$"  # a domain may be anything, and is written into files
_SITES = pl.Schema({"site": pl.String(), "popularity": pl.String()})
_COMMON = 0.1  # of the training users


class Fitted(NamedTuple):
    """State that is fitted on training units: working hours, popular sites and the vocabulary.

    Attributes:
        hours: Usual working day of everybody, for users whose own hours are not known yet.
        sites: Popularity of each web site that training users visited: ``common``, ``some`` or ``rare``.
        words: Text of each token, or of each value of a factor, in the order of their numbers; the first
            two are padding and unknown, and a number that nothing has is "".
        domains: Web domains that have a value of their own in the factor ``site``.
    """

    hours: WorkingDay
    sites: pl.DataFrame
    words: list[str]
    domains: Sequence[str] = ()

    def state(self) -> dict[str, Any]:
        """Return the state in plain types, for a checkpoint."""
        sites = self.sites.to_dict(as_series=False)
        return {
            "hours": list(self.hours),
            "sites": sites,
            "words": list(self.words),
            "domains": list(self.domains),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Fitted":
        """Restore from a ``state``."""
        sites = pl.DataFrame(state["sites"], _SITES)
        domains = list(state.get("domains", ()))  # none in checkpoints of before the factor site
        return cls(WorkingDay.from_state(state["hours"]), sites, list(state["words"]), domains)

    def table(self, factors: Sequence[Factor]) -> pl.DataFrame:
        """Return the number, the text and the factors of each word; padding and unknown have no factors."""
        split = [None, None, *(word.split(" ") for word in self.words[2:])]
        columns = {factor: [part and part[place] for part in split] for place, factor in enumerate(factors)}
        return pl.DataFrame({"token": range(len(self.words)), "text": self.words} | columns)

    def factor_table(self, factors: Sequence[Factor]) -> pl.DataFrame:
        """Return the number, the factor and the text of each value of factored tokens."""
        rows = [
            (first + place, factor, text)
            for factor, (first, texts) in zip(factors, _factor_values(self.words, len(factors)), strict=True)
            for place, text in enumerate(texts)
            if text
        ]
        schema = {"token": pl.Int64, "factor": pl.String, "text": pl.String}
        return pl.DataFrame(rows, schema, orient="row")


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


def known_domains(visits: pl.DataFrame, least_users: int) -> list[str]:
    """Return the web domains that enough training users visited, in alphabetical order.

    Args:
        visits: ``user`` and ``site`` of training behaviours.
        least_users: Users who must have visited a domain. What only a few visit may tell who they are.

    Example:
        >>> visits = pl.DataFrame({"user": ["a", "b", "b"], "site": ["x.y.com", "y.com", "z.com"]})
        >>> known_domains(visits, least_users=2)
        ['y.com']
    """
    domains = visits.drop_nulls("site").select("user", domain=domain(pl.col("site")))
    users = domains.group_by("domain").agg(users=pl.col("user").n_unique())
    is_known = (pl.col("users") >= least_users) & pl.col("domain").str.contains(_PROPER)
    return sorted(users.filter(is_known)["domain"])


def factor_texts(
    rows: pl.DataFrame,
    fitted: Fitted,
    own: pl.DataFrame,
    calendar: pl.DataFrame,
    factors: Sequence[Factor],
) -> pl.DataFrame:
    """Return the text of each factor of each behaviour, a column a factor.

    Args:
        rows: As ``events.annotate.annotate_events`` returns them.
        fitted: Hours, sites and domains; the words are not looked at.
        own: Users' own hours, as ``events.hours.own_hours`` returns them.
        calendar: As ``events.calendar.work_calendar`` returns it.
        factors: Which factors to tell apart, in this order.
    """
    late = after_hours(rows, own, fitted.hours, calendar).fill_null(value=False)
    sites = rows.select("site").join(fitted.sites, on="site", how="left", maintain_order="left")
    site = pl.when(pl.col("site").is_not_null()).then(sites["popularity"].fill_null("new"))
    page = domain(pl.col("site"))
    columns = {
        "kind": pl.col("kind").cast(pl.String),
        "when": pl.when(late).then(pl.lit("after")).otherwise(pl.lit("work")),
        "hour": pl.col("time").dt.strftime("%H"),
        "pc": pl.col("relation"),
        "object": pl.coalesce(site, "object_class"),
        "habit": pl.col("habit"),
        # A site without a value of its own is named by its popularity, beside which no domain can stand.
        "site": pl.coalesce(pl.when(page.is_in(list(fitted.domains))).then(page), "~" + site, pl.lit("none")),
    }
    return rows.select(**{factor: columns[factor] for factor in factors})


def texts(
    rows: pl.DataFrame,
    fitted: Fitted,
    own: pl.DataFrame,
    calendar: pl.DataFrame,
    factors: Sequence[Factor],
) -> pl.Series:
    """Return the word of each behaviour; see ``factor_texts``."""
    table = factor_texts(rows, fitted, own, calendar, factors)
    return table.select(text=pl.concat_str(factors, separator=" ")).to_series()


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


def build_factor_vocabulary(counts: Sequence[Mapping[str, int]], size: int, least: int) -> list[str]:
    """Return the texts of all values of factors by their number: padding, then factor by factor.

    Each factor has ``FACTOR_BLOCK`` numbers, the first of which is its unknown value, and the last factor all
    that are left. In each, the most frequent texts come first, as in ``build_vocabulary``.

    Args:
        counts: For each factor, how often each text occurs in training units.
        size: Most numbers, padding included.
        least: Texts that occur more seldom share the unknown value of their factor.

    Example:
        >>> words = build_factor_vocabulary([{"logon": 9, "rare": 1}, {"x.com": 5}], size=99, least=2)
        >>> words[:4], words[33:]
        (['<padding>', '<unknown>', 'logon', ''], ['<unknown>', 'x.com'])
    """
    words = [PADDING]
    for place, texts_of_factor in enumerate(counts):
        is_last = place + 1 == len(counts)
        most = size - len(words) if is_last else FACTOR_BLOCK
        block = build_vocabulary(dict(texts_of_factor), most + 1, least)[1:]  # padding stands already
        words += block if is_last else block + [""] * (FACTOR_BLOCK - len(block))
    return words


def _factor_values(words: Sequence[str], factors: int) -> list[tuple[int, Sequence[str]]]:
    """Return the first number and the texts of each factor, of ``build_factor_vocabulary``'s list."""
    begins = [1 + FACTOR_BLOCK * place for place in range(factors)]
    return [(begin, words[begin:end]) for begin, end in zip(begins, [*begins[1:], len(words)], strict=True)]


def encode_factors(table: pl.DataFrame, words: Sequence[str]) -> Int[np.ndarray, "n k"]:
    """Return the numbers of the factors of each behaviour, from their texts."""
    columns = []
    values = _factor_values(words, table.width)
    for texts_of_factor, (first, known) in zip(table.iter_columns(), values, strict=True):
        distinct = texts_of_factor.unique()
        number = {text: first + place for place, text in enumerate(known) if text}
        numbers = [number.get(text, first) for text in distinct]
        columns.append(texts_of_factor.replace_strict(distinct, numbers, return_dtype=pl.Int16).to_numpy())
    return np.stack(columns, axis=1)
