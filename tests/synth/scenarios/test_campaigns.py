"""The answer key and the planted campaigns, against section 4 and 5 of the reference on CERT."""

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from itd_lightning.synth import write_release

LOGS = ("logon", "device", "file", "email", "http")
USERS, DAYS, START = 150, 119, date(2010, 1, 2)
FORMAT = "%m/%d/%Y %H:%M:%S"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("release") / "r4.2"
    write_release(out, users=USERS, days=DAYS, seed=11, insiders=0.1)
    return out


@pytest.fixture(scope="module")
def key(release: Path) -> pl.DataFrame:
    return pl.read_csv(release / "answers/insiders.csv", infer_schema=False)


@pytest.fixture(scope="module")
def details(release: Path, key: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of all detail files: insider, scenario, log, id, time, user, pc, rest of the line."""
    parts = []
    for row in key.filter(pl.col("dataset") == "4.2").iter_rows(named=True):
        file = release / "answers" / f"r4.2-{row['scenario']}" / row["details"]
        cells = [line.split(",", 5) for line in file.read_text().splitlines()]
        table = pl.DataFrame(cells, schema=["log", "id", "date", "user", "pc", "rest"], orient="row")
        parts.append(table.with_columns(insider=pl.lit(row["user"]), scenario=pl.lit(row["scenario"])))
    return pl.concat(parts).with_columns(time=pl.col("date").str.to_datetime(FORMAT))


@pytest.fixture(scope="module")
def logs(release: Path) -> pl.DataFrame:
    """Return the common columns of all logs."""
    parts = [
        pl.read_csv(
            release / f"{log}.csv", infer_schema=False, columns=["id", "date", "user", "pc"]
        ).with_columns(log=pl.lit(log))
        for log in LOGS
    ]
    return pl.concat(parts).with_columns(time=pl.col("date").str.to_datetime(FORMAT))


def of(details: pl.DataFrame, scenario: str) -> pl.DataFrame:
    return details.filter(pl.col("scenario") == scenario)


def test_the_key_covers_other_releases_so_that_readers_must_filter(key: pl.DataFrame) -> None:
    assert key["dataset"].unique(maintain_order=True).to_list() == ["2", "4.2", "5.2"]


def test_insiders_are_split_like_those_of_the_genuine_release(key: pl.DataFrame) -> None:
    own_release = key.filter(pl.col("dataset") == "4.2")
    assert own_release["user"].is_unique().all()
    assert own_release["scenario"].value_counts().sort("scenario")["count"].to_list() == [7, 6, 2]


def test_start_and_end_are_the_first_and_last_row(key: pl.DataFrame, details: pl.DataFrame) -> None:
    spans = details.group_by("insider").agg(first=pl.col("date").first(), last=pl.col("date").last())
    windows = key.filter(pl.col("dataset") == "4.2").join(spans, left_on="user", right_on="insider")
    assert windows.height == 15
    assert (windows["start"] == windows["first"]).all()
    assert (windows["end"] == windows["last"]).all()


def test_detail_rows_are_in_time_order(details: pl.DataFrame) -> None:
    for _, campaign in details.group_by("insider", maintain_order=True):
        assert campaign["time"].is_sorted()


def test_every_key_row_exists_in_its_log(details: pl.DataFrame, logs: pl.DataFrame) -> None:
    matches = details.join(logs, on=["log", "id", "date", "user", "pc"])
    assert matches.height == details.height


def test_detail_rows_repeat_the_log_row_after_its_type(release: Path, details: pl.DataFrame) -> None:
    for log in LOGS:
        lines = set((release / f"{log}.csv").read_text().splitlines())
        part = details.filter(pl.col("log") == log)
        text = part.select(pl.concat_str("id", "date", "user", "pc", "rest", separator=",")).to_series()
        assert part.height > 0
        assert set(text) <= lines


def test_the_first_two_fifths_of_the_period_are_quiet(details: pl.DataFrame) -> None:
    assert details["time"].dt.date().min() >= START + timedelta(days=round(0.4 * DAYS))  # type: ignore[operator]


def test_scenario_one_is_nights_of_five_rows_on_the_own_pc(details: pl.DataFrame) -> None:
    rows = of(details, "1")
    night = ["logon", "device", "http", "device", "logon"]
    for _, campaign in rows.group_by("insider"):
        assert campaign["log"].to_list() == night * (campaign.height // 5)
        assert campaign["pc"].n_unique() == 1
        assert campaign.height <= 20
    assert rows["time"].dt.hour().is_in(range(8, 18)).mean() == 0


def test_scenario_one_actors_never_used_a_drive_or_came_at_night_before(
    details: pl.DataFrame, logs: pl.DataFrame
) -> None:
    actors = of(details, "1")
    ordinary = logs.join(actors, on=["log", "id"], how="anti").filter(
        pl.col("user").is_in(actors["insider"].unique().to_list())
    )
    assert ordinary.filter(pl.col("log").is_in(["device", "file"])).is_empty()
    assert ordinary["time"].dt.hour().is_between(6, 20).all()


def test_nobody_else_visits_the_leak_site(release: Path, details: pl.DataFrame) -> None:
    http = pl.read_csv(release / "http.csv", infer_schema=False)
    leak = http.filter(pl.col("url").str.contains("openspillway", literal=True))
    assert set(leak["id"]) == set(of(details, "1").filter(pl.col("log") == "http")["id"])


def test_scenario_two_searches_then_writes_then_copies(details: pl.DataFrame) -> None:
    for _, campaign in of(details, "2").group_by("insider"):
        first = campaign.group_by("log").agg(pl.col("time").min(), pl.len())
        start = [first.filter(pl.col("log") == log)["time"][0] for log in ("http", "email", "device")]
        assert start == sorted(start)
        assert 150 <= campaign.height <= 360
        assert campaign["time"].dt.date().n_unique() in range(22, 39)
        assert campaign["time"].max() - campaign["time"].min() < timedelta(days=59)  # type: ignore[operator]


def test_scenario_two_uses_the_drive_much_more_than_before(details: pl.DataFrame, logs: pl.DataFrame) -> None:
    device = of(details, "2").filter(pl.col("log") == "device")
    more = []
    for (insider,), rows in device.group_by("insider"):
        all_rows = logs.filter((pl.col("user") == insider) & (pl.col("log") == "device"))
        daily = all_rows.group_by(day=pl.col("time").dt.date()).len()
        later = daily.select(pl.col("day") >= rows["time"].dt.date().min()).to_series()
        before, during = daily.filter(~later)["len"].to_numpy(), daily.filter(later)["len"].to_numpy()
        more.append(float(during.mean() / before.mean()))
    assert min(more) > 1.3
    assert sum(more) / len(more) > 1.7


def test_scenario_three_ends_on_a_friday_under_the_supervisors_account(
    release: Path, details: pl.DataFrame
) -> None:
    people = pl.read_csv(release / "LDAP/2009-12.csv", infer_schema=False)
    for (insider,), campaign in of(details, "3").group_by("insider"):
        person = people.filter(pl.col("user_id") == insider)
        boss = people.filter(pl.col("employee_name") == person["supervisor"][0])["user_id"][0]
        assert person["role"][0] == "ITAdmin"
        assert set(campaign["time"].dt.weekday()) == {4, 5}
        assert set(campaign["user"]) == {insider, boss}
        acted = campaign.filter(pl.col("user") == boss)
        assert acted["log"].to_list() == ["email", "email", "logon", "email", "logon"]
        assert acted["rest"][3].count("@") > 30
        assert campaign.filter(pl.col("log") == "file")["rest"].str.contains(r"^[0-9A-Z]{8}\.exe,4D-5A").all()
        assert 17 <= campaign.height <= 26


def test_insiders_leave_after_the_campaign(details: pl.DataFrame, logs: pl.DataFrame) -> None:
    ends = details.group_by("insider").agg(end=pl.col("time").max().dt.date())
    last = logs.group_by(insider="user").agg(last=pl.col("time").max().dt.date())
    departures = ends.join(last, on="insider").filter(pl.col("end") < START + timedelta(days=DAYS - 4))
    assert (departures["last"] - departures["end"]).max() <= timedelta(days=3)  # type: ignore[operator]


def test_honest_people_leave_and_look_for_jobs_too(
    release: Path, key: pl.DataFrame, logs: pl.DataFrame
) -> None:
    insiders = key["user"].to_list()
    benign = logs.filter(~pl.col("user").is_in(insiders))
    last = benign.group_by("user").agg(pl.col("time").max().dt.date())
    assert (last["time"] < START + timedelta(days=DAYS - 7)).sum() >= 5
    http = pl.read_csv(release / "http.csv", infer_schema=False)
    seekers = http.filter(pl.col("url").str.contains("/Job_Search/") & ~pl.col("user").is_in(insiders))
    assert seekers["user"].n_unique() >= 8
    roles = [
        set(pl.read_csv(file, infer_schema=False).select(pl.concat_str("user_id", "role")).to_series())
        for file in sorted((release / "LDAP").iterdir())
    ]
    assert roles[-1] - roles[0], "somebody changed role"


def test_honest_people_start_to_use_a_drive_late_and_come_at_night_once(
    key: pl.DataFrame, logs: pl.DataFrame
) -> None:
    benign = logs.filter(~pl.col("user").is_in(key["user"].to_list()))
    device = benign.filter(pl.col("log") == "device").group_by("user").agg(pl.col("time").min())
    assert (device["time"].dt.date() > START + timedelta(days=DAYS // 4 - 1)).sum() >= 1
    night = benign.filter((pl.col("log") == "logon") & (pl.col("time").dt.hour() < 5)).group_by("user").len()
    assert (night["len"] <= 4).sum() >= 3


def test_honest_assistants_and_managers_mail_to_many(release: Path, details: pl.DataFrame) -> None:
    email = pl.read_csv(release / "email.csv", infer_schema=False)
    many = email.filter(pl.col("to").str.count_matches("@") > 15)
    assert many.join(details, on="id", how="anti").height >= 3


def test_the_smallest_release_has_one_insider_of_each_kind(tmp_path: Path) -> None:
    for seed in range(3):
        write_release(tmp_path / str(seed), users=8, days=28, seed=seed)
        key = pl.read_csv(tmp_path / str(seed) / "answers/insiders.csv", infer_schema=False)
        assert key.filter(pl.col("dataset") == "4.2")["scenario"].to_list() == ["1", "2", "3"]


def test_too_many_insiders_are_refused_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lower the share or add users"):
        write_release(tmp_path / "r", users=40, days=28, insiders=0.5)
    assert not list(tmp_path.iterdir())
