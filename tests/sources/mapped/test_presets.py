"""Each preset reads rows in the genuine layout."""

import json
from pathlib import Path
from xml.sax.saxutils import escape

import polars as pl
import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.events import EVENTS
from itd_lightning.ingest import build_store, open_mappings
from itd_lightning.store.read import Store
from tests.handmade_mappings import NOW, refusals

SHOWN = ("time", "user", "pc", "kind", "object", "size")


def read(preset: str, path: Path) -> list[tuple[object, ...]]:
    """Return the events that a preset makes of the logs in a folder."""
    (source,) = open_mappings([path], preset)
    parts = [
        source.parse(piece, None, NOW) for piece in source.pieces(path.parent / "spool", lambda *_: False)
    ]
    rows = pl.concat(part.events for part in parts)
    return rows.select(pl.col("time").cast(pl.String).str.head(19), *SHOWN[1:]).rows()


def windows_row(event: int, number: int, **data: str) -> dict[str, object]:
    """Return an event of Windows as Winlogbeat writes it."""
    return {
        "@timestamp": f"2026-03-02T08:00:{number:02d}.123Z",
        "event": {"code": str(event)},
        "winlog": {
            "event_id": event if number % 2 else str(event),
            "record_id": 100 + number,
            "computer_name": "PC1.corp.example",
            "event_data": data,
        },
    }


WINDOWS = [
    windows_row(4624, 0, TargetUserName="Ann", LogonType="2"),
    windows_row(4624, 1, TargetUserName="Ann", LogonType="3"),
    windows_row(4624, 2, TargetUserName="PC1$", LogonType="2"),
    windows_row(4624, 3, TargetUserName="Ann", LogonType="10"),
    windows_row(4634, 4, TargetUserName="Ann", LogonType="2"),
    windows_row(4647, 5, TargetUserName="Ann"),
    windows_row(4663, 6, SubjectUserName="Ann", ObjectName="C:\\a.txt", AccessMask="0x1"),
    windows_row(4663, 7, SubjectUserName="Ann", ObjectName="C:\\a.txt", AccessMask="0x2"),
    windows_row(6416, 8, SubjectUserName="Ann", DeviceDescription="USB Mass Storage"),
    windows_row(4688, 9, SubjectUserName="Ann", NewProcessName="C:\\cmd.exe"),
    windows_row(4625, 10, TargetUserName="Ann", LogonType="3"),
    windows_row(4672, 11, SubjectUserName="Ann"),
]
WINDOWS_EVENTS = [
    ("2026-03-02 08:00:00", "ann", "pc1", "logon", None, None),
    ("2026-03-02 08:00:03", "ann", "pc1", "logon", None, None),
    ("2026-03-02 08:00:04", "ann", "pc1", "logoff", None, None),
    ("2026-03-02 08:00:05", "ann", "pc1", "logoff", None, None),
    ("2026-03-02 08:00:06", "ann", "pc1", "file_open", "C:\\a.txt", None),
    ("2026-03-02 08:00:07", "ann", "pc1", "file_write", "C:\\a.txt", None),
    ("2026-03-02 08:00:08", "ann", "pc1", "connect", "USB Mass Storage", None),
    ("2026-03-02 08:00:09", "ann", "pc1", "process", "C:\\cmd.exe", None),
    ("2026-03-02 08:00:10", "ann", "pc1", "logon_failed", None, None),
]


def test_windows_reads_winlogbeat(tmp_path: Path) -> None:
    (tmp_path / "winlog.ndjson").write_text("".join(json.dumps(row) + "\n" for row in WINDOWS))
    assert read("windows", tmp_path) == WINDOWS_EVENTS
    (source,) = open_mappings([tmp_path], "windows")
    assert refusals(source) == [(1, "left out by where"), (2, "no user"), (11, "left out by where")]


def test_windows_reads_a_csv_of_the_same_events(tmp_path: Path) -> None:
    fields = (
        "TargetUserName",
        "SubjectUserName",
        "LogonType",
        "ObjectName",
        "AccessMask",
        "DeviceDescription",
        "NewProcessName",
    )
    names = ("TimeCreated", "EventID", "EventRecordID", "Computer", *fields)
    lines = [",".join(names)]
    for row in WINDOWS:
        winlog = row["winlog"]
        assert isinstance(winlog, dict)
        data = winlog["event_data"]
        values = [row["@timestamp"], winlog["event_id"], winlog["record_id"], winlog["computer_name"]]
        lines.append(
            ",".join(f'"{value}"' for value in [*values, *(data.get(field, "-") for field in fields)])
        )
    (tmp_path / "security.csv").write_text("\r\n".join(lines) + "\r\n")
    assert read("windows", tmp_path / "security.csv") == WINDOWS_EVENTS


def windows_xml(row: dict[str, object]) -> str:
    """Return an event of Windows as wevtutil writes it."""
    winlog = row["winlog"]
    assert isinstance(winlog, dict)
    data = "".join(
        f"<Data Name='{name}'>{escape(value)}</Data>" for name, value in winlog["event_data"].items()
    )
    return (
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>"
        "<Provider Name='Microsoft-Windows-Security-Auditing' Guid='{54849625-5478-4994-a5ba-3e3b0328c30d}'/>"
        f"<EventID>{winlog['event_id']}</EventID><Version>2</Version><Task>{winlog.get('task', 12544)}</Task>"
        f"<TimeCreated SystemTime='{str(row['@timestamp'])[:-1]}4567Z'/>"
        f"<EventRecordID>{winlog['record_id']}</EventRecordID><Correlation/>"
        f"<Channel>Security</Channel><Computer>{winlog['computer_name']}</Computer><Security/></System>"
        f"<EventData>{data}</EventData></Event>"
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_windows_reads_xml_of_the_same_events(encoding: str, tmp_path: Path) -> None:
    viewer = '<?xml version="1.0" encoding="utf-8" standalone="yes"?>\r\n<Events>'
    text = viewer + "".join(map(windows_xml, WINDOWS[:6])) + "</Events>\n"
    (tmp_path / "viewer.xml").write_bytes(text.encode(encoding))
    (tmp_path / "wevtutil.xml").write_text("\n".join(map(windows_xml, WINDOWS[6:])))
    assert read("windows", tmp_path) == WINDOWS_EVENTS


def test_what_is_written_to_removable_storage_was_copied_there(tmp_path: Path) -> None:
    row = windows_row(4663, 6, SubjectUserName="Ann", AccessMask="0x2")
    assert isinstance(row["winlog"], dict)
    row["winlog"]["event_data"]["ObjectName"] = "\\Device\\HarddiskVolume12\\plans\\a.doc"
    row["winlog"]["task"] = "Removable Storage"
    (tmp_path / "a.ndjson").write_text(json.dumps(row) + "\n")
    row["winlog"]["task"] = 12812
    (tmp_path / "b.xml").write_text(windows_xml(row))
    assert [event[3:5] for event in read("windows", tmp_path)] == [("file_copy", "plans\\a.doc")] * 2


HTTP_FIELDS = (
    "ts uid id.orig_h id.orig_p id.resp_h id.resp_p trans_depth method host uri referrer version "
    "user_agent origin request_body_len response_body_len status_code status_msg info_code info_msg "
    "tags username password proxied orig_fuids orig_filenames orig_mime_types resp_fuids "
    "resp_filenames resp_mime_types"
)
SMTP_FIELDS = (
    "ts uid id.orig_h id.orig_p id.resp_h id.resp_p trans_depth helo mailfrom rcptto date from to cc "
    "reply_to msg_id in_reply_to subject x_originating_ip first_received second_received last_reply "
    "path user_agent tls fuids"
)
HTTP = {
    "ts": "1772438400.123456",
    "uid": "CHhAvV",
    "id.orig_h": "10.0.0.5",
    "id.orig_p": "50000",
    "id.resp_h": "93.184.216.34",
    "id.resp_p": "80",
    "trans_depth": "1",
    "method": "GET",
    "host": "example.com",
    "uri": "/a?b=c",
    "request_body_len": "0",
    "response_body_len": "1256",
    "status_code": "200",
    "tags": "(empty)",
    "resp_mime_types": "text/html",
}
SMTP = {
    "ts": "1772438500.5",
    "uid": "CxYz",
    "id.orig_h": "10.0.0.6",
    "trans_depth": "1",
    "mailfrom": "<Bob@x.org>",
    "rcptto": "<ann@x.org>,<eve@Y.com>",
    "subject": "hi",
}
ZEEK_EVENTS = [
    ("2026-03-02 08:00:00", "10.0.0.5", "10.0.0.5", "http_visit", "http://example.com/a?b=c", 1256),
    ("2026-03-02 08:00:00", "10.0.0.5", "10.0.0.5", "http_upload", "http://93.184.216.34/up", 999),
    ("2026-03-02 08:01:40", "bob@x.org", "10.0.0.6", "email_send", "ann@x.org;eve@y.com", None),
]
UPLOAD = {**HTTP, "trans_depth": "2", "method": "POST", "host": "-", "uri": "/up", "request_body_len": "999"}


def zeek_text(name: str, names: str, rows: list[dict[str, str]]) -> str:
    """Return a log as Zeek writes it."""
    fields = names.split()
    head = [
        "#separator \\x09",
        "#set_separator\t,",
        "#empty_field\t(empty)",
        "#unset_field\t-",
        f"#path\t{name}",
    ]
    head += [
        "#open\t2026-03-02-08-00-00",
        "\t".join(["#fields", *fields]),
        "\t".join(["#types", *["string"] * len(fields)]),
    ]
    body = ["\t".join(row.get(field, "-") for field in fields) for row in rows]
    return "\n".join([*head, *body, "#close\t2026-03-02-09-00-00\n"])


def test_zeek_reads_tsv(tmp_path: Path) -> None:
    (tmp_path / "http.log").write_text(zeek_text("http", HTTP_FIELDS, [HTTP, UPLOAD]))
    (tmp_path / "smtp.08:00:00-09:00:00.log").write_text(zeek_text("smtp", SMTP_FIELDS, [SMTP]))
    (tmp_path / "conn.log").write_text("not looked at")
    assert read("zeek", tmp_path) == ZEEK_EVENTS
    assert refusals(open_mappings([tmp_path], "zeek")[0]) == []


def test_zeek_reads_json(tmp_path: Path) -> None:
    numbers = ("ts", "trans_depth", "request_body_len", "response_body_len")
    rows = [
        {key: float(value) if key in numbers else value for key, value in row.items() if value != "-"}
        for row in (HTTP, UPLOAD)
    ]
    rows = [
        {key: int(value) if isinstance(value, float) and key != "ts" else value for key, value in row.items()}
        for row in rows
    ]
    (tmp_path / "http.json").write_text(
        "".join(json.dumps({**row, "resp_mime_types": ["text/html"]}) + "\n" for row in rows)
    )
    mail = {**SMTP, "ts": "2026-03-02T08:01:40.500000Z", "rcptto": ["<ann@x.org>", "eve@Y.com"]}
    (tmp_path / "smtp.ndjson").write_text(json.dumps(mail) + "\n")
    assert read("zeek", tmp_path) == ZEEK_EVENTS


M365 = [
    {
        "CreationTime": "2026-03-02T08:00:00",
        "Id": "a1",
        "Operation": "UserLoggedIn",
        "UserId": "Ann@x.org",
        "UserType": 0,
        "ClientIP": "10.0.0.5",
        "Workload": "AzureActiveDirectory",
    },
    {
        "CreationTime": "2026-03-02T08:01:00",
        "Id": "a2",
        "Operation": "FileDownloaded",
        "UserId": "ann@x.org",
        "UserType": 0,
        "ClientIP": "10.0.0.5",
        "ObjectId": 'https://x.sharepoint.com/a, "b".docx',
    },
    {
        "CreationTime": "2026-03-02T08:02:00",
        "Id": "a3",
        "Operation": "Send",
        "UserId": "ann@x.org",
        "UserType": 0,
        "Item": {"Subject": "hi", "SizeInBytes": 2048},
    },
    {
        "CreationTime": "2026-03-02T08:03:00",
        "Id": "a4",
        "Operation": "MailItemsAccessed",
        "UserId": "app",
        "UserType": 5,
    },
    {
        "CreationTime": "2026-03-02T08:04:00",
        "Id": "a5",
        "Operation": "TeamCreated",
        "UserId": "ann@x.org",
        "UserType": 0,
    },
]
M365_EVENTS = [
    ("2026-03-02 08:00:00", "ann@x.org", "10.0.0.5", "logon", None, None),
    (
        "2026-03-02 08:01:00",
        "ann@x.org",
        "10.0.0.5",
        "file_copy",
        'https://x.sharepoint.com/a, "b".docx',
        None,
    ),
    ("2026-03-02 08:02:00", "ann@x.org", None, "email_send", "hi", 2048),
]


def test_m365_reads_the_json_of_the_api(tmp_path: Path) -> None:
    (tmp_path / "audit.json").write_text("".join(json.dumps(row) + "\n" for row in M365))
    assert read("m365", tmp_path) == M365_EVENTS
    assert refusals(open_mappings([tmp_path], "m365")[0]) == [
        (3, "left out by where"),
        (4, "no rule gives a kind"),
    ]


def test_m365_reads_the_csv_of_the_portal_with_json_inside(tmp_path: Path) -> None:
    rows = [
        {
            "RecordId": row["Id"],
            "CreationDate": row["CreationTime"],
            "RecordType": "15",
            "Operation": row["Operation"],
            "UserId": row["UserId"],
            "AuditData": json.dumps(row),
            "AssociatedAdminUnits": "",
            "AssociatedAdminUnitsNames": "",
        }
        for row in M365
    ]
    rows.append({**rows[0], "AuditData": '{"cut'})
    (tmp_path / "audit.csv").write_bytes(
        b"\xef\xbb\xbf" + pl.DataFrame(rows).write_csv(line_terminator="\r\n").encode()
    )
    assert read("m365", tmp_path) == M365_EVENTS
    assert refusals(open_mappings([tmp_path], "m365")[0])[-1] == (6, "no rule gives a kind")


PROXY = """\
#Software: SGOS 6.7.5.3
#Version: 1.0
#Fields: date time time-taken c-ip cs-username cs-auth-group sc-status cs-method rs(Content-Type) cs-uri-scheme cs-host cs-uri-port cs-uri-path cs-uri-query cs(User-Agent) sc-bytes cs-bytes
2026-03-02 08:00:00 12 10.0.0.5 CORP\\Ann - 200 GET text/html;%20charset=utf-8 http example.com 80 /a ?b=c "Mozilla/5.0 (X11; Linux)" 1256 300
2026-03-02 08:00:01 12 10.0.0.5 CORP\\Ann - 200 POST text/html https drop.example 443 /up - "Mozilla/5.0" 100 99999
2026-03-02 08:00:02 12 10.0.0.5 CORP\\Ann - 200 CONNECT - tcp drop.example 443 / - - 39 0
2026-03-02 08:00:03 12 10.0.0.5 - - 407 GET - http example.com 80 / - - 39 0
2026-03-02 08:00:04 12 10.0.0.5 CORP\\Ann - 200 GET application/zip http example.com 80 /a.zip - - 5000 10
"""


def test_proxy_w3c_reads_an_access_log(tmp_path: Path) -> None:
    (tmp_path / "access.log").write_text(PROXY)
    assert read("proxy_w3c", tmp_path) == [
        ("2026-03-02 08:00:00", "corp\\ann", "10.0.0.5", "http_visit", "http://example.com/a?b=c", 1256),
        ("2026-03-02 08:00:01", "corp\\ann", "10.0.0.5", "http_upload", "https://drop.example/up", 99999),
        ("2026-03-02 08:00:04", "corp\\ann", "10.0.0.5", "http_download", "http://example.com/a.zip", 5000),
    ]
    assert refusals(open_mappings([tmp_path], "proxy_w3c")[0]) == [(5, "left out by where"), (6, "no user")]


def test_cert_reads_what_the_parser_of_releases_reads(release: Path, store: Path, tmp_path: Path) -> None:
    manifest = build_store([release], tmp_path / "store", preset="cert", shards=4)
    mapped, parsed = Store(tmp_path / "store"), Store(store)
    assert manifest["logs"] == parsed.manifest["logs"]
    assert manifest["records"] == parsed.manifest["records"]
    assert (
        mapped.scan().select(EVENTS.names()).collect().equals(parsed.scan().select(EVENTS.names()).collect())
    )


def test_an_unknown_preset_and_a_folder_without_its_logs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"preset must be one of cert, cloudtrail, ecs, .*, windows, zeek, got 'splunk'"
    ):
        open_mappings([tmp_path], "splunk")
    with pytest.raises(InputError, match=r"has no file \*\*/http\*.log or "):
        open_mappings([tmp_path], "zeek")
    with pytest.raises(InputError, match="none is not there"):
        open_mappings([tmp_path / "none"], "zeek")
