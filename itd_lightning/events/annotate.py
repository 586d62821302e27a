"""Annotations of events that need no fitting: PC relation, object class, site and habit."""

from collections.abc import Sequence

import polars as pl

from itd_lightning.events.files import DIRECTION, IS_FILE, file_type
from itd_lightning.events.mail import IS_MAIL, is_external
from itd_lightning.events.pcs import event_relations
from itd_lightning.events.web import SITE

WARM_UP = 28  # days of a user's history in which everything would be new, so nothing counts as such
_USUAL = 10  # earlier days


def annotate_events(
    events: pl.DataFrame, own: pl.DataFrame, people: pl.DataFrame | None, company: Sequence[str]
) -> pl.DataFrame:
    """Add PC relation, object class, site and habit to events; nothing is fitted.

    Args:
        events: One shard: ``user``, ``time``, ``pc``, ``kind``, ``object``, ``attachments``,
            ``to_removable``, ``from_removable``.
        own: Own PCs, as ``events.pcs.own_pcs`` returns them.
        people: The store's people, whose supervisors count; None where it has none.
        company: Mail domains of the company, as ``events.mail.company_domains`` returns them.

    Returns:
        The rows in their order, with ``relation`` (``own``, ``supervisor``, ``shared``, ``other``, or
        ``none`` without a PC), ``object_class`` (file type and removable media; recipients and attachment;
        else ``none``), ``site`` of a page, null where there is none, and ``habit``.
    """
    rows = events.with_columns(
        relation=event_relations(events, own, people).cast(pl.String).fill_null("none"),
        object_class=pl.when(IS_FILE)
        .then(_file_class())
        .when(IS_MAIL)
        .then(_mail_class(company))
        .otherwise(pl.lit("none")),
        site=SITE,
    )
    return rows.with_columns(habit=_habits(rows))


def _file_class() -> pl.Expr:
    """Return the type of a file, and which way it crosses removable media, where the source says so."""
    return file_type() + ("+" + DIRECTION + "_removable").fill_null("")


def _mail_class(company: Sequence[str]) -> pl.Expr:
    """Return whether any recipient, copies included, is external, and whether anything is attached."""
    side = pl.when(is_external(company)).then(pl.lit("external")).otherwise(pl.lit("internal"))
    attachment = pl.when(pl.col("attachments") > 0).then(pl.lit("+attachment")).otherwise(pl.lit(""))
    return side + attachment


def earlier_days(rows: pl.DataFrame, same: Sequence[str]) -> pl.Series:
    """Count the earlier days on which the user did the same; later days play no part.

    Args:
        rows: ``user``, ``day``, and the columns in ``same``.
        same: Columns that are equal where somebody does the same; null equals null.
    """
    return rows.select(days=pl.col("day").rank("dense").over("user", *same) - 1).to_series()


def _habits(rows: pl.DataFrame) -> pl.Series:
    """Return on how many earlier days the user did the same: ``new``, ``seldom`` (1 to 9), or ``usual``.

    The same is a visit to the same web site, or else the same kind of action on the same class of object at
    the same PC. Only days before the behaviour's own count, so nothing later is known. In a user's first 28
    days everything would be new: it is called ``usual``, for a word of its own would be a stamp of the
    calendar.

    Args:
        rows: ``user``, ``time``, ``kind``, ``pc``, ``object_class`` and ``site`` of whole users.
    """
    action = pl.struct(
        "kind", "site", pl.when(pl.col("site").is_null()).then(pl.struct("pc", "object_class"))
    )
    actions = rows.select("user", day=pl.col("time").dt.date(), action=action)
    actions = actions.with_columns(before=earlier_days(actions, ["action"]))
    day = pl.col("day") - pl.col("day").min().over("user")
    return actions.select(
        habit=pl.when(day < pl.duration(days=WARM_UP)).then(pl.lit("usual"))
        .when(pl.col("before") == 0).then(pl.lit("new"))
        .when(pl.col("before") < _USUAL).then(pl.lit("seldom"))
        .otherwise(pl.lit("usual"))
    ).to_series()  # fmt: skip
