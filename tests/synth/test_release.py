"""The files of a small synthetic release: formats, order, determinism, atomic writing."""

import hashlib
import re
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from itd_lightning.synth import write_release
from itd_lightning.synth.blocks import OVERLAP, draw_block, split_days
from itd_lightning.synth.company.calendar import DAY
from itd_lightning.synth.world import Settings, draw_world

HEADERS = [
    ("logon", "id,date,user,pc,activity"),
    ("device", "id,date,user,pc,activity"),
    ("file", "id,date,user,pc,filename,content"),
    ("email", "id,date,user,pc,to,cc,bcc,from,size,attachments,content"),
    ("http", "id,date,user,pc,url,content"),
    ("psychometric", "employee_name,user_id,O,C,E,A,N"),
    (
        "LDAP/2010-01",
        "employee_name,user_id,email,role,business_unit,functional_unit,department,team,supervisor",
    ),
    ("answers/insiders", "dataset,scenario,details,user,start,end"),
]
LOGS = [name for name, _ in HEADERS[:5]]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("release") / "r4.2"
    write_release(out, users=12, days=35, seed=3)
    return out


def rows(release: Path, log: str) -> pl.DataFrame:
    return pl.read_csv(release / f"{log}.csv", infer_schema=False, quote_char=None)


def digest(release: Path) -> list[tuple[str, str]]:
    files = sorted(path for path in release.rglob("*") if path.is_file())
    return [(str(f.relative_to(release)), hashlib.sha256(f.read_bytes()).hexdigest()) for f in files]


@pytest.mark.parametrize(("name", "header"), HEADERS)
def test_each_file_has_the_genuine_header_lf_ends_and_no_quotes(
    release: Path, name: str, header: str
) -> None:
    text = (release / f"{name}.csv").read_bytes()
    assert text.startswith(header.encode() + b"\n")
    assert text.endswith(b"\n")
    assert b"\r" not in text
    assert b'"' not in text


@pytest.mark.parametrize("log", LOGS)
def test_each_row_of_a_log_is_well_formed(release: Path, log: str) -> None:
    table = rows(release, log)
    assert table.height > 0
    patterns = {
        "id": r"^\{[0-9A-F]{4}-[0-9A-F]{8}-[0-9A-F]{8}\}$",
        "date": r"^\d{2}/\d{2}/\d{4} \d{2}:\d{2}:\d{2}$",
        "user": r"^[A-Z]{3}\d{4}$",
        "pc": r"^PC-\d{4}$",
    }
    for column, pattern in patterns.items():
        assert table[column].str.contains(pattern).all(), column


@pytest.mark.parametrize("log", LOGS)
def test_ids_are_unique_within_a_log(release: Path, log: str) -> None:
    assert rows(release, log)["id"].is_unique().all()


@pytest.mark.parametrize("log", LOGS)
def test_rows_are_in_time_order_and_inside_the_period(release: Path, log: str) -> None:
    time = rows(release, log)["date"].str.to_datetime("%m/%d/%Y %H:%M:%S")
    assert time.is_sorted()
    assert time.dt.date().min() >= date(2010, 1, 2)  # type: ignore[operator]  # min() of any dtype
    assert time.dt.date().max() < date(2010, 2, 6)  # type: ignore[operator]


def test_values_are_those_of_the_genuine_release(release: Path) -> None:
    assert set(rows(release, "logon")["activity"]) == {"Logon", "Logoff"}
    assert set(rows(release, "device")["activity"]) == {"Connect", "Disconnect"}
    assert rows(release, "file")["filename"].str.contains(r"^[0-9A-Z]{8}\.[a-z]{3}$").all()
    assert rows(release, "file")["content"].str.contains(r"^[0-9A-F]{2}(-[0-9A-F]{2})+ [a-z]").all()
    assert rows(release, "http")["url"].str.contains(r"^http://[a-z]+\.example/").all()
    assert rows(release, "email")["to"].str.contains("@").all()
    assert rows(release, "email")["attachments"].str.contains(r"^\d$").all()


def test_every_user_of_the_logs_is_in_the_directory(release: Path) -> None:
    people = pl.read_csv(release / "LDAP/2009-12.csv", infer_schema=False)
    assert people.height == 12
    assert people["supervisor"].to_list().count(None) == 1
    assert set(people["supervisor"].drop_nulls()) - {""} <= set(people["employee_name"])
    for log in LOGS:
        assert set(rows(release, log)["user"]) <= set(people["user_id"])


def test_the_directory_has_a_file_a_month_from_the_month_before(release: Path) -> None:
    assert sorted(path.name for path in (release / "LDAP").iterdir()) == [
        "2009-12.csv",
        "2010-01.csv",
        "2010-02.csv",
    ]


def test_the_returned_counts_are_the_rows_written(tmp_path: Path) -> None:
    counts = write_release(tmp_path / "r", users=8, days=28)
    assert counts == {log: rows(tmp_path / "r", log).height for log in LOGS}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(release: Path, tmp_path: Path) -> None:
    write_release(tmp_path / "same", users=12, days=35, seed=3)
    write_release(tmp_path / "other", users=12, days=35, seed=4)
    assert digest(tmp_path / "same") == digest(release)
    differences = set(digest(tmp_path / "other")) - set(digest(release))
    assert {f"{log}.csv" for log in LOGS} <= {name for name, _ in differences}


def test_progress_counts_the_blocks(tmp_path: Path) -> None:
    progress: list[tuple[int, int]] = []
    write_release(
        tmp_path / "r", users=8, days=29, on_progress=lambda done, total: progress.append((done, total))
    )
    assert progress == [(1, 3), (2, 3), (3, 3)]


def test_an_interrupted_release_leaves_nothing_under_its_name(tmp_path: Path) -> None:
    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_release(tmp_path / "r", users=8, days=28, on_progress=stop)
    assert not (tmp_path / "r").exists()
    write_release(tmp_path / "r", users=8, days=28)
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_what_a_killed_run_left_is_cleaned_up_by_the_next(tmp_path: Path) -> None:
    partial = tmp_path / ".r.partial"
    partial.mkdir()
    (partial / "http-0.part").write_text("half a row")
    write_release(tmp_path / "r", users=8, days=28)
    assert [path.name for path in tmp_path.iterdir()] == ["r"]
    assert not list((tmp_path / "r").rglob("*.part"))


@pytest.mark.parametrize("name", ["r4.2", "r6.2"])
def test_any_number_of_workers_gives_the_same_bytes(tmp_path: Path, name: str) -> None:
    for workers in (1, 2):
        write_release(tmp_path / str(workers), name, users=16, days=30, workers=workers)
    assert digest(tmp_path / "1") == digest(tmp_path / "2")


def test_no_session_reaches_further_into_the_next_day_than_is_merged() -> None:
    world = draw_world(Settings("r4.2", 1_000, 56, seed=1, start=date(2010, 1, 2), insiders=0.0))
    block = split_days(1_000, 56)[1]
    latest = [rows["t"].to_numpy().max() for rows in draw_block(world, block, seed=1)]
    assert block.days.stop * DAY < max(latest) < block.days.stop * DAY + OVERLAP


def test_many_users_are_drawn_in_shorter_blocks() -> None:
    assert [len(block.days) for block in split_days(users=1_000, days=30)] == [14, 14, 2]
    assert {len(block.days) for block in split_days(users=9_000, days=30)} == {1}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"release": "r3.2"}, "release must be one of r4.1, r4.2, r5.1, r5.2, r6.1, r6.2, got 'r3.2'"),
        ({"workers": 0}, "workers must be at least 1, got 0"),
        ({"users": 7}, "users must be 8 .. 9000, got 7"),
        ({"days": 27}, "days must be at least 28, got 27"),
        ({"insiders": 0.6}, "insiders must be a share of the users, 0 .. 0.5, got 0.6"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
    ],
)
def test_bad_arguments_are_refused_in_one_sentence(
    tmp_path: Path, arguments: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        write_release(tmp_path / "r", **arguments)  # type: ignore[arg-type]  # one wrong value at a time
    assert not list(tmp_path.iterdir())


def test_a_folder_with_content_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="not an empty folder"):
        write_release(tmp_path, users=8, days=28)
    assert (tmp_path / "note.txt").read_text() == "mine"


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    write_release(tmp_path / "r", users=8, days=28)
    assert (tmp_path / "r" / "http.csv").exists()
