"""Behaviours as words: what was done, in or after hours, at whose PC, to what kind of thing, how habitually.

A token is the text of its factors, such as ``email_send work own external+attachment usual``. The vocabulary,
the hours and the popularity of web sites are learned from training units only.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Int

from itd_lightning.events.hours import HOURS, after_hours, work_hours
from itd_lightning.events.pcs import relation
from itd_lightning.events.people import as_of

Factor = Literal["kind", "when", "pc", "object", "habit"]
FACTORS: tuple[Factor, ...] = ("kind", "when", "pc", "object", "habit")
PADDING, UNKNOWN = "<padding>", "<unknown>"  # tokens 0 and 1
SITES = pl.Schema({"site": pl.String(), "popularity": pl.String()})
COMMON = 0.1  # of the training users
EARLY = 28  # days of a user's history in which everything would be new, so nothing counts as such
USUAL = 10  # earlier days

FILE_TYPES = {
    "document": ("doc", "docx", "odt", "pdf", "ppt", "pptx", "rtf", "xls", "xlsx"),
    "text": ("cfg", "csv", "log", "txt", "xml"),
    "image": ("bmp", "gif", "jpeg", "jpg", "png", "tif"),
    "archive": ("7z", "gz", "rar", "tar", "zip"),
    "program": ("bat", "dll", "exe", "msi", "ps1", "sh"),
}
TYPE_OF = {ending: name for name, endings in FILE_TYPES.items() for ending in endings}

IS_FILE = pl.col("kind").cast(pl.String).str.starts_with("file_")
IS_MAIL = pl.col("kind").cast(pl.String).str.starts_with("email_")
IS_PAGE = pl.col("kind").cast(pl.String).str.starts_with("http_")
SITE = pl.col("object").str.to_lowercase().str.extract(r"^(?:\w+://)?(?:[^/@?#]*@)?(?:www\.)?([^/:?#]+)")
ENDING = pl.col("object").str.to_lowercase().str.extract(r"\.([a-z0-9]+)$")


class Fitted(NamedTuple):
    """What was learned from training units; ``hours`` and ``sites`` describe others by what they know.

    Attributes:
        hours: Usual working day of each user, as ``events.hours.work_hours`` returns it.
        sites: Popularity of each web site that training users visited: ``common``, ``some`` or ``rare``.
        words: Text of each token, in the order of their numbers; the first two are padding and unknown.
    """

    hours: pl.DataFrame
    sites: pl.DataFrame
    words: list[str]

    def state(self) -> dict[str, Any]:
        """The same in plain types, for a checkpoint."""
        tables = {name: getattr(self, name).to_dict(as_series=False) for name in ("hours", "sites")}
        return {**tables, "words": list(self.words)}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Fitted":
        """Undo ``state``."""
        hours, sites = pl.DataFrame(state["hours"], HOURS), pl.DataFrame(state["sites"], SITES)
        return cls(hours, sites, list(state["words"]))

    def table(self, factors: Sequence[Factor]) -> pl.DataFrame:
        """What each token means: its number, its text, and its factors, null for padding and unknown."""
        named = [None, None, *(word.split(" ") for word in self.words[2:])]
        columns = {factor: [part and part[place] for part in named] for place, factor in enumerate(factors)}
        return pl.DataFrame({"token": range(len(self.words)), "text": self.words} | columns)


def describe(
    events: pl.DataFrame, own: pl.DataFrame, people: pl.DataFrame | None, company: Sequence[str]
) -> pl.DataFrame:
    """Say what can be said of each event without learning anything.

    Args:
        events: One shard: ``user``, ``time``, ``pc``, ``kind``, ``object``, ``attachments``,
            ``to_removable``, ``from_removable``.
        own: Own PCs, as ``events.pcs.own_pcs`` returns them.
        people: The store's people, who tell supervisors; None where it has none.
        company: Mail domains of the company; a recipient elsewhere is external.

    Returns:
        The rows in their order, with ``relation`` (``own``, ``supervisor``, ``shared``, ``other``, or
        ``none`` without a PC), ``thing`` (file type and removable media; recipients and attachment; else
        ``none``), ``site``, the domain of a page, null where there is none, and ``habit``.
    """
    said = events.with_columns(
        relation=relation(supervised(events, people), own).cast(pl.String).fill_null("none"),
        thing=pl.when(IS_FILE)
        .then(file_class())
        .when(IS_MAIL)
        .then(mail_class(company))
        .otherwise(pl.lit("none")),
        site=pl.when(IS_PAGE).then(SITE),
    )
    return said.with_columns(habit=habits(said))


def supervised(events: pl.DataFrame, people: pl.DataFrame | None) -> pl.DataFrame:
    """``user``, ``pc`` and the supervisor of each event's day, as known then."""
    rows = events.select("user", "pc", day=pl.col("time").dt.date())
    if people is None:
        return rows.with_columns(supervisor=pl.lit(None, pl.String))
    known = as_of(people, rows.select("user", "day").unique()).select("user", "day", "supervisor")
    return rows.join(known, on=["user", "day"], how="left", maintain_order="left")


def habits(rows: pl.DataFrame) -> pl.Series:
    """On how many earlier days the user did the same: ``new``, ``seldom`` (1 to 9), or ``usual``.

    The same is a visit to the same web site, or else the same kind of action on the same kind of thing at the
    same PC. Only days before the behaviour's own count, so nothing later is known. In a user's first 28 days
    everything would be new: it is called ``usual``, for a word of its own would be a stamp of the calendar.

    Args:
        rows: ``user``, ``time``, ``kind``, ``pc``, ``thing`` and ``site`` of whole users.
    """
    what = pl.struct("kind", "site", pl.when(pl.col("site").is_null()).then(pl.struct("pc", "thing")))
    done = rows.select("user", day=pl.col("time").dt.date(), what=what)
    before = pl.col("day").rank("dense").over("user", "what") - 1
    day = pl.col("day") - pl.col("day").min().over("user")
    return done.select(
        habit=pl.when(day < pl.duration(days=EARLY)).then(pl.lit("usual"))
        .when(before == 0).then(pl.lit("new"))
        .when(before < USUAL).then(pl.lit("seldom"))
        .otherwise(pl.lit("usual"))
    ).to_series()  # fmt: skip


def file_class() -> pl.Expr:
    """Type of a file by its ending, and which way it crosses removable media, where the release says so."""
    kind = ENDING.replace_strict(TYPE_OF, default="other", return_dtype=pl.String)
    way = (
        pl.when(pl.col("to_removable")).then(pl.lit("+to_removable"))
        .when(pl.col("from_removable")).then(pl.lit("+from_removable"))
        .otherwise(pl.lit(""))
    )  # fmt: skip
    return kind + way


def mail_class(company: Sequence[str]) -> pl.Expr:
    """Whether any recipient, copies included, is outside of the company, and whether anything is attached."""
    domains = pl.col("object").fill_null("").str.to_lowercase().str.extract_all(r"@[^;,\s<>]+")
    outside = domains.list.eval(~pl.element().is_in([f"@{domain}" for domain in company])).list.any()
    where = pl.when(outside.fill_null(value=False)).then(pl.lit("external")).otherwise(pl.lit("internal"))
    attached = pl.when(pl.col("attachments") > 0).then(pl.lit("+attachment")).otherwise(pl.lit(""))
    return where + attached


def company_domains(people: pl.DataFrame | None) -> list[str]:
    """Mail domains of at least a tenth of the people; a private address makes its provider no colleague."""
    if people is None:
        return []
    domains = people.select(domain=pl.col("email").str.to_lowercase().str.extract("@(.+)$")).drop_nulls()
    usual = domains.group_by("domain").len().filter(pl.col("len") * 10 >= len(domains))
    return sorted(usual["domain"])


def popularity(visits: pl.DataFrame) -> pl.DataFrame:
    """How usual each web site is: ``common`` to a tenth of the training users, to ``some``, or ``rare``.

    Args:
        visits: ``user`` and ``site`` of training behaviours, each pair once.

    Returns:
        The columns of ``SITES``; a site that stands in none of the rows is new.
    """
    users = visits["user"].n_unique()
    counted = visits.drop_nulls("site").group_by("site").agg(users=pl.col("user").n_unique()).sort("site")
    usual = (
        pl.when(pl.col("users") >= max(COMMON * users, 2)).then(pl.lit("common"))
        .when(pl.col("users") > 1).then(pl.lit("some"))
        .otherwise(pl.lit("rare"))
    )  # fmt: skip
    return counted.select("site", popularity=usual)


def usual_hours(presence: pl.DataFrame, calendar: pl.DataFrame, train: pl.DataFrame) -> pl.DataFrame:
    """Working hours of each user, from the days on which their training units lie.

    Args:
        presence: Who was there, when, as ``Store.presence`` returns it.
        calendar: As ``Store.calendar`` returns it.
        train: ``user`` and ``day`` of training units, each pair once.
    """
    seen = presence.join(train, on=["user", "day"], how="semi")
    return work_hours(seen, calendar, train["day"])


def texts(rows: pl.DataFrame, fitted: Fitted, calendar: pl.DataFrame, factors: Sequence[Factor]) -> pl.Series:
    """The text of each behaviour.

    Args:
        rows: As ``describe`` returns them.
        fitted: Hours and sites; the words are not looked at.
        calendar: As ``Store.calendar`` returns it.
        factors: Which factors to tell apart, in this order.
    """
    late = after_hours(rows, fitted.hours, calendar).fill_null(value=False)
    popular = rows.select("site").join(fitted.sites, on="site", how="left", maintain_order="left")[
        "popularity"
    ]
    site = pl.when(pl.col("site").is_not_null()).then(popular.fill_null("new"))
    columns = {
        "kind": pl.col("kind").cast(pl.String),
        "when": pl.when(late).then(pl.lit("after")).otherwise(pl.lit("work")),
        "pc": pl.col("relation"),
        "object": pl.coalesce(site, "thing"),
        "habit": pl.col("habit"),
    }
    return rows.select(text=pl.concat_str([columns[factor] for factor in factors], separator=" ")).to_series()


def learned_words(counts: dict[str, int], size: int, least: int) -> list[str]:
    """Padding, unknown, then the most frequent texts; equally frequent ones in alphabetical order.

    Args:
        counts: How often each text occurs in training units.
        size: Most tokens, the first two included.
        least: Texts that occur more seldom share the unknown token, whose embedding so learns something.

    Example:
        >>> learned_words({"a": 3, "b": 9, "c": 1}, size=4, least=2)
        ['<padding>', '<unknown>', 'b', 'a']
    """
    ordered = sorted(
        (text for text in counts if counts[text] >= least), key=lambda text: (-counts[text], text)
    )
    return [PADDING, UNKNOWN, *ordered[: size - 2]]


def numbers_of(texts: Sequence[str], words: Sequence[str]) -> Int[np.ndarray, " k"]:
    """Token of each text; 1 where it is unknown."""
    number = {word: place for place, word in enumerate(words)}
    return np.array([number.get(text, 1) for text in texts], dtype=np.int16)
