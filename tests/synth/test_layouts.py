"""The files of every release, read as a stranger would read them: with Python's own csv module."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from itd_lightning.sources.cert.releases import RELEASES
from itd_lightning.synth import write_release

Row = dict[str, str]


@pytest.fixture(scope="module", params=RELEASES)
def release(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a release of each kind, in a folder of its name: 16 users, two blocks and a bit."""
    out: Path = tmp_path_factory.mktemp("layout") / request.param
    write_release(out, request.param, users=16, days=30, seed=2)
    return out


def quoted(release: Path) -> bool:
    return release.name.startswith("r6")


def activities(release: Path) -> bool:
    return not release.name.startswith("r4")


def lines(release: Path, log: str) -> Iterator[list[str]]:
    with (release / f"{log}.csv").open(newline="") as file:
        yield from csv.reader(file, quoting=csv.QUOTE_MINIMAL if quoted(release) else csv.QUOTE_NONE)


def rows(release: Path, log: str) -> list[Row]:
    first, *rest = lines(release, log)
    return [dict(zip(first, row, strict=True)) for row in rest]


@pytest.mark.parametrize("log", ["logon", "device", "file", "email", "http"])
def test_a_log_has_the_genuine_columns_in_every_row(release: Path, log: str) -> None:
    columns = next(table.columns for table in RELEASES[release.name].logs if table.name == log)
    first, *rest = lines(release, log)
    assert tuple(first) == columns
    assert {len(row) for row in rest} == {len(columns)}
    assert all(row[0][0] == "{" and row[0][-1] == "}" for row in rest)


@pytest.mark.parametrize("log", ["logon", "device", "file", "email", "http"])
def test_rows_are_in_time_order_over_the_ends_of_blocks(release: Path, log: str) -> None:
    times = [f"{row['date'][6:10]}{row['date'][:5]}{row['date'][10:]}" for row in rows(release, log)]
    assert times == sorted(times)
    assert len({time[:9] for time in times}) > 18


def test_no_file_but_those_of_the_release_is_left(release: Path) -> None:
    tables = {"logon", "device", "file", "email", "http", "psychometric"}
    decoys = {"decoy_file.csv"} if quoted(release) else set()
    expected = {"LDAP", "answers", "synthetic.txt", *decoys} | {f"{name}.csv" for name in tables}
    assert {path.name for path in release.iterdir()} == expected


def test_quotes_stand_in_r6_only(release: Path) -> None:
    text = (release / "email.csv").read_text()
    assert ('""' in text) == quoted(release)
    assert any("," in row["content"] for row in rows(release, "email")) == quoted(release)
    assert ',"",' not in text, "an empty field has no quotes"


def test_the_directory_names_projects_since_r5(release: Path) -> None:
    people = rows(release, "LDAP/2010-01")
    expected = ["role", "projects", "business_unit"] if activities(release) else ["role", "business_unit"]
    assert list(people[0])[3 : 3 + len(expected)] == expected
    if activities(release):
        assert {row["projects"] == "" for row in people} == {True, False}


def test_a_drive_shows_its_folders_when_it_is_connected(release: Path) -> None:
    for row in rows(release, "device"):
        if activities(release):
            assert row["file_tree"].startswith("R:\\") == (row["activity"] == "Connect")
            assert all(part.startswith("R:\\") for part in row["file_tree"].split(";") if part)
        else:
            assert "file_tree" not in row


def test_flags_agree_with_the_path_and_the_act(release: Path) -> None:
    for row in rows(release, "file") if activities(release) else []:
        to, source = (row[f"{way}_removable_media"] for way in ("to", "from"))
        assert {to, source} <= {"True", "False"}
        on_drive = row["filename"].startswith("R:\\")
        assert on_drive or row["filename"].startswith("C:\\")
        if row["activity"] == "File Copy":  # the name is that of the copy
            assert (to == "True") <= on_drive
            assert (source == "True") <= (not on_drive)
        else:
            assert ((to, source) != ("False", "False")) == on_drive


def test_every_act_on_files_and_pages_occurs(release: Path) -> None:
    if activities(release):
        acts = {row["activity"] for row in rows(release, "file")}
        assert acts == {"File Open", "File Write", "File Copy", "File Delete"}
    if quoted(release):
        visits = {row["activity"] for row in rows(release, "http")}
        assert visits == {"WWW Visit", "WWW Download", "WWW Upload"}


def test_attachments_are_named_since_r5(release: Path) -> None:
    attachments = [row["attachments"] for row in rows(release, "email")]
    if not activities(release):
        assert all(text.isdigit() for text in attachments)
        return
    names = [name for text in attachments if text for name in text.split(";")]
    assert 0.1 < sum(text != "" for text in attachments) / len(attachments) < 0.35
    assert all(name.endswith(")") and name.split("(")[1][:-1].isdigit() for name in names)


def test_a_mail_is_seen_after_it_was_sent_by_a_colleague_it_names(release: Path) -> None:
    email = rows(release, "email")
    reads = [row for row in email if row.get("activity", "Send") != "Send"]
    assert bool(reads) == activities(release)
    people = {row["user_id"]: row["email"] for row in rows(release, "LDAP/2009-12")}
    senders: dict[tuple[str, ...], str] = {}
    columns = ("to", "cc", "bcc", "from", "size", "content")
    for row in email:
        mail = tuple(row[name] for name in columns)
        if row.get("activity", "Send") == "Send":
            senders[mail] = row["user"]
            continue
        assert row["activity"] == ("View" if quoted(release) else "Receive")
        recipients = ";".join(mail[:3]).split(";")
        assert mail in senders
        assert people[row["user"]] in recipients or row["user"] == senders[mail]


def test_mails_are_seen_by_nobody_who_is_not_at_work(release: Path) -> None:
    days = {(row["user"], row["date"][:10]) for row in rows(release, "logon")}
    reads = [row for row in rows(release, "email") if row.get("activity", "Send") != "Send"]
    absent = [row for row in reads if (row["user"], row["date"][:10]) not in days]
    assert len(absent) <= 0.01 * len(reads), "but for the Logons that are missing on purpose"


def test_decoy_files_lie_on_pcs_of_the_company(release: Path) -> None:
    if quoted(release):
        decoys = rows(release, "decoy_file")
        assert list(decoys[0]) == ["decoy_filename", "pc"]
        assert all(row["decoy_filename"].startswith("C:\\") for row in decoys)
        assert len({row["pc"] for row in decoys}) == len(decoys) >= 3
