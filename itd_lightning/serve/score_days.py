"""The score of a user on each day, also on those without an alert, from the tables that scoring wrote."""

from datetime import date, datetime, time, timedelta
from pathlib import Path

import polars as pl
from polars.exceptions import PolarsError

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.run_files import SCORE_FILE
from itd_lightning.scores.pool import user_days
from itd_lightning.scores.table import scan_scores


class ScoreDays:
    """Scores of users by day, as a run keeps them.

    Args:
        run: Folder of a run that scored the same logs.
        needed: Whether it must have scores now, and not only after the next morning.

    Raises:
        InputError: If it has none.
    """

    def __init__(self, run: Path, *, needed: bool = True) -> None:
        self._file = run / SCORE_FILE
        if needed:
            scan_scores(self._file)

    def of(self, user: str, first: date, last: date) -> dict[date, float]:
        """Return the scores of a user on some days.

        Raises:
            InputError: If the table cannot be read.
        """
        if not self._file.is_file():
            return {}
        begin, end = datetime.combine(first, time()), datetime.combine(last + timedelta(days=1), time())
        mine = (pl.col("user") == user) & (pl.col("end") > begin) & (pl.col("start") < end)
        try:
            units = scan_scores(self._file)[0].filter(mine).collect()
        except (OSError, PolarsError) as error:
            raise InputError(f"the scores in {self._file} cannot be read; try again") from error
        if not len(units):
            return {}
        days = user_days([units]).group_by(pl.col("start").dt.date().alias("day")).agg(pl.col("score").max())
        return {day: score for day, score in days.iter_rows() if first <= day <= last}
