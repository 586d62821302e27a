"""People: team, department, role and supervisor of a user on a day, and users who left."""

import polars as pl

_ATTRIBUTES = ("team", "department", "role", "supervisor")


def as_of(people: pl.DataFrame, rows: pl.DataFrame, lag: int = 1) -> pl.DataFrame:
    """Return rows with the team, department, role and supervisor of their user, as known on their day.

    The people table names a supervisor; the result holds the one user who bears that name on that day, and
    null where two do or nobody does. A user without an entry on a day, such as before the first one or after
    leaving, has null everywhere.

    Args:
        people: The store's people: ``valid_from`` is included, ``valid_to`` is not.
        rows: ``user`` and ``day``, and any columns but those that are added.
        lag: Months from the date of an entry to the day on which it is known. A directory file of genuine
            r4.2 shows the end of its month: who leaves in May is at work in May but not in its file. Read
            without a lag, unknown attributes would announce that a user is about to leave.

    Returns:
        The rows in their order, and ``team``, ``department``, ``role``, ``supervisor`` (a user).
    """
    entries = people.with_columns(pl.col("valid_from", "valid_to").dt.offset_by(f"{lag}mo"))
    rows_with_people = (
        rows.with_row_index("row")
        .sort("day")
        .join_asof(
            entries.select("user", "valid_from", "valid_to", *_ATTRIBUTES).sort("valid_from"),
            left_on="day",
            right_on="valid_from",
            by="user",
            check_sortedness=False,  # both are sorted above; with ``by`` it cannot be checked
        )
        .with_columns(pl.when(pl.col("day") < pl.col("valid_to")).then(pl.col(*_ATTRIBUTES)))
        .rename({"supervisor": "supervisor_name"})
    )
    return (
        rows_with_people.join(_bearers(entries, rows_with_people), on=["supervisor_name", "day"], how="left")
        .sort("row")
        .select(*rows.columns, *_ATTRIBUTES)
    )


def _bearers(people: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the one user with a supervisor's name on a day: ``supervisor_name``, ``day``, ``supervisor``."""
    names = people.select("valid_from", "valid_to", supervisor="user", supervisor_name="name")
    return (
        rows.select("supervisor_name", "day")
        .unique()
        .join(names, on="supervisor_name")
        .filter(pl.col("day").is_between("valid_from", "valid_to", closed="left"))
        .group_by("supervisor_name", "day")
        .agg(pl.col("supervisor").first(), bearers=pl.col("supervisor").n_unique())
        .filter(pl.col("bearers") == 1)
        .drop("bearers")
    )


def leavers(people: pl.DataFrame) -> pl.DataFrame:
    """Return who left for good: ``user`` and ``left_on``, the first day of the first month without them.

    In genuine r4.2 they work on for up to a month after that day. All its insiders leave and few others do,
    so this nearly tells the label: it belongs in audits and in no feature.
    """
    return people.drop_nulls("left_on").select("user", "left_on").unique().sort("user")
