"""A release of ten rows, made by hand: five logs, and as asked a key and a directory."""

from pathlib import Path

HEADERS = {
    "logon": "id,date,user,pc,activity",
    "device": "id,date,user,pc,activity",
    "file": "id,date,user,pc,filename,content",
    "email": "id,date,user,pc,to,cc,bcc,from,size,attachments,content",
    "http": "id,date,user,pc,url,content",
}
NOON = "01/04/2010 12:00:00"
LOGS = {
    "logon": [
        "{L1},01/04/2010 08:00:00,ann,PC-1,Logon",
        "{L2},01/04/2010 08:05:00,bob,PC-2,Logon",
        f"{{L3}},{NOON},ann,PC-1,Logoff",
        f"{{L4}},{NOON},ann,PC-1,Logon",
    ],
    "device": [f"{{D1}},{NOON},ann,PC-1,Connect", "{D2},01/04/2010 11:00:00,bob,PC-2,Connect"],
    "file": [f"{{F1}},{NOON},ann,PC-1,A.doc,D0 one"],
    "email": [f"{{E1}},{NOON},ann,PC-1,x@dtaa.com,,,a@dtaa.com,30,0,one"],
    "http": [f"{{H2}},{NOON},ann,PC-1,http://b.org/,two", f"{{H1}},{NOON},ann,PC-1,http://a.org/,one"],
}
INSIDER = "4.2,1,ann.csv,ann,01/04/2010 12:00:00,01/04/2010 12:00:00"
KEY = [
    f"http,{{H1}},{NOON},ann,PC-1,http://a.org/,one",
    f"http,{{H2}},{NOON},ann,PC-1,http://b.org/,two",
    f"device,{{D1}},{NOON},ann,PC-1,Connect",
]


def text(*lines: str) -> str:
    """Lines of a file."""
    return "".join(f"{line}\n" for line in lines)


def write_logs(folder: Path, changes: dict[str, list[str]] | None = None) -> Path:
    """Write the five logs; ``changes`` replaces the rows of some."""
    folder.mkdir(exist_ok=True)
    for name, rows in {**LOGS, **(changes or {})}.items():
        (folder / f"{name}.csv").write_text(text(HEADERS[name], *rows))
    return folder


def write_key(folder: Path, rows: list[str] = KEY, campaign: str = INSIDER) -> None:
    """Add a key with one campaign of ann."""
    (folder / "answers").mkdir(exist_ok=True)
    (folder / "answers" / "insiders.csv").write_text(
        text("dataset,scenario,details,user,start,end", campaign)
    )
    (folder / "answers" / "ann.csv").write_text(text(*rows))


def write_ldap(folder: Path, role: str = "Engineer") -> None:
    """Add one month of LDAP with ann."""
    (folder / "LDAP").mkdir(exist_ok=True)
    header = "employee_name,user_id,email,role,business_unit,functional_unit,department,team,supervisor"
    (folder / "LDAP" / "2010-01.csv").write_text(text(header, f"Ann,ann,a@dtaa.com,{role},1,u,d,t,Boss"))
