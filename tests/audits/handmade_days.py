"""User-days made by hand, for the tests of several audits."""

import polars as pl


def days_of_ten_users(count: int, minute: int = 0) -> pl.DataFrame:
    """Return as many user-days of ten users, every tenth malicious, the score equal to the label."""
    start = pl.datetime(2010, 3, 1, 0, minute) + pl.duration(days=pl.col("row"))
    frame = pl.DataFrame({"row": range(count)}).with_columns(
        user=pl.format("u{}", pl.col("row") % 10),
        start=start,
        end=start + pl.duration(days=1),
        malicious=pl.col("row") // 10 % 10 == pl.col("row") % 10,
    )
    return frame.with_columns(score=pl.col("malicious").cast(pl.Float64))
