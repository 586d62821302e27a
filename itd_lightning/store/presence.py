"""Two small tables beside the events of a shard: each user's days of presence, and first use of PCs."""

import polars as pl

PRESENCE = pl.Schema(
    {"user": pl.String(), "day": pl.Date(), "first": pl.Datetime("us"), "last": pl.Datetime("us")}
)
PC_USE = pl.Schema(
    {
        "user": pl.String(),
        "pc": pl.String(),
        "days": pl.UInt32(),
        "logons": pl.UInt32(),
        "first": pl.Datetime("us"),
    }
)
_ENDS = ("logoff", "disconnect")  # past midnight they end what began on the day before
_TWO_WEEKS = "14d"


def days_present(events: pl.DataFrame) -> pl.DataFrame:
    """Return the days on which each user was there: the partial of one shard.

    Any event proves it but the end of a session or a connection. Logons alone would not do: a few are missing
    from the logs on purpose, and other sources may have none.

    Args:
        events: One shard: ``user``, ``time``, ``kind``.

    Returns:
        ``user``, ``day``, the day's ``first`` event (ends left out) and ``last`` one (ends counted); sorted.
        Each user is whole in one shard, so the partials of all shards merge by ``pl.concat``, in any order.
    """
    starts = pl.col("time").filter(~pl.col("kind").is_in(_ENDS))
    return (
        events.group_by("user", pl.col("time").dt.date().alias("day"))
        .agg(first=starts.min(), last=pl.col("time").max())
        .drop_nulls("first")
        .sort("user", "day")
    )


def pc_use(events: pl.DataFrame) -> pl.DataFrame:
    """Return how much each user used each PC in their first 14 days: the partial of one shard.

    The days are counted from the day of the user's own first event of any kind, which is the first of the 14.

    Args:
        events: One shard: ``user``, ``time``, ``kind``, ``pc``.

    Returns:
        ``user``, ``pc``, ``days`` with a logon there, ``logons``, ``first`` event of any kind there; sorted.
        Each user is whole in one shard, so the partials of all shards merge by ``pl.concat``, in any order.
    """
    day = pl.col("time").dt.date()
    logon = pl.col("kind") == "logon"
    return (
        events.filter(day < day.min().over("user").dt.offset_by(_TWO_WEEKS))
        .filter(pl.col("pc").is_not_null())
        .group_by("user", "pc")
        .agg(
            days=day.filter(logon).n_unique(), logons=logon.sum().cast(pl.UInt32), first=pl.col("time").min()
        )
        .sort("user", "pc")
    )
