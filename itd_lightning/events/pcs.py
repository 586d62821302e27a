"""PCs: each user's own PC, and the relation of an event's PC to its user."""

from collections.abc import Iterable

import polars as pl

from itd_lightning.events.people import as_of

Relation = pl.Enum(["own", "supervisor", "shared", "other"])


OWN_PCS = pl.Schema({"user": pl.String(), "pc": pl.String(), "from_day": pl.Date(), "until_day": pl.Date()})
_TWO_WEEKS = 14  # days


def own_pcs(use: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Return whose a PC is from when until when: the one with logons on most of a user's last 14 days.

    The 14 calendar days end with the day itself, so nothing later is known. Among PCs with equally many such
    days it is the one with most logons, then the one that the user used first of all, then the first by name.
    A user who had no logon in these days, but was at a PC, owns that one. A day on which the user is at no PC
    changes nothing: whoever is away comes back to the same PC.

    Days, not logons, since an administrator's main PC holds only a quarter to a third of their logons, but it
    has one on nearly every day.

    Args:
        use: Partials of ``store.presence.pc_use``, shard by shard; each user is whole in one of them.

    Returns:
        ``user``, ``pc``, ``from_day``, and ``until_day``, from which on the user owns another one, null if
        there is none; each shard's rows sorted by user and day. Several users may own a PC at a time.
    """
    return pl.concat([OWN_PCS.to_frame(), *(_own_pcs_of_shard(table) for table in use)])


def _own_pcs_of_shard(use: pl.DataFrame) -> pl.DataFrame:
    """Return the own PCs of the users of one shard."""
    pcs = use.group_by("user", "pc").agg(pl.col("first").min()).sort("user", "first", "pc")
    # Numbers instead of texts: each row of use becomes fourteen, one for each day on which it counts.
    pcs = pcs.select("user", "pc", owner=pl.col("user").rle_id()).with_row_index("order")
    rows = use.join(pcs, on=["user", "pc"]).select("owner", "order", "day", "logons")
    last = pl.col("day").dt.offset_by(f"{_TWO_WEEKS - 1}d")
    own = (
        rows.with_columns(day=pl.date_ranges("day", last))
        .explode("day")
        .join(rows, on=["owner", "day"], how="semi")
        .group_by("owner", "day", "order")
        .agg(days=(pl.col("logons") > 0).sum(), logons=pl.col("logons").sum())
        .sort("owner", "day", "days", "logons", "order", descending=[False, False, True, True, False])
        .unique(["owner", "day"], keep="first", maintain_order=True)
        .filter(pl.col("order").ne_missing(pl.col("order").shift().over("owner")))
    )
    following = pl.col("day").shift(-1).over("user")
    return own.join(pcs, on="order", maintain_order="left").select(
        "user", "pc", from_day="day", until_day=following
    )


def relation(rows: pl.DataFrame, own: pl.DataFrame) -> pl.Series:
    """Return the relation of each row's PC to its user on its day: the first one that applies.

    - ``own``: the user's own, even if others call it theirs too.
    - ``supervisor``: the own PC of the supervisor that the row names.
    - ``shared``: the own PC of several users, or of nobody.
    - ``other``: another user's own.

    In a slice of a release the PCs of everybody outside it are nobody's, hence shared.

    Args:
        rows: ``user``, ``pc``, ``day``, and ``supervisor`` as a user, null where unknown (see
            ``people.as_of``).
        own: As ``own_pcs`` returns it.

    Returns:
        ``relation``, one value a row in the order of the rows; null where the row has no PC.
    """
    theirs = own.select("user", day="from_day", own_pc="pc")
    supervisors = theirs.rename({"user": "supervisor", "own_pc": "supervisor_pc"})
    rows_with_owners = rows.select("user", "pc", "supervisor", "day")
    for key, table in (("user", theirs), ("supervisor", supervisors), ("pc", _count_owners(own))):
        rows_with_owners = _join_last(rows_with_owners, table, key)
    pc_relation = (
        pl.when(pl.col("pc") == pl.col("own_pc"))
        .then(pl.lit("own"))
        .when(pl.col("pc") == pl.col("supervisor_pc"))
        .then(pl.lit("supervisor"))
        .when(pl.col("owners") == 1)
        .then(pl.lit("other"))
        .otherwise(pl.lit("shared"))
    )
    result = pl.when(pl.col("pc").is_not_null()).then(pc_relation)
    return rows_with_owners.select(relation=result.cast(Relation)).to_series()


def _count_owners(own: pl.DataFrame) -> pl.DataFrame:
    """Return how many users own a PC from a day on: ``pc``, ``day``, ``owners``, sorted."""
    changes = [
        own.select("pc", day=day, owners=pl.lit(change, pl.Int64)).drop_nulls("day")
        for day, change in (("from_day", 1), ("until_day", -1))
    ]
    counts = pl.concat(changes).group_by("pc", "day").agg(pl.col("owners").sum()).sort("pc", "day")
    return counts.with_columns(pl.col("owners").cum_sum().over("pc"))


def _join_last(rows: pl.DataFrame, table: pl.DataFrame, key: str) -> pl.DataFrame:
    """Return rows in their order, with what a table says of the key on the row's day, or last before it."""
    days = rows.select(key, "day").drop_nulls().unique().sort("day")
    # Both are sorted by day; with ``by`` it cannot be checked.
    facts = days.join_asof(table.sort("day"), on="day", by=key, check_sortedness=False)
    return rows.join(facts, on=[key, "day"], how="left", maintain_order="left")


def pc_days(events: pl.DataFrame, people: pl.DataFrame | None) -> pl.DataFrame:
    """Return each PC that a user used on a day, with the user's supervisor and department as known that day.

    Args:
        events: ``user``, ``time``, ``pc``; further columns are ignored.
        people: The store's people; without them supervisor and department are null.

    Returns:
        ``user``, ``pc``, ``day``, ``supervisor`` (a user), ``department``, sorted.
    """
    use = events.select("user", "pc", day=pl.col("time").dt.date()).drop_nulls("pc").unique()
    use = use.sort("user", "day", "pc")
    if people is None:
        return use.with_columns(pl.lit(None, pl.String).alias(name) for name in ("supervisor", "department"))
    return as_of(people, use).select(*use.columns, "supervisor", "department")


def event_relations(events: pl.DataFrame, own: pl.DataFrame, people: pl.DataFrame | None) -> pl.Series:
    """Return the relation of each event's PC to its user; the supervisor is the one of that day.

    Args:
        events: As ``pc_days`` takes them.
        own: As ``own_pcs`` returns it.
        people: The store's people, or None.

    Returns:
        ``relation``, one value an event in the order of the events; null without a PC.
    """
    use = pc_days(events, people)
    relations = use.select("user", "pc", "day", relation=relation(use, own))
    rows = events.select("user", "pc", day=pl.col("time").dt.date())
    return rows.join(relations, on=["user", "pc", "day"], how="left", maintain_order="left")["relation"]
