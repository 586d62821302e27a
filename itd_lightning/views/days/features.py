"""What a user did on a day, as numbers: the day feature matrix of Le et al., vectorised.

A feature's name tells what it holds: ``GROUP[_TYPE][_PART][_HOURS]_count`` or ``..._mean``.

- GROUP: ``all`` events, ``logon``, ``usb`` (connections), ``file``, ``email``, ``http``.
- TYPE: of files ``other archive image document text program``, of pages ``other social cloud job leak hack``,
  of mails ``sent viewed``; without it, all types together.
- PART: with ``count``, events of which something is true: at an ``own_pc``, ``shared_pc``, ``other_pc`` or
  ``supervisor_pc``, and those in ``GROUPS``. With ``mean``, a number of each event; events without it do not
  count, and the mean over none is 0.
- HOURS: ``work_hours``, from 7:30 to 17:30 on any day of the week, both included, or ``after_hours``; without
  it, the whole day.

So ``email_external_after_hours_count`` are mails to somebody outside, sent after hours, and
``http_job_url_length_mean`` is the mean length of the addresses of job sites.

Source:
    Le, Zincir-Heywood and Heywood, Analyzing data granularity levels for insider threat detection, TNSM 2020,
    and the authors' code, day mode.
    Departures. Of the 489 features of r4.2: ``disk`` (42) is left out, since file names of r4.2 bear no drive
    and later releases say which files cross removable media; blind copies (6) become copies, open or blind,
    since the store keeps these together; the depth of files (21) is left out where no name holds a path, and
    what is measured on contents (90) where the store keeps none. ``usb_seconds`` lasts from a connection to
    the disconnection that follows it at the PC, else it is unknown; the authors' search finds the connection
    itself and gives always -1. A file's type is its last ending, not its second part. A leading ``www.`` is
    no part of a domain. Own and shared PCs are those of ``events.pcs``, read off each user's own first two
    weeks. Calendar days begin at midnight, weeks are not cut. What later releases name in a mail beside the
    number of attachments, and the folders of a removable drive, is not in the store. Who somebody is (role,
    team, psychometric scores) is no behaviour and not part of the matrix.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import time
from typing import NamedTuple

import polars as pl

from itd_lightning.contracts.events import COPIES
from itd_lightning.events.pcs import relation
from itd_lightning.views.sequences.features import ENDING, SITE, supervised

DAY_START, DAY_END = time(7, 30), time(17, 30)
HOURS = {"": None, "work_hours": False, "after_hours": True}
PCS = ("own", "shared", "other", "supervisor")


class Group(NamedTuple):
    """Events of one sort.

    Attributes:
        kinds: Which events they are.
        types: What they are told apart by.
        means: Numbers of each event.
        counts: What is true of an event or not.
    """

    kinds: tuple[str, ...]
    types: tuple[str, ...] = ()
    means: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()


FILES = ("file_open", "file_copy", "file_write", "file_delete")
PAGES = ("http_visit", "http_download", "http_upload")
GROUPS = {
    "logon": Group(("logon",)),
    "usb": Group(("connect",), means=("seconds",)),
    "file": Group(
        FILES,
        types=("other", "archive", "image", "document", "text", "program"),
        means=("length", "words", "depth"),
        counts=("to_removable", "from_removable", "open", "copy", "write", "delete"),
    ),
    "email": Group(
        ("email_send", "email_view"),
        types=("sent", "viewed"),
        means=("recipients", "external_recipients", "copies", "attachments", "size", "length", "words"),
        counts=("external", "external_copy"),
    ),
    "http": Group(
        PAGES,
        types=("other", "social", "cloud", "job", "leak", "hack"),
        means=("url_length", "url_depth", "length", "words"),
        counts=("visit", "download", "upload"),
    ),
}

# Endings and domains are those of the authors' code.
FILE_TYPES = {
    **dict.fromkeys(("zip", "rar", "7z"), "archive"),
    **dict.fromkeys(("jpg", "png", "bmp"), "image"),
    **dict.fromkeys(("doc", "docx", "pdf"), "document"),
    **dict.fromkeys(("txt", "cfg", "rtf"), "text"),
    **dict.fromkeys(("exe", "sh"), "program"),
}
DOMAINS = {
    "cloud": "dropbox.com drive.google.com mega.co.nz account.live.com",
    "leak": "wikileaks.org freedom.press theintercept.com",
    "social": "facebook.com twitter.com plus.google.com instagr.am instagram.com flickr.com linkedin.com "
    "reddit.com about.com youtube.com pinterest.com tumblr.com quora.com vine.co match.com t.co",
    "job": "indeed.com monster.com careerbuilder.com simplyhired.com",
    "hack": "webwatchernow.com actionalert.com relytec.com refog.com wellresearchedreviews.com "
    "softactivity.com spectorsoft.com best-spy-soft.com",
}
SITE_TYPES = {domain: name for name, domains in DOMAINS.items() for domain in domains.split()}
WHOLE = r"google\.com|\.co\.uk|\.co\.nz|live\.com"  # domains that are more than their last two labels
JOB_HUNT = r"job.*(?:hunt|search)|(?:hunt|search).*job"

IS_FILE, IS_PAGE = pl.col("kind").is_in(FILES), pl.col("kind").is_in(PAGES)
IS_MAIL = pl.col("kind").is_in(GROUPS["email"].kinds)
# What releases differ in, and how to tell from events.
RECORDS = {
    "file_actions": (IS_FILE & (pl.col("kind") != "file_copy")).any(),
    "file_paths": (IS_FILE & pl.col("object").str.contains(r"[\\/]")).any(),
    "removable": pl.col("from_removable").is_not_null().any(),
    "mail_viewed": (pl.col("kind") == "email_view").any(),
    "page_actions": (IS_PAGE & (pl.col("kind") != "http_visit")).any(),
    "file_contents": (IS_FILE & pl.col("content").is_not_null()).any(),
    "mail_contents": (IS_MAIL & pl.col("content").is_not_null()).any(),
    "page_contents": (IS_PAGE & pl.col("content").is_not_null()).any(),
}
DEPENDS = {
    **{f"file_{name}": "file_actions" for name in ("open", "copy", "write", "delete")},
    **{f"file_{name}": "removable" for name in ("to_removable", "from_removable")},
    "file_depth": "file_paths",
    **{f"http_{name}": "page_actions" for name in ("visit", "download", "upload")},
    **{f"file_{name}": "file_contents" for name in ("length", "words")},
    **{f"email_{name}": "mail_contents" for name in ("length", "words")},
    **{f"http_{name}": "page_contents" for name in ("length", "words")},
}


def records(events: pl.DataFrame) -> pl.DataFrame:
    """Which of the things in ``RECORDS`` a shard records: one row of booleans, to be merged by ``any``."""
    return events.select(fact.fill_null(value=False).alias(name) for name, fact in RECORDS.items())


class Feature(NamedTuple):
    """Which cells a feature sums up.

    Attributes:
        group: Key of ``GROUPS``, or ``all``.
        type: Type of the group, or ``""`` for all.
        part: What is counted or averaged; ``""`` for the events themselves.
        hours: Key of ``HOURS``.
        how: ``count`` or ``mean``.
    """

    group: str
    type: str
    part: str
    hours: str
    how: str

    @property
    def name(self) -> str:
        """The feature's name."""
        return "_".join(part for part in self if part)

    def value(self) -> pl.Expr:
        """The feature of a user-day, from its cells."""
        chosen = pl.lit(value=True)
        if self.group != "all":
            chosen = chosen & (pl.col("group") == self.group)
        if self.type:
            chosen = chosen & (pl.col("type") == self.type)
        if (late := HOURS[self.hours]) is not None:
            chosen = chosen & (pl.col("late") == late)
        column = self.part if self.how == "mean" or self.part else "events"
        total = pl.col(column).filter(chosen).sum()
        if self.how == "mean":
            known = pl.col(f"{self.part}_known").filter(chosen).sum()
            total = pl.when(known > 0).then(total / known).otherwise(0.0)
        return total.cast(pl.Float32).alias(self.name)


def features(recorded: dict[str, bool]) -> list[Feature]:
    """The features of a store that records these things; r4.2 with contents has 426.

    Args:
        recorded: For each key of ``RECORDS``, whether the store does.
    """
    return [
        Feature(group, kind, part, hours, how)
        for hours in HOURS
        for group, sort in {"all": Group(()), **GROUPS}.items()
        for kind in ("", *(sort.types if group != "email" or recorded["mail_viewed"] else ()))
        for part, how in parts(group, sort, recorded)
    ]


def parts(group: str, sort: Group, recorded: dict[str, bool]) -> Iterator[tuple[str, str]]:
    """What is counted and averaged of a group."""
    yield "", "count"
    yield from ((f"{pc}_pc", "count") for pc in PCS)
    for names, how in ((sort.counts, "count"), (sort.means, "mean")):
        for name in names:
            fact = DEPENDS.get(f"{group}_{name}")
            if fact is None or recorded[fact]:
                yield name, how


def build(
    events: pl.DataFrame, own: pl.DataFrame, people: pl.DataFrame | None, recorded: dict[str, bool]
) -> pl.DataFrame:
    """Count what each user of a shard did on each day with any event.

    Args:
        events: One shard of the store.
        own: Own PCs, as ``events.pcs.own_pcs`` returns them.
        people: The store's people, who tell supervisors and the company's mail domains, or None.
        recorded: What the whole store records: ``records`` of its shards, merged.

    Returns:
        ``user``, ``day`` and the features, float32; sorted.
    """
    made = features(recorded)
    keys = ["user", "day"]
    cells = pl.concat(cells_of(placed(events, own, people), domains_of(people)), how="diagonal")
    # Few features look at cells of any group: a hundred filters over each group's own cells are cheaper.
    tables = [cells.group_by(keys).agg(one.value() for one in made if one.group == "all")]
    for group in GROUPS:
        mine = cells.filter(pl.col("group") == group).group_by(keys)
        tables.append(mine.agg(one.value() for one in made if one.group == group))
    whole, *others = tables
    for table in others:
        whole = whole.join(table, on=keys, how="left")
    return whole.select(*keys, *(pl.col(one.name).fill_null(0.0) for one in made)).sort(keys)


def domains_of(people: pl.DataFrame | None) -> list[str]:
    """The company's mail domains."""
    if people is None:
        return []
    return people["email"].str.to_lowercase().str.extract("@(.+)$").drop_nulls().unique().sort().to_list()


def placed(events: pl.DataFrame, own: pl.DataFrame, people: pl.DataFrame | None) -> pl.DataFrame:
    """Events with their ``day``, whether it was ``late``, and whose PC it was: ``own_pc`` and so on."""
    clock = pl.col("time").dt.time()
    rows = events.with_columns(
        day=pl.col("time").dt.date(), late=(clock < pl.lit(DAY_START)) | (clock > pl.lit(DAY_END))
    )
    used = rows.select("user", "pc", "day", time=pl.col("day").cast(pl.Datetime("us"))).unique()
    whose = used.with_columns(whose=relation(supervised(used, people), own))
    return rows.join(
        whose.select("user", "pc", "day", *((pl.col("whose") == pc).alias(f"{pc}_pc") for pc in PCS)),
        on=["user", "pc", "day"],
        how="left",
        maintain_order="left",
    )


def cells_of(rows: pl.DataFrame, company: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Sums over the events of each user, day, group, type and half of the day; features add these up."""
    sorts = {"usb": usb(rows), "file": files(rows), "email": mails(rows, company), "http": pages(rows)}
    for group, sort in GROUPS.items():
        mine = sorts.get(group, rows.filter(pl.col("kind").is_in(sort.kinds)))
        yield summed(mine if sort.types else mine.with_columns(type=pl.lit("")), group, sort)
    known = [kind for sort in GROUPS.values() for kind in sort.kinds]
    rest = rows.filter(~pl.col("kind").is_in(known)).with_columns(type=pl.lit(""))
    yield summed(rest, "rest", Group(()))  # logoffs and the like: part of ``all`` only


def summed(rows: pl.DataFrame, group: str, sort: Group) -> pl.DataFrame:
    """Sums over the events of each user, day and type, in and after hours."""
    counted = [f"{pc}_pc" for pc in PCS] + list(sort.counts)
    return rows.group_by("user", "day", "late", "type").agg(
        pl.lit(group).alias("group"),
        pl.len().cast(pl.Int64).alias("events"),
        *(pl.col(name).cast(pl.Int64).sum() for name in (*counted, *sort.means)),
        *(pl.col(name).count().cast(pl.Int64).alias(f"{name}_known") for name in sort.means),
    )


def contents() -> dict[str, pl.Expr]:
    """Characters and words of what an event holds; null where nothing is kept."""
    text = pl.col("content")
    return {"length": text.str.len_chars(), "words": text.str.count_matches(" ", literal=True) + 1}


def usb(rows: pl.DataFrame) -> pl.DataFrame:
    """Connections, and for how many seconds; unknown where no disconnection follows at the PC."""
    place = ["user", "pc"]
    plugged = rows.filter(pl.col("kind").is_in(["connect", "disconnect"])).sort(
        *place, "time", maintain_order=True
    )
    ends = pl.col("kind").shift(-1).over(place) == "disconnect"
    lasted = (pl.col("time").shift(-1).over(place) - pl.col("time")).dt.total_seconds()
    return plugged.with_columns(seconds=pl.when(ends).then(lasted)).filter(pl.col("kind") == "connect")


def files(rows: pl.DataFrame) -> pl.DataFrame:
    """Files by the type that their last ending tells."""
    actions = {kind.removeprefix("file_"): pl.col("kind") == kind for kind in FILES}
    return rows.filter(IS_FILE).with_columns(
        type=ENDING.replace_strict(FILE_TYPES, default="other", return_dtype=pl.String),
        depth=pl.col("object").str.count_matches(r"[\\/]"),
        **contents(),
        **actions,
    )


def mails(rows: pl.DataFrame, company: Sequence[str]) -> pl.DataFrame:
    """Mails with who they went to; an address is external if its domain is none of the company's."""
    pieces = pl.col("object").fill_null("").str.to_lowercase().str.split(COPIES)
    direct, copied = (pieces.list.get(place, null_on_oob=True).fill_null("") for place in (0, 1))
    return (
        rows.filter(IS_MAIL)
        .with_columns(
            copies=addresses(copied),
            recipients=addresses(direct) + addresses(copied),
            copied_outside=outside(copied, company),
            external_recipients=outside(direct, company) + outside(copied, company),
            type=pl.when(pl.col("kind") == "email_view").then(pl.lit("viewed")).otherwise(pl.lit("sent")),
            **contents(),
        )
        .with_columns(external=pl.col("external_recipients") > 0, external_copy=pl.col("copied_outside") > 0)
    )


def addresses(text: pl.Expr) -> pl.Expr:
    """How many addresses a text holds."""
    return text.str.count_matches("@", literal=True)


def outside(text: pl.Expr, company: Sequence[str]) -> pl.Expr:
    """How many addresses of a text are outside of the company."""
    inside = (text.str.count_matches(rf"@{re.escape(domain)}(?:;|\s|$)") for domain in company)
    return addresses(text) - pl.sum_horizontal(pl.lit(0, pl.UInt32), *inside)


def pages(rows: pl.DataFrame) -> pl.DataFrame:
    """Web pages by the type of their site."""
    actions = {kind.removeprefix("http_"): pl.col("kind") == kind for kind in PAGES}
    url = pl.col("object").str.to_lowercase()
    return (
        rows.filter(IS_PAGE)
        .with_columns(host=SITE.fill_null(""))
        .with_columns(domain=pl.when(pl.col("host").str.contains(WHOLE))
            .then("host")
            .otherwise(pl.col("host").str.extract(r"([^.]+\.[^.]+)$").fill_null(pl.col("host"))))
        .with_columns(
            type=pl.col("domain").replace_strict(SITE_TYPES, default=None, return_dtype=pl.String),
            hunt=pl.col("domain").str.contains(JOB_HUNT)
            | (pl.col("domain").str.contains("aol.com", literal=True) & url.str.contains("recruit|job")),
            url_length=pl.col("object").str.len_chars(),
            url_depth=(pl.col("object").str.count_matches("/", literal=True).cast(pl.Int64) - 2).clip(0),
            **contents(),
            **actions,
        )
        .with_columns(
            type=pl.when(pl.col("type").is_not_null()).then("type")
            .when("hunt").then(pl.lit("job"))
            .when(pl.col("domain").str.contains("keylog", literal=True)).then(pl.lit("hack"))
            .otherwise(pl.lit("other"))
        )
    )  # fmt: skip
