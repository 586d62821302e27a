"""The answer keys of r5 and r6 and their campaigns, against sections 4 and 5 of the reference on CERT."""

import csv
import re
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import polars as pl
import pytest

from itd_lightning.sources.cert.releases import RELEASES
from itd_lightning.synth import write_release
from itd_lightning.synth.answers import strip_padding

FORMAT = "%m/%d/%Y %H:%M:%S"
WIDTHS = {
    "r5.2": {"logon": {6}, "device": {7}, "http": {8}, "email": {14}, "file": {10, 11}},
    "r6.2": {"logon": {6}, "device": {7}, "http": {9}, "email": {14}, "file": {11}},
}


class Campaign(NamedTuple):
    """A line of ``insiders.csv`` and the rows of its detail file, as text and in cells."""

    scenario: str
    user: str
    start: str
    end: str
    file: Path
    lines: list[str]
    rows: list[list[str]]

    def kinds(self, log: str) -> list[list[str]]:
        """Return the rows of one log."""
        return [row for row in self.rows if row[0] == log]


def read_key(release: Path) -> list[Campaign]:
    campaigns = []
    with (release / "answers" / "insiders.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if f"r{row['dataset']}" != release.name:
                continue
            (folder,) = (release / "answers").rglob(row["details"])
            lines = folder.read_text().splitlines()
            cells = [next(csv.reader([line])) for line in lines]
            campaigns.append(
                Campaign(row["scenario"], row["user"], row["start"], row["end"], folder, lines, cells)
            )
    return campaigns


def written(tmp_path_factory: pytest.TempPathFactory, name: str, users: int, days: int) -> Path:
    out = tmp_path_factory.mktemp("key") / name
    write_release(out, name, users=users, days=days, seed=4, insiders=0.16)
    return out


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an r5.2 long enough for a full scenario 4."""
    return written(tmp_path_factory, "r5.2", users=60, days=294)


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an r6.2 with more than one insider of a scenario."""
    return written(tmp_path_factory, "r6.2", users=90, days=112)


@pytest.fixture(scope="module", params=["five", "six"])
def release(request: pytest.FixtureRequest) -> Path:
    """Return each of the two in turn."""
    folder: Path = request.getfixturevalue(request.param)
    return folder


def table(release: Path, log: str) -> pl.DataFrame:
    quote = '"' if release.name == "r6.2" else None
    path = release / f"{log}.csv"
    return pl.read_csv(path, infer_schema=False, quote_char=quote).fill_null("")


def keyed(release: Path, log: str) -> dict[str, dict[str, str]]:
    """Return the rows of a log that the key names, by id."""
    ids = [row[1] for campaign in read_key(release) for row in campaign.kinds(log)]
    return {row["id"]: row for row in table(release, log).filter(pl.col("id").is_in(ids)).to_dicts()}


def of(release: Path, scenario: int) -> list[Campaign]:
    return [campaign for campaign in read_key(release) if campaign.scenario == str(scenario)]


def moment(text: str) -> datetime:
    return datetime.strptime(text, FORMAT)


def test_insiders_are_split_among_the_scenarios(five: Path, six: Path) -> None:
    counts = [[len(of(release, k)) for k in range(1, 6)] for release in (five, six)]
    assert counts == [[3, 3, 1, 3, 0], [4, 4, 1, 4, 1]]


@pytest.mark.parametrize("name", RELEASES)
def test_every_release_has_one_insider_of_each_scenario_at_least(tmp_path: Path, name: str) -> None:
    write_release(tmp_path / name, name, users=20, days=42, insiders=0.01)
    scenarios = [campaign.scenario for campaign in read_key(tmp_path / name)]
    assert scenarios == ["1", "2", "3", "4", "5"][: int(name[1]) - 1]


def test_detail_files_lie_where_the_genuine_ones_do(tmp_path: Path) -> None:
    for name in ("r4.1", "r5.2", "r6.1"):
        write_release(tmp_path / name, name, users=20, days=28, insiders=0.01)
        for campaign in read_key(tmp_path / name):
            stem = f"{name}-{campaign.scenario}"
            place = campaign.file.relative_to(tmp_path / name / "answers")
            assert str(place) == (f"{stem}/{stem}-{campaign.user}.csv" if name == "r5.2" else f"{stem}.csv")


def test_the_key_keeps_rows_of_other_releases_but_none_of_ours(release: Path) -> None:
    lines = (release / "answers" / "insiders.csv").read_text().splitlines()
    assert lines[0] == "dataset,scenario,details,user,start,end"
    other_releases = [line for line in lines[1:] if f"r{line.split(',')[0]}" != release.name]
    assert {line.split(",")[0] for line in other_releases} == {"2", "4.2", "5.2"} - {release.name[1:]}


def test_rows_are_as_wide_as_those_of_the_genuine_key(release: Path) -> None:
    for campaign in read_key(release):
        for row in campaign.rows:
            assert len(row) in WIDTHS[release.name][row[0]]
            if row[0] == "file" and release.name == "r5.2":
                assert len(row) == (10 if campaign.scenario == "4" else 11)


def test_every_key_row_stands_in_its_log(release: Path) -> None:
    logs = {log: keyed(release, log) for log in WIDTHS[release.name]}
    for campaign in read_key(release):
        for log, event, date, user, pc, *_ in campaign.rows:
            row = logs[log][event]
            assert (row["user"], row["pc"]) == (user, pc)
            assert date in (row["date"], strip_padding(row["date"]))


def test_the_topic_stands_before_the_content_in_plain_words(release: Path) -> None:
    logs = {log: keyed(release, log) for log in ("http", "email")}
    for campaign in read_key(release):
        for row in campaign.rows:
            if row[0] in logs:
                assert row[-2].replace(" ", "").isalpha()
                content = logs[row[0]][row[1]]["content"]
                assert row[-1] in (content, content.replace(",", "").replace('"', ""))


def test_r6_quotes_all_rows_but_those_of_http(six: Path) -> None:
    for campaign in read_key(six):
        for line in campaign.lines:
            assert line.startswith("http,") or (line.startswith('"') and line.endswith('"'))
            assert '"' not in line or not line.startswith("http,")


def test_two_scenarios_of_r6_have_dates_without_zero_padding(six: Path) -> None:
    for campaign in read_key(six):
        dates = [row[2] for row in campaign.rows]
        padded = any(re.search(r"(^|[/ ])0\d", date) for date in dates)
        assert padded == (campaign.scenario not in "13")
        assert campaign.end == dates[-1]


def test_the_start_of_scenario_four_lacks_its_month_in_r6(five: Path, six: Path) -> None:
    for campaign in read_key(five) + read_key(six):
        first = campaign.rows[0][2]
        lacks = campaign.scenario == "4" and six.name in str(campaign.file)
        assert campaign.start == (first[2:] if lacks else first)
        assert campaign.start.startswith("/") == lacks


def test_nights_of_scenario_one_touch_files_on_the_drive(release: Path) -> None:
    for campaign in of(release, 1):
        nights = len(campaign.kinds("logon")) // 2
        files = campaign.kinds("file")
        assert len(campaign.kinds("device")) == 2 * nights
        assert nights <= len(files) <= 4 * nights
        assert all(row[5].startswith("R:\\") and row[6] in ("File Open", "File Copy") for row in files)
        visits = campaign.kinds("http")
        assert len(visits) == nights if release.name == "r5.2" else len(visits) >= 2 * nights


def test_the_key_of_r5_has_no_row_of_the_supervisor_and_that_of_r6_has(five: Path, six: Path) -> None:
    (quiet,), (loud,) = of(five, 3), of(six, 3)
    assert {row[3] for row in quiet.rows} == {quiet.user}
    assert [len(quiet.kinds(log)) for log in ("logon", "device", "file", "email")] == [4, 4, 2, 4]
    accounts = {row[3] for row in loud.rows}
    assert 10 <= len(accounts) <= 27
    assert len(loud.kinds("logon")) == 6


def test_scenario_four_visits_other_pcs_and_mails_files_home(five: Path) -> None:
    directory = table(five, "LDAP/2009-12")
    people = dict(zip(directory["user_id"], directory["email"], strict=True))
    for campaign in of(five, 4):
        mails = campaign.kinds("email")
        sends, reads = ([row for row in mails if row[9] == kind] for kind in ("Send", "Receive"))
        files = campaign.kinds("file")
        assert 8 <= len(sends) == len(reads) == len(campaign.kinds("logon")) // 2 <= 15
        assert len({row[4] for row in sends}) == len(sends), "another PC each time"
        assert {row[4] for row in reads}.isdisjoint({row[4] for row in sends})
        assert all("@dtaa.com" not in row[5] and row[11] for row in sends)
        assert {row[8] for row in sends} == {people[campaign.user]}
        assert 3.5 < len(files) / len(sends) < 7.5
        assert {row[6] for row in files} == {"File Open"}
        assert all(row[5].startswith("C:\\") for row in files)
        assert len({row[2][:10] for row in campaign.rows}) <= 2 * len(sends)


def test_scenario_four_lasts_one_to_five_months_and_gets_faster(five: Path) -> None:
    first_gaps, last_gaps = [], []
    for campaign in of(five, 4):
        assert timedelta(days=30) < moment(campaign.end) - moment(campaign.start) < timedelta(days=165)
        visits = [moment(row[2]) for row in campaign.kinds("email") if row[9] == "Send"]
        gaps = [(b - a).days for a, b in pairwise(visits)]
        first_gaps.append(mean(gaps[: len(gaps) // 2]))
        last_gaps.append(mean(gaps[len(gaps) // 2 :]))
    assert mean(first_gaps) > 1.3 * mean(last_gaps)


def test_honest_people_mail_to_their_private_address_from_other_pcs_too(five: Path) -> None:
    insiders = [campaign.user for campaign in read_key(five)]
    home = table(five, "email").filter(
        (pl.col("activity") == "Receive")
        & ~pl.col("user").is_in(insiders)
        & ~pl.concat_str("to", "cc", "bcc").str.contains("@dtaa.com", literal=True)
    )
    assert home["user"].n_unique() >= 10
    assert (home["attachments"] != "").all()
    sent = table(five, "email").filter(pl.col("activity") == "Send")
    copies = sent.join(home, on=["user", "to", "size", "content"])
    assert (copies["pc"] != copies["pc_right"]).sum() >= 5


def test_scenario_five_is_uploads_within_minutes_after_colleagues_left(six: Path) -> None:
    (campaign,) = of(six, 5)
    assert {(row[0], row[6]) for row in campaign.rows} == {("http", "WWW Upload")}
    assert 3 <= len(campaign.rows) <= 5
    assert moment(campaign.end) - moment(campaign.start) < timedelta(minutes=15)
    people = table(six, "LDAP/2009-12")
    role = people.filter(pl.col("user_id") == campaign.user)["role"]
    group = people.filter(pl.col("role").is_in(role.to_list()))["user_id"].to_list()
    logon = table(six, "logon").filter(pl.col("user").is_in(group))
    last = logon.group_by("user").agg(pl.col("date").str.to_datetime(FORMAT).max())["date"]
    upload = moment(campaign.start)
    assert last.is_between(upload - timedelta(days=25), upload - timedelta(hours=9)).sum() >= 2


def test_honest_people_upload_to_cloud_storage_too(six: Path) -> None:
    insiders = {campaign.user for campaign in read_key(six)}
    uploads = table(six, "http").filter(
        (pl.col("activity") == "WWW Upload") & pl.col("url").str.contains("/Cloud_Storage/", literal=True)
    )
    assert len(set(uploads["user"]) - insiders) >= 10
