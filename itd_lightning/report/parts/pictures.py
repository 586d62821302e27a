"""Tables of single users that a run wrote during its test."""

from typing import NamedTuple

import polars as pl

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.pictures import PICTURES
from itd_lightning.report.runs import Run
from itd_lightning.runs.folder import read_table

_MAX_NAMES = 20  # users that a message names


class _UserPicture(NamedTuple):
    """The rows for the picture of one user.

    Attributes:
        user: Who.
        table: The rows of this user.
        reason: Why there is no picture; empty where there is one.
    """

    user: str
    table: pl.DataFrame
    reason: str = ""


def read_pictures(run: Run, file: str) -> pl.DataFrame:
    """Return a table of pictures; one without rows where the run's folder has none.

    Raises:
        InputError: If the file is damaged, or not of this program.
    """
    table = read_table(run.folder / file)
    if table is None:
        return PICTURES[file].to_frame()
    if missing_columns := PICTURES[file].keys() - set(table.columns):
        names = ", ".join(sorted(missing_columns))
        raise InputError(f"{run.folder / file} lacks the columns {names}; write it again with `itd test`")
    return table


def user_picture(run: Run, file: str, user: str) -> _UserPicture:
    """Return the rows of a user, or of the written user who scores highest.

    Args:
        run: A run.
        file: Of its folder, which holds the rows.
        user: Who is asked for; empty for the highest scorer.
    """
    table = read_pictures(run, file)
    users = table["user"].unique(maintain_order=True).sort().to_list()
    if not users:
        return _UserPicture("", table, f"the run's folder has no {file}, which `itd test` writes")
    name = user or _highest(run, users)
    if name not in users:
        more = f" and {len(users) - _MAX_NAMES} more" if len(users) > _MAX_NAMES else ""
        names = ", ".join(users[:_MAX_NAMES])
        words = f"nothing to draw was written of {name}, but of {len(users)} others: {names}{more}"
        return _UserPicture("", table, words)
    return _UserPicture(name, table.filter(user=name))


def _highest(run: Run, users: list[str]) -> str:
    """Return which of the users has the highest score."""
    scores = run.test_units.filter(pl.col("score").is_finite(), pl.col("user").is_in(users))
    best = scores.sort(["score", "user"], descending=[True, False])
    return str(best["user"][0]) if len(best) else users[0]
