"""What the reader of the answer key promises."""

from datetime import datetime
from pathlib import Path

import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.sources.base import Answers
from itd_lightning.sources.cert.answers import read_answers
from itd_lightning.sources.cert.releases import find_release

HEADER = "dataset,scenario,details,user,start,end"
MINE = "4.2,1,r4.2-1-ABC0001.csv,ABC0001,07/13/2010 20:15:23,07/13/2010 21:20:44"
OTHERS = [
    "2,1,r2.csv,ONE0001,3/6/2010 1:41:56,3/20/2010 8:10:12",
    "3.2,2,r3.2-2.csv,TWO0002,07/13/2010 20:15:23,07/13/2010 21:20:44",
    "5.2,1,r5.2-1-TRE0003.csv,TRE0003,07/13/2010 20:15:23,07/13/2010 21:20:44",
    "14.2,1,r14.2.csv,FIV0005,07/13/2010 20:15:23,07/13/2010 21:20:44",
    "42,1,r42.csv,FOR0004,07/13/2010 20:15:23,07/13/2010 21:20:44",
]
DETAILS = [
    "logon,{L1},07/13/2010 20:15:23,ABC0001,PC-1,Logon",
    "http,{H1},07/13/2010 20:30:00,ABC0001,PC-1,http://wikileaks.org/a,one two",
    "device,{D1},07/13/2010 20:31:00,ABC0001,PC-1,Connect",
    "file,{F1},07/13/2010 20:32:00,ABC0001,PC-1,A.doc,D0-CF one",
    "email,{M1},07/13/2010 21:00:00,BOS0009,PC-9,a@dtaa.com,,,b@dtaa.com,30,0,one",
    "device,{D2},07/13/2010 21:19:00,ABC0001,PC-1,Disconnect",
    "logon,{L2},07/13/2010 21:20:44,ABC0001,PC-1,Logoff",
]


def write_key(folder: Path, rows: list[str], details: dict[str, list[str]]) -> Path:
    """Write a key: the rows of ``insiders.csv``, and detail files by their path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "insiders.csv").write_text("".join(f"{row}\n" for row in [HEADER, *rows]))
    for name, lines in details.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("".join(f"{line}\n" for line in lines))
    return folder


def read(folder: Path) -> Answers:
    """Read a key that is there."""
    answers = read_answers(folder, find_release("r4.2"))
    assert answers is not None
    return answers


@pytest.mark.parametrize("place", range(6))
def test_only_rows_of_exactly_this_data_set_count(place: int, tmp_path: Path) -> None:
    rows = [*OTHERS[:place], MINE, *OTHERS[place:]]
    answers = read(write_key(tmp_path, rows, {"r4.2-1/r4.2-1-ABC0001.csv": DETAILS}))
    assert answers.campaigns.rows() == [
        ("ABC0001", 1, datetime(2010, 7, 13, 20, 15, 23), datetime(2010, 7, 13, 21, 20, 44))
    ]


@pytest.mark.parametrize("name", ["r4.2-1/r4.2-1-ABC0001.csv", "r4.2-1-ABC0001.csv"])
def test_detail_files_lie_in_a_folder_of_the_scenario_or_beside_the_list(name: str, tmp_path: Path) -> None:
    answers = read(write_key(tmp_path, [MINE], {name: DETAILS}))
    assert answers.rows.select("event_id", "kind").rows() == [
        ("{L1}", "logon"),
        ("{H1}", "http_visit"),
        ("{D1}", "connect"),
        ("{F1}", "file_copy"),
        ("{M1}", "email_send"),
        ("{D2}", "disconnect"),
        ("{L2}", "logoff"),
    ]
    assert answers.remarks == []


def test_a_row_of_another_account_keeps_it_and_names_the_insider(tmp_path: Path) -> None:
    answers = read(write_key(tmp_path, [MINE], {"r4.2-1-ABC0001.csv": DETAILS}))
    assert answers.rows.row(4, named=True) == {
        "insider": "ABC0001",
        "scenario": 1,
        "event_id": "{M1}",
        "user": "BOS0009",
        "time": datetime(2010, 7, 13, 21),
        "pc": "PC-9",
        "kind": "email_send",
    }
    assert answers.rows["user"].to_list().count("ABC0001") == 6


def test_quoted_details_and_dates_without_leading_zeros_are_read(tmp_path: Path) -> None:
    details = ['"logon","{L1}","7/3/2010 8:05:03","ABC0001","PC-1","Logon"']
    key = write_key(tmp_path, [MINE.replace("07/13/2010 20:15:23", "7/3/2010 8:05:03")], {})
    (key / "r4.2-1-ABC0001.csv").write_text("\r\n".join(details))
    answers = read(key)
    assert answers.campaigns["start"].to_list() == [datetime(2010, 7, 3, 8, 5, 3)]
    assert answers.rows["time"].to_list() == [datetime(2010, 7, 3, 8, 5, 3)]
    assert answers.rows["kind"].to_list() == ["logon"]


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "logon",
        "logon,{L9},07/13/2010 20:15:23,ABC0001,PC-1",
        "logon,{L9},07/13/2010 20:15:23,ABC0001,PC-1,Reboot",
        "logon,{L9},13/07/2010 20:15:23,ABC0001,PC-1,Logon",
        "printer,{P9},07/13/2010 20:15:23,ABC0001,PC-1,Print",
        "http,{H9},07/13/20",
    ],
)
def test_an_unreadable_row_is_refused_by_file_and_line_and_the_rest_is_kept(bad: str, tmp_path: Path) -> None:
    details = [*DETAILS[:2], bad, *DETAILS[2:]]
    answers = read(write_key(tmp_path, [MINE], {"r4.2-1-ABC0001.csv": details}))
    assert answers.remarks == ["r4.2-1-ABC0001.csv:3: not a row of a log"]
    assert len(answers.rows) == 7


def test_campaigns_and_rows_are_sorted_by_user_and_time(tmp_path: Path) -> None:
    second = MINE.replace("ABC0001", "AAA0002")
    details = {
        "r4.2-1-ABC0001.csv": DETAILS[::-1],
        "r4.2-1-AAA0002.csv": [line.replace("ABC0001", "AAA0002") for line in DETAILS[:2]],
    }
    answers = read(write_key(tmp_path, [MINE, second], details))
    assert answers.campaigns["user"].to_list() == ["AAA0002", "ABC0001"]
    assert answers.rows["insider"].to_list() == ["AAA0002"] * 2 + ["ABC0001"] * 7
    assert "".join(answers.rows["event_id"]) == "{L1}{H1}{L1}{H1}{D1}{F1}{M1}{D2}{L2}"


def test_a_release_without_a_key_has_no_answers(tmp_path: Path) -> None:
    assert read_answers(tmp_path / "answers", find_release("r4.2")) is None


def test_a_folder_of_answers_without_its_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no insiders\.csv"):
        read_answers(tmp_path, find_release("r4.2"))


@pytest.mark.parametrize(
    "row",
    [
        "4.2,1,r4.2-1-ABC0001.csv,ABC0001,07/09/2010 20:15:23,07/08/2010 21:20:44",
        "4.2,1,r4.2-1-ABC0001.csv,ABC0001,07/09/0010 20:15:23,07/10/2010 21:20:44",
        "4.2,999999999999,r4.2-1-ABC0001.csv,ABC0001,07/09/2010 20:15:23,07/10/2010 21:20:44",
    ],
    ids=["ends before it starts", "year 10", "scenario 999999999999"],
)
def test_an_impossible_campaign_is_refused(row: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="impossible campaign"):
        read(write_key(tmp_path, [row], {}))


def test_a_campaign_and_a_key_row_that_stand_twice_count_once(tmp_path: Path) -> None:
    answers = read(write_key(tmp_path, [MINE, MINE], {"r4.2-1-ABC0001.csv": [*DETAILS, *DETAILS]}))
    once = read(write_key(tmp_path / "once", [MINE], {"r4.2-1-ABC0001.csv": DETAILS}))
    assert answers.campaigns.equals(once.campaigns)
    assert answers.rows.equals(once.rows)


def test_a_campaign_without_its_file_is_kept_by_start_and_end(tmp_path: Path) -> None:
    other = MINE.replace("ABC0001", "XYZ0002")
    answers = read(write_key(tmp_path, [MINE, other], {"r4.2-1-ABC0001.csv": DETAILS}))
    assert set(answers.campaigns["user"]) == {"ABC0001", "XYZ0002"}
    assert set(answers.rows["insider"]) == {"ABC0001"}
    assert [remark for remark in answers.remarks if "there is no r4.2-1-XYZ0002.csv, so only start" in remark]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (OTHERS, "holds no campaign of 4.2, only of 14.2, 2, 3.2, 42, 5.2$"),
        ([], "holds no campaign of 4.2, only of nothing$"),
        ([MINE], "has no r4.2-1-ABC0001.csv, which its insiders.csv names$"),
        ([MINE.replace("07/13/2010 21:20:44", "/13/2010 21:20:44")], "has a row of 4.2 that cannot be read"),
        ([MINE.replace("4.2,1,", "4.2,one,")], "has a row of 4.2 that cannot be read"),
        (["4.2,1"], "has a row of 4.2 without details, user, start, end$"),
        ([MINE.replace("r4.2-1-ABC0001.csv", "")], "has a row of 4.2 without details$"),
        (
            ["4.2,1,../../etc/passwd,ABC0001,07/13/2010 20:15:23,07/13/2010 21:20:44"],
            "has no ../../etc/passwd",
        ),
    ],
    ids=["other releases", "no row", "no details", "no month", "no number", "cut", "unnamed", "outside"],
)
def test_a_key_that_cannot_be_used_is_refused_in_one_line(
    rows: list[str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message) as raised:
        read_answers(write_key(tmp_path, rows, {}), find_release("r4.2"))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "cannot be read as CSV"), ("dataset,scenario,details,user,start\n", "lacks the column 'end'$")],
)
def test_a_list_that_is_no_list_of_campaigns_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "insiders.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_answers(tmp_path, find_release("r4.2"))
