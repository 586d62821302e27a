"""Two small tables beside the events of a shard: each user's days of presence, and use of PCs."""

import polars as pl

PRESENCE = pl.Schema(
    {"user": pl.String(), "day": pl.Date(), "first": pl.Datetime("us"), "last": pl.Datetime("us")}
)
PC_USE = pl.Schema(
    {
        "user": pl.String(),
        "day": pl.Date(),
        "pc": pl.String(),
        "logons": pl.UInt32(),
        "first": pl.Datetime("us"),
    }
)
_ENDS = ("logoff", "disconnect")  # past midnight they end what began on the day before


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
    """Return how much each user used each PC on each day: the partial of one shard.

    Args:
        events: One shard: ``user``, ``time``, ``kind``, ``pc``.

    Returns:
        ``user``, ``day``, ``pc``, its ``logons``, and the ``first`` event of any kind there; sorted. Each
        user is whole in one shard.
    """
    return (
        events.filter(pl.col("pc").is_not_null())
        .group_by("user", pl.col("time").dt.date().alias("day"), "pc")
        .agg(logons=(pl.col("kind") == "logon").sum().cast(pl.UInt32), first=pl.col("time").min())
        .sort("user", "day", "pc")
    )
