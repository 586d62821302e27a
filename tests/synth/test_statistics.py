"""Aggregate statistics of a synthetic release beside those of the genuine r4.2 (reference, section 7)."""

from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from itd_lightning.synth import write_release

FORMAT = "%m/%d/%Y %H:%M:%S"


class Statistic(NamedTuple):
    """A measured number: what it says, its genuine value, and how far ours may be."""

    sentence: str
    real: float
    tolerance: float


TABLE = (
    Statistic("logon rows a user-day", 2.59, 0.15),
    Statistic("Logons an active user-day", 1.42, 0.1),
    Statistic("share of user-days with more Logons than Logoffs", 0.262, 0.06),
    Statistic("share of user-days with more Logoffs than Logons", 0.002, 0.003),
    Statistic("share of user-days without any Logon", 0.0006, 0.0025),
    Statistic("weekend share of logon rows", 0.0236, 0.006),
    Statistic("share of Logons between 20:00 and 05:59", 0.053, 0.015),
    Statistic("distinct PCs an active user-day", 1.15, 0.05),
    Statistic("median over users of their usual first hour", 8.0, 0.15),
    Statistic("tenth percentile over users of their usual first hour", 7.25, 0.15),
    Statistic("ninetieth percentile over users of their usual first hour", 9.0, 0.25),
    Statistic("median over users of the deviation of the first hour", 0.12, 0.03),
    Statistic("mean over users of the deviation of the first hour", 0.33, 0.15),
    Statistic("share of non-admins with a single PC", 0.708, 0.07),
    Statistic("share of Logons in the hour of 07", 0.312, 0.06),
    Statistic("share of Logons in the hour of 08", 0.297, 0.06),
    Statistic("share of Logons in the hour of 09", 0.106, 0.05),
    Statistic("share of Logons in the hours 11 to 13", 0.157, 0.04),
    Statistic("share of Logoffs in the hours 15 to 19", 0.839, 0.05),
    Statistic("share of users with removable media", 0.23, 0.02),
    Statistic("device rows a day with device rows", 7.08, 1.6),
    Statistic("share of Connects without Disconnect", 0.007, 0.004),
    Statistic("file rows a day with file rows", 9.20, 2.6),
    Statistic("share of documents among copied files", 0.60, 0.03),
    Statistic("device rows a user-day", 1.23, 0.3),
    Statistic("file rows a user-day", 1.35, 0.4),
    Statistic("emails a user-day", 8.14, 0.6),
    Statistic("tenth percentile of emails a user-day", 1, 0),
    Statistic("median of emails a user-day", 9, 1),
    Statistic("ninetieth percentile of emails a user-day", 15, 1),
    Statistic("ninety-ninth percentile of emails a user-day", 19, 3),
    Statistic("share of emails with an external recipient", 0.481, 0.03),
    Statistic("share of emails with an attachment", 0.215, 0.02),
    Statistic("share of emails with cc", 0.52, 0.02),
    Statistic("share of emails with bcc", 0.21, 0.02),
    Statistic("share of emails from a private address", 0.38, 0.05),
    Statistic("recipients an email", 2.5, 0.2),
    Statistic("median size of an email in kB", 28.35, 0.5),
    Statistic("share of emails between 22:00 and 06:59", 0, 0),
    Statistic("web visits a user-day", 83.15, 6),
    Statistic("tenth percentile of web visits a user-day", 10, 1),
    Statistic("median of web visits a user-day", 95, 4),
    Statistic("ninetieth percentile of web visits a user-day", 162, 6),
    Statistic("ninety-ninth percentile of web visits a user-day", 170, 10),
    Statistic("share of web visits in the hours 08 to 16", 0.895, 0.05),
    Statistic("share of web visits between 22:00 and 06:59", 0.0009, 0.001),
    Statistic("median length of a URL", 93, 10),
    Statistic("mean openness", 33.2, 2.5),
)


def read(release: Path, log: str) -> pl.DataFrame:
    table = pl.read_csv(release / f"{log}.csv", infer_schema=False)
    time = pl.col("date").str.to_datetime(FORMAT)
    return table.with_columns(day=time.dt.date(), hour=time.dt.hour() + time.dt.minute() / 60)


def mean(column: pl.Series) -> float:
    return float(column.mean())  # type: ignore[arg-type]  # numeric columns only


def median(column: pl.Series) -> float:
    return float(column.median())  # type: ignore[arg-type]  # numeric columns only


def hour_share(rows: pl.DataFrame, first: int, last: int) -> float:
    """Return the share of rows from hour ``first`` to ``last``; past midnight where first is larger."""
    inside = rows["hour"].is_between(first, last + 1, closed="left")
    if first > last:
        inside = (rows["hour"] >= first) | (rows["hour"] < last + 1)
    return mean(inside)


def logon_statistics(logon: pl.DataFrame, admins: list[str]) -> list[float]:
    days = logon.group_by("user", "day").agg(
        pl.len(),
        on=(pl.col("activity") == "Logon").sum(),
        off=(pl.col("activity") == "Logoff").sum(),
        pcs=pl.col("pc").n_unique(),
    )
    logons = logon.filter(pl.col("activity") == "Logon")
    first = logons.group_by("user", "day").agg(pl.col("hour").min()).group_by("user")
    usual = first.agg(median=pl.col("hour").median(), deviation=pl.col("hour").std())
    quantiles = [usual["median"].quantile(q) or 0.0 for q in (0.5, 0.1, 0.9)]
    pcs = logon.filter(~pl.col("user").is_in(admins)).group_by("user").agg(pl.col("pc").n_unique())
    return [
        mean(days["len"]),
        mean(days.filter(pl.col("on") > 0)["on"]),
        mean(days["on"] > days["off"]),
        mean(days["on"] < days["off"]),
        mean(days["on"] == 0),
        mean(logon["day"].dt.weekday() > 5),
        hour_share(logons, 20, 5),
        mean(days["pcs"]),
        *quantiles,
        median(usual["deviation"]),
        mean(usual["deviation"]),
        mean(pcs["pc"] == 1),
        *(hour_share(logons, first_hour, last) for first_hour, last in ((7, 7), (8, 8), (9, 9), (11, 13))),
        hour_share(logon.filter(pl.col("activity") == "Logoff"), 15, 19),
    ]


def device_statistics(device: pl.DataFrame, file: pl.DataFrame, logon: pl.DataFrame) -> list[float]:
    connects = float((device["activity"] == "Connect").sum())
    return [
        device["user"].n_unique() / logon["user"].n_unique(),
        mean(device.group_by("user", "day").len()["len"]),
        1 - float((device["activity"] == "Disconnect").sum()) / connects,
        mean(file.group_by("user", "day").len()["len"]),
        mean(file["filename"].str.ends_with(".doc")),
        *a_day(device, logon, ()),
        *a_day(file, logon, ()),
    ]


def a_day(rows: pl.DataFrame, logon: pl.DataFrame, quantiles: tuple[float, ...]) -> list[float]:
    """Return the mean and quantiles of the rows of each user-day with logons."""
    days = logon.select("user", "day").unique()
    count = days.join(rows.group_by("user", "day").len(), on=["user", "day"], how="left")["len"].fill_null(0)
    return [mean(count), *(count.quantile(q) or 0.0 for q in quantiles)]


def email_statistics(email: pl.DataFrame, logon: pl.DataFrame) -> list[float]:
    lists = [pl.col(name).replace("", None) for name in ("to", "cc", "bcc")]
    everyone = email.select(pl.concat_str(lists, separator=";", ignore_nulls=True).str.split(";")).to_series()
    has_outsider = everyone.list.eval(~pl.element().str.ends_with("@dtaa.com")).list.any()
    return [
        *a_day(email, logon, (0.1, 0.5, 0.9, 0.99)),
        mean(has_outsider),
        mean(email["attachments"] != "0"),
        mean(email["cc"].fill_null("") != ""),
        mean(email["bcc"].fill_null("") != ""),
        mean(~email["from"].str.ends_with("@dtaa.com")),
        mean(everyone.list.len()),
        median(email["size"].cast(pl.Int64)) / 1000,
        hour_share(email, 22, 6),
    ]


@pytest.fixture(scope="module")
def measurements(tmp_path_factory: pytest.TempPathFactory) -> list[float]:
    """Return our value for each line of the table, of 600 honest users and 42 days."""
    out = tmp_path_factory.mktemp("release") / "r4.2"
    write_release(out, users=600, days=42, seed=5, insiders=0.0)
    logon, device, file, email, http = (
        read(out, log) for log in ("logon", "device", "file", "email", "http")
    )
    people = pl.read_csv(out / "LDAP/2009-12.csv", infer_schema=False)
    admins = people.filter(pl.col("role") == "ITAdmin")["user_id"].to_list()
    return [
        *logon_statistics(logon, admins),
        *device_statistics(device, file, logon),
        *email_statistics(email, logon),
        *a_day(http, logon, (0.1, 0.5, 0.9, 0.99)),
        hour_share(http, 8, 16),
        hour_share(http, 22, 6),
        median(http["url"].str.len_chars()),
        mean(pl.read_csv(out / "psychometric.csv")["O"]),
    ]


def test_the_table_has_one_value_a_line(measurements: list[float]) -> None:
    assert len(measurements) == len(TABLE)


@pytest.mark.parametrize("line", range(len(TABLE)), ids=[row.sentence for row in TABLE])
def test_statistics_are_near_those_of_the_genuine_release(measurements: list[float], line: int) -> None:
    sentence, real, tolerance = TABLE[line]
    assert measurements[line] == pytest.approx(real, rel=0, abs=tolerance), sentence
