"""Presets of Sysmon, clouds, schemas and proxies, on small files in the genuine layout."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from itd_lightning.ingest import open_mappings
from tests.handmade_mappings import refusals
from tests.sources.mapped.test_presets import read, windows_row, windows_xml


def write_lines(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows as lines of JSON."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def sysmon_row(event: int, number: int, **data: str) -> dict[str, object]:
    """Return an event of Sysmon as Winlogbeat writes it."""
    return windows_row(event, number, **data)


SYSMON = [
    sysmon_row(1, 1, User="CORP\\Ann", Image="C:\\Windows\\cmd.exe", CommandLine="cmd /c dir"),
    sysmon_row(1, 2, User="NT AUTHORITY\\SYSTEM", Image="C:\\Windows\\svchost.exe"),
    sysmon_row(3, 3, User="CORP\\Ann", DestinationIp="10.0.0.9", DestinationPort="445"),
    sysmon_row(11, 4, User="CORP\\Ann", Image="C:\\a.exe", TargetFilename="C:\\t\\b.zip"),
    sysmon_row(23, 5, User="CORP\\Ann", Image="C:\\a.exe", TargetFilename="C:\\t\\b.zip"),
    sysmon_row(5, 6, User="CORP\\Ann", Image="C:\\a.exe"),
]
SYSMON_EVENTS = [
    ("2026-03-02 08:00:01", "ann", "pc1", "process", "C:\\Windows\\cmd.exe", None),
    ("2026-03-02 08:00:03", "ann", "pc1", "connection", "10.0.0.9:445", None),
    ("2026-03-02 08:00:04", "ann", "pc1", "file_write", "C:\\t\\b.zip", None),
    ("2026-03-02 08:00:05", "ann", "pc1", "file_delete", "C:\\t\\b.zip", None),
]


def test_sysmon_reads_winlogbeat_and_xml(tmp_path: Path) -> None:
    for name in ("beats", "xml"):
        (tmp_path / name).mkdir()
    write_lines(tmp_path / "beats" / "sysmon.ndjson", SYSMON)
    (tmp_path / "xml" / "sysmon.xml").write_text("".join(map(windows_xml, SYSMON)))
    assert read("sysmon", tmp_path / "beats") == read("sysmon", tmp_path / "xml") == SYSMON_EVENTS
    assert refusals(open_mappings([tmp_path / "beats"], "sysmon")[0]) == [
        (1, "no user"),
        (5, "left out by where"),
    ]


def trail_row(number: int, name: str, service: str = "iam", **more: object) -> dict[str, object]:
    """Return a record of CloudTrail by a session of single sign-on."""
    arn = "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin/Ann@x.org"
    return {
        "eventVersion": "1.09",
        "userIdentity": {"type": "AssumedRole", "principalId": "AROAX:Ann@x.org", "arn": arn},
        "eventTime": f"2026-03-02T08:00:0{number}Z",
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "awsRegion": "eu-central-1",
        "sourceIPAddress": "192.0.2.7",
        "requestParameters": None,
        "responseElements": None,
        "readOnly": False,
        "eventID": f"id-{number}",
        **more,
    }


TRAIL = [
    trail_row(
        1,
        "ConsoleLogin",
        "signin",
        userIdentity={"type": "IAMUser", "userName": "Bob", "arn": "arn:aws:iam::111122223333:user/Bob"},
        responseElements={"ConsoleLogin": "Success"},
    ),
    trail_row(2, "ConsoleLogin", "signin", responseElements={"ConsoleLogin": "Failure"}),
    trail_row(3, "AttachUserPolicy"),
    trail_row(4, "ListUsers", readOnly=True),
    trail_row(
        5,
        "GetObject",
        "s3",
        readOnly=True,
        requestParameters={"bucketName": "plans", "key": "a/b.pdf"},
        additionalEventData={"bytesTransferredOut": 4096.0, "bytesTransferredIn": 0.0},
    ),
    trail_row(6, "AssumeRole", "sts", userIdentity={"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}),
]
TRAIL_EVENTS = [
    ("2026-03-02 08:00:01", "bob", "192.0.2.7", "logon", "signin:ConsoleLogin", None),
    ("2026-03-02 08:00:02", "ann@x.org", "192.0.2.7", "logon_failed", "signin:ConsoleLogin", None),
    ("2026-03-02 08:00:03", "ann@x.org", "192.0.2.7", "admin_change", "iam:AttachUserPolicy", None),
    ("2026-03-02 08:00:04", "ann@x.org", "192.0.2.7", "other", "iam:ListUsers", None),
    ("2026-03-02 08:00:05", "ann@x.org", "192.0.2.7", "file_open", "s3://plans/a/b.pdf", 4096),
]


def test_cloudtrail_reads_files_as_delivered_and_lines(tmp_path: Path) -> None:
    for name in ("files", "lines"):
        (tmp_path / name).mkdir()
    (tmp_path / "files" / "111122223333_CloudTrail.json").write_text(json.dumps({"Records": TRAIL}))
    write_lines(tmp_path / "lines" / "trail.jsonl", TRAIL)
    assert read("cloudtrail", tmp_path / "files") == read("cloudtrail", tmp_path / "lines") == TRAIL_EVENTS
    assert refusals(open_mappings([tmp_path / "files"], "cloudtrail")[0]) == [(5, "left out by where")]


def ocsf_row(number: int, kind: int, activity: int, **more: object) -> dict[str, object]:
    """Return an event of OCSF 1.8."""
    return {
        "class_uid": kind,
        "activity_id": activity,
        "time": 1772438400000 + number * 1000,
        "status_id": 1,
        "metadata": {"version": "1.8.0", "uid": f"u{number}"},
        "actor": {"user": {"name": "Ann"}},
        "device": {"hostname": "PC1.corp.example"},
        **more,
    }


OCSF = [
    ocsf_row(1, 3002, 1, user={"name": "Ann"}),
    ocsf_row(2, 3002, 1, user={"name": "Ann"}, status_id=2),
    ocsf_row(3, 3002, 2, user={"name": "Ann"}),
    ocsf_row(4, 1001, 14, file={"name": "b.txt", "path": "C:\\b.txt", "size": 12}),
    ocsf_row(5, 1001, 4, file={"name": "b.txt", "path": "C:\\b.txt", "size": 12}),
    ocsf_row(6, 1010, 1, peripheral_device={"name": "Stick", "class": "USB"}),
    ocsf_row(7, 1010, 5, peripheral_device={"name": "Stick", "class": "USB"}),
    # Before 1.7 the class was another one, and in 1.0.0-rc.2 Windows resources.
    ocsf_row(8, 1010, 1, metadata={"version": "1.0.0-rc.2", "uid": "u8"}),
    ocsf_row(9, 1007, 1, process={"name": "cmd.exe", "file": {"path": "C:\\cmd.exe"}}),
    ocsf_row(10, 4002, 3, http_request={"url": {"url_string": "https://a.org/x"}}),
    ocsf_row(11, 4002, 6, http_request={"url": {"url_string": "https://a.org/up"}}),
    ocsf_row(
        12, 4009, 1, email={"from": "ann@x.org", "to": ["b@y.org", "c@y.org"], "cc": ["d@z.org"], "size": 900}
    ),
    ocsf_row(13, 6006, 2, file={"name": "plan.docx", "path": "/sites/plan.docx", "size": 77}),
    ocsf_row(14, 6003, 1),
]
OCSF_EVENTS = [
    ("logon", None, None),
    ("logon_failed", None, None),
    ("logoff", None, None),
    ("file_open", "C:\\b.txt", 12),
    ("file_delete", "C:\\b.txt", 12),
    ("connect", "Stick", None),
    ("disconnect", "Stick", None),
    ("process", "C:\\cmd.exe", None),
    ("http_visit", "https://a.org/x", None),
    ("http_upload", "https://a.org/up", None),
    ("email_send", "b@y.org;c@y.org;;d@z.org", 900),
    ("file_copy", "/sites/plan.docx", 77),
]


def test_ocsf_reads_lines_and_parquet(tmp_path: Path) -> None:
    for name in ("lines", "lake", "one_class"):
        (tmp_path / name).mkdir()
    write_lines(tmp_path / "lines" / "ocsf.ndjson", OCSF)
    pl.DataFrame(OCSF, infer_schema_length=None).write_parquet(tmp_path / "lake" / "part.parquet")
    # A table of the lake holds one class, and lacks the columns of all others.
    pl.DataFrame(OCSF[:3], infer_schema_length=None).write_parquet(tmp_path / "one_class" / "part.parquet")
    rows = read("ocsf", tmp_path / "lines")
    assert [row[3:] for row in rows] == OCSF_EVENTS
    assert {row[1:3] for row in rows} == {("ann", "pc1")}
    assert read("ocsf", tmp_path / "lake") == rows
    assert read("ocsf", tmp_path / "one_class") == rows[:3]
    assert [row for row, _ in refusals(open_mappings([tmp_path / "lines"], "ocsf")[0])] == [7, 13]


def ecs_row(
    number: int, category: str | list[str], kind: str | list[str], **more: object
) -> dict[str, object]:
    """Return a document of the Elastic Common Schema."""
    return {
        "@timestamp": f"2026-03-02T08:00:{number:02d}.000Z",
        "event": {"category": category, "type": kind, "outcome": "success", "id": f"e{number}"},
        "user": {"name": "Ann"},
        "host": {"hostname": "pc1"},
        **more,
    }


def test_ecs_reads_documents(tmp_path: Path) -> None:
    failed = {"category": ["authentication"], "type": ["start"], "outcome": "failure", "id": "e2"}
    rows = [
        ecs_row(1, ["authentication"], ["start"]),
        ecs_row(2, [], [], event=failed),
        ecs_row(3, "session", "end"),
        ecs_row(4, ["file"], ["deletion"], file={"path": "/home/ann/a", "size": 5}),
        ecs_row(5, ["process"], ["start"], process={"executable": "/bin/sh"}),
        ecs_row(6, ["web", "network"], ["access"], url={"original": "https://a.org/x"}),
        ecs_row(7, ["email"], ["info"], email={"to": {"address": ["b@y.org", "c@y.org"]}}),
        ecs_row(8, ["iam"], ["admin", "change"]),
        ecs_row(9, ["network"], ["connection"], destination={"ip": "192.0.2.9"}),
        ecs_row(10, ["authentication"], ["start"], user={"name": "PC1$"}),
        ecs_row(11, ["host"], ["info"]),
    ]
    write_lines(tmp_path / "ecs.ndjson", rows)
    assert [row[1:5] for row in read("ecs", tmp_path)] == [
        ("ann", "pc1", "logon", None),
        ("ann", "pc1", "logon_failed", None),
        ("ann", "pc1", "logoff", None),
        ("ann", "pc1", "file_delete", "/home/ann/a"),
        ("ann", "pc1", "process", "/bin/sh"),
        ("ann", "pc1", "http_visit", "https://a.org/x"),
        ("ann", "pc1", "email_send", "b@y.org;c@y.org"),
        ("ann", "pc1", "admin_change", None),
        ("ann", "pc1", "connection", "192.0.2.9"),
    ]
    assert refusals(open_mappings([tmp_path], "ecs")[0]) == [
        (9, "left out by where"),
        (10, "no rule gives a kind"),
    ]


SQUID = """\
1772438400.123     12 10.0.0.5 TCP_MISS/200 1256 GET http://example.com/a?b="c" ann DIRECT/192.0.2.3 text/html
1772438401.001 120345 10.0.0.5 TCP_TUNNEL/200 39000 CONNECT drop.example:443 ann HIER_DIRECT/192.0.2.1 -
1772438402.000    100 10.0.0.5 TCP_MISS/200 500 POST http://drop.example/up ann DIRECT/192.0.2.1 text/css
1772438403.000    100 10.0.0.5 TCP_HIT/200 90000 GET http://example.com/a.zip ann HIER_NONE/- application/zip
1772438404.000      0 10.0.0.5 TCP_DENIED/407 4000 GET http://example.com/ - HIER_NONE/- text/html
1772438405.000     10 10.0.0.6 TCP_MISS/200 12 GET http://example.com/ - DIRECT/192.0.2.3 text/html
"""


def test_squid_reads_its_own_layout(tmp_path: Path) -> None:
    (tmp_path / "access.log").write_text(SQUID)
    assert read("squid", tmp_path) == [
        ("2026-03-02 08:00:00", "ann", "10.0.0.5", "http_visit", 'http://example.com/a?b="c"', 1256),
        ("2026-03-02 08:00:01", "ann", "10.0.0.5", "http_visit", "https://drop.example", 39000),
        ("2026-03-02 08:00:02", "ann", "10.0.0.5", "http_upload", "http://drop.example/up", 500),
        ("2026-03-02 08:00:03", "ann", "10.0.0.5", "http_download", "http://example.com/a.zip", 90000),
    ]
    assert refusals(open_mappings([tmp_path], "squid")[0]) == [(4, "left out by where"), (5, "no user")]


LANL = """\
1,ANONYMOUS LOGON@C586,ANONYMOUS LOGON@C586,C1250,C586,NTLM,Network,LogOn,Success
2,C101$@DOM1,C101$@DOM1,C988,C988,?,Network,LogOff,Success
3,U1@DOM1,U1@DOM1,C7,C7,Negotiate,Interactive,LogOn,Success
4,U1@DOM1,U1@DOM1,C7,C9,Kerberos,Network,LogOn,Success
5,U1@DOM1,U9@?,C7,C9,?,?,LogOn,Fail
6,U1@DOM1,U1@DOM1,C7,C7,?,?,ScreenLock,Success
7,U1@DOM1,U1@DOM1,C7,C2,Kerberos,?,TGS,Success
"""


def test_lanl_reads_the_authentications_of_2015(tmp_path: Path) -> None:
    (tmp_path / "auth.txt").write_text(LANL)
    assert read("lanl", tmp_path) == [
        ("2015-01-01 00:00:03", "u1", "C7", "logon", None, None),
        ("2015-01-01 00:00:04", "u1", "C7", "connection", "C9", None),
        ("2015-01-01 00:00:05", "u1", "C7", "logon_failed", "C9", None),
        ("2015-01-01 00:00:06", "u1", "C7", "logoff", None, None),
        ("2015-01-01 00:00:07", "u1", "C7", "other", "C2", None),
    ]
    assert [reason for _, reason in refusals(open_mappings([tmp_path], "lanl")[0])] == [
        "left out by where"
    ] * 2
