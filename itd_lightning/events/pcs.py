"""Whose PC a user sits at: their own, their supervisor's, a shared one, or another user's."""

import polars as pl

Relation = pl.Enum(["own", "supervisor", "shared", "other"])


def own_pcs(use: pl.DataFrame) -> pl.DataFrame:
    """The own PC of each user: the one with logons on most days, then most logons, then the first used.

    Days, not events, since an administrator's main PC holds only a quarter to a third of their logons, but it
    has one on nearly every day. A user without any event at a PC in the first two weeks owns none.

    Args:
        use: Partials of ``pc_use``, merged.

    Returns:
        ``user``, ``pc``, sorted by user; a PC stands in several rows where several users call it their own.
    """
    ranked = use.sort("user", "days", "logons", "first", "pc", descending=[False, True, True, False, False])
    return ranked.unique("user", keep="first", maintain_order=True).select("user", "pc")


def relation(rows: pl.DataFrame, own: pl.DataFrame) -> pl.Series:
    """What each row's PC is to its user: the first of these that fits.

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
    placed = (
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
    fits = (
        pl.when(pl.col("pc") == pl.col("own_pc"))
        .then(pl.lit("own"))
        .when(pl.col("pc") == pl.col("supervisor_pc"))
        .then(pl.lit("supervisor"))
        .when(pl.col("owners") == 1)
        .then(pl.lit("other"))
        .otherwise(pl.lit("shared"))
    )
    known = pl.when(pl.col("pc").is_not_null()).then(fits)
    return placed.select(relation=known.cast(Relation)).to_series()
