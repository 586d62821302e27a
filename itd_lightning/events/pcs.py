"""PCs: each user's own PC, and the relation of an event's PC to its user."""

import polars as pl

from itd_lightning.events.people import as_of

Relation = pl.Enum(["own", "supervisor", "shared", "other"])


def own_pcs(use: pl.DataFrame) -> pl.DataFrame:
    """Return each user's own PC: the one with logons on most days, then most logons, then the first used.

    Days, not events, since an administrator's main PC holds only a quarter to a third of their logons, but it
    has one on nearly every day. A user without any event at a PC in the first two weeks owns none.

    Args:
        use: Partials of ``store.presence.pc_use``, merged.

    Returns:
        ``user``, ``pc``, sorted by user; a PC stands in several rows where several users call it their own.
    """
    ordered = use.sort("user", "days", "logons", "first", "pc", descending=[False, True, True, False, False])
    return ordered.unique("user", keep="first", maintain_order=True).select("user", "pc")


def relation(rows: pl.DataFrame, own: pl.DataFrame) -> pl.Series:
    """Return the relation of each row's PC to its user: the first one that applies.

    - ``own``: the user's own, even if others call it theirs too.
    - ``supervisor``: the own PC of the supervisor that the row names.
    - ``shared``: the own PC of several users, or of nobody.
    - ``other``: another user's own.

    In a slice of a release the PCs of everybody outside it are nobody's, hence shared. Whose a PC is does not
    change over time: until its owner's first two weeks are over, that is knowledge from days still to come.

    Args:
        rows: ``user``, ``pc``, and ``supervisor`` as a user, null where unknown (see ``people.as_of``).
        own: As ``own_pcs`` returns it.

    Returns:
        ``relation``, one value a row in the order of the rows; null where the row has no PC.
    """
    owners = own.group_by("pc").agg(owners=pl.len())
    rows_with_owners = (
        rows.select("user", "pc", "supervisor")
        .join(own.select("user", own_pc="pc"), on="user", how="left", maintain_order="left")
        .join(
            own.select(supervisor="user", supervisor_pc="pc"),
            on="supervisor",
            how="left",
            maintain_order="left",
        )
        .join(owners, on="pc", how="left", maintain_order="left")
    )
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
