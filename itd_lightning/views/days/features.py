"""The features of a user-day: the day feature matrix of Le et al., vectorised.

A feature's name tells what it holds: ``GROUP[_TYPE][_PART][_HOURS]_count`` or ``..._mean``.

- GROUP: ``all`` events, ``logon``, ``_usb`` (connections), ``file``, ``email``, ``http``.
- TYPE: of files ``other archive image document text program``, of pages ``other social cloud job leak hack``,
  of mails ``sent viewed``; without it, all types together.
- PART: with ``count``, events of which something is true: at an ``own_pc``, ``shared_pc``, ``other_pc`` or
  ``supervisor_pc``, and those in ``_GROUPS``. With ``mean``, a number of each event; events without it do not
  count, and the mean over none is 0.
- HOURS: ``work_hours``, from 7:30 to 17:30 on any day of the week, both included, or ``after_hours``; without
  it, the whole day.

A group, a type or a measure whose kinds of events the store does not record is left out. A recorded kind of
no family (``contracts.events.FAMILIES``), such as ``process``, is a group of its own under its name, whose
part ``new`` are events with an object that the user had never had to do with before.

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
    itself and gives always -1. A file's type is told by its last ending, not its second part, and by default
    by the endings that all views share; the authors' are ``le2020``. A leading ``www.`` is no part of a
    domain. Own and shared PCs are those of ``events.pcs``, read off each user's last 14 days. Calendar
    days begin at midnight, weeks are not cut. What later releases name in a mail beside the number of
    attachments, and the folders of a removable drive, is not in the store. Who somebody is (role, team,
    psychometric scores) is no behaviour and not part of the matrix.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple

import polars as pl

from itd_lightning.contracts.events import FAMILY_KINDS, further_kinds, is_recorded
from itd_lightning.events.annotate import WARM_UP
from itd_lightning.events.files import FILE_KINDS, FOLDERS, IS_FILE, FileTypes, file_type
from itd_lightning.events.hours import LE_2020
from itd_lightning.events.mail import (
    COPIED,
    DIRECT,
    IS_MAIL,
    MAIL_KINDS,
    company_domains,
    count_addresses,
    count_external,
)
from itd_lightning.events.pcs import event_relations
from itd_lightning.events.web import IS_PAGE, PAGE_KINDS, SITE, URL_DEPTH, URL_LENGTH, domain, site_type

_HOURS = {"": None, "work_hours": False, "after_hours": True}
_PCS = ("own", "shared", "other", "supervisor")


class _Measure(NamedTuple):
    """One fact or number of each event of a group.

    Attributes:
        name: Part of the feature's name.
        how: ``count``: events of which it is true. ``mean``: its mean over events that have it.
        value: The fact or number, from the columns of the group's events.
        needs: Key of ``RECORDS``: only a store that records it has the feature; empty for any store.
        kind: Kind of event that it is about, which the store must record; empty for those of the group.
    """

    name: str
    how: Literal["count", "mean"]
    value: pl.Expr
    needs: str = ""
    kind: str = ""


class _Group(NamedTuple):
    """A sort of events and the quantities that are counted and averaged of it.

    Attributes:
        kinds: Kinds of its events.
        types: Types that its events are divided into; those of ``type_kinds`` need that kind.
        measures: Facts and numbers of each event, counts first. A line here is a feature.
        type_kinds: Kind of event that a type is about, by type.
    """

    kinds: tuple[str, ...]
    types: tuple[str, ...] = ()
    measures: tuple[_Measure, ...] = ()
    type_kinds: Mapping[str, str] = MappingProxyType({})


_KIND = pl.col("kind")
LENGTH, WORDS = pl.col("content").str.len_chars(), pl.col("content").str.count_matches(" ", literal=True) + 1

_GROUPS = {
    "logon": _Group(("logon",)),
    "usb": _Group(
        ("connect",), measures=(_Measure("seconds", "mean", pl.col("seconds"), kind="disconnect"),)
    ),
    "file": _Group(
        FILE_KINDS,
        types=("other", "archive", "image", "document", "text", "program"),
        measures=(
            _Measure("to_removable", "count", pl.col("to_removable"), "removable"),
            _Measure("from_removable", "count", pl.col("from_removable"), "removable"),
            _Measure("open", "count", _KIND == "file_open", "file_actions", "file_open"),
            _Measure("copy", "count", _KIND == "file_copy", "file_actions", "file_copy"),
            _Measure("write", "count", _KIND == "file_write", "file_actions", "file_write"),
            _Measure("delete", "count", _KIND == "file_delete", "file_actions", "file_delete"),
            _Measure("length", "mean", LENGTH, "file_contents"),
            _Measure("words", "mean", WORDS, "file_contents"),
            _Measure("depth", "mean", FOLDERS, "file_paths"),
        ),
    ),
    "email": _Group(
        MAIL_KINDS,
        types=("sent", "viewed"),
        type_kinds={"sent": "email_send", "viewed": "email_view"},
        measures=(
            _Measure("external", "count", pl.col("external_recipients") > 0),
            _Measure("external_copy", "count", pl.col("external_copies") > 0),
            _Measure("recipients", "mean", pl.col("recipients")),
            _Measure("external_recipients", "mean", pl.col("external_recipients")),
            _Measure("copies", "mean", pl.col("copies")),
            _Measure("attachments", "mean", pl.col("attachments")),
            _Measure("size", "mean", pl.col("size")),
            _Measure("length", "mean", LENGTH, "mail_contents"),
            _Measure("words", "mean", WORDS, "mail_contents"),
        ),
    ),
    "http": _Group(
        PAGE_KINDS,
        types=("other", "social", "cloud", "job", "leak", "hack"),
        measures=(
            _Measure("visit", "count", _KIND == "http_visit", "page_actions", "http_visit"),
            _Measure("download", "count", _KIND == "http_download", "page_actions", "http_download"),
            _Measure("upload", "count", _KIND == "http_upload", "page_actions", "http_upload"),
            _Measure("url_length", "mean", URL_LENGTH),
            _Measure("url_depth", "mean", URL_DEPTH),
            _Measure("length", "mean", LENGTH, "page_contents"),
            _Measure("words", "mean", WORDS, "page_contents"),
        ),
    ),
}

# What releases differ in, and how to tell from events.
RECORDS = {
    "file_actions": (IS_FILE & (_KIND != "file_copy")).any(),
    "file_paths": (IS_FILE & pl.col("object").str.contains(r"[\\/]")).any(),
    "removable": pl.col("from_removable").is_not_null().any(),
    "mail_viewed": (_KIND == "email_view").any(),
    "page_actions": (IS_PAGE & (_KIND != "http_visit")).any(),
    "file_contents": (IS_FILE & pl.col("content").is_not_null()).any(),
    "mail_contents": (IS_MAIL & pl.col("content").is_not_null()).any(),
    "page_contents": (IS_PAGE & pl.col("content").is_not_null()).any(),
}
# Of these, what the kinds that sources can record tell, too, whether or not such an event happened.
KIND_FACTS = {
    "file_actions": ("file_open", "file_write", "file_delete"),
    "mail_viewed": ("email_view",),
    "page_actions": ("http_download", "http_upload"),
}


def records(events: pl.DataFrame) -> pl.DataFrame:
    """Return which keys of ``RECORDS`` hold in a shard: one row of booleans, to be merged by ``any``."""
    return events.select(fact.fill_null(value=False).alias(name) for name, fact in RECORDS.items())


class Feature(NamedTuple):
    """The cells that a feature sums up.

    Attributes:
        group: Key of ``_GROUPS``, or ``all``.
        type: Type of the group, or ``""`` for all.
        part: What is counted or averaged; ``""`` for the events themselves.
        hours: Key of ``_HOURS``.
        how: ``count`` or ``mean``.
    """

    group: str
    type: str
    part: str
    hours: str
    how: str

    @property
    def name(self) -> str:
        """Return the feature's name."""
        return "_".join(part for part in self if part)

    def value(self) -> pl.Expr:
        """Return the feature of a user-day, from its cells."""
        mask = pl.lit(value=True)
        if self.group != "all":
            mask = mask & (pl.col("group") == self.group)
        if self.type:
            mask = mask & (pl.col("type") == self.type)
        if (late := _HOURS[self.hours]) is not None:
            mask = mask & (pl.col("late") == late)
        column = self.part if self.how == "mean" or self.part else "events"
        total = pl.col(column).filter(mask).sum()
        if self.how == "mean":
            count = pl.col(f"{self.part}_known").filter(mask).sum()
            total = pl.when(count > 0).then(total / count).otherwise(0.0)
        return total.cast(pl.Float32).alias(self.name)


def _groups(kinds: Collection[str]) -> dict[str, _Group]:
    """Return the groups of which these kinds of events hold any; each kind of no family is one of its own."""
    published = {name: sort for name, sort in _GROUPS.items() if is_recorded(sort.kinds, kinds)}
    new = _Measure("new", "count", pl.col("new"))
    return published | {kind: _Group((kind,), measures=(new,)) for kind in further_kinds(kinds)}


def features(recorded: dict[str, bool], kinds: Collection[str] = FAMILY_KINDS) -> list[Feature]:
    """Return the features of a store that records these things; r4.2 with contents has 426.

    Args:
        recorded: For each key of ``RECORDS``, whether the store does.
        kinds: Kinds of events that the store's sources can record.
    """
    return [
        Feature(group, kind, part, hours, how)
        for hours in _HOURS
        for group, sort in {"all": _Group(()), **_groups(kinds)}.items()
        for kind in ("", *_types(sort, recorded, kinds))
        for part, how in _parts(sort, recorded, kinds)
    ]


def _types(sort: _Group, recorded: dict[str, bool], kinds: Collection[str]) -> Iterator[str]:
    """Yield the types of a group that are told apart: mails only where those that are viewed are recorded."""
    if sort.type_kinds and not recorded["mail_viewed"]:
        return
    yield from (name for name in sort.types if sort.type_kinds.get(name, name) in {*kinds, name})


def _parts(sort: _Group, recorded: dict[str, bool], kinds: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield the counted and averaged quantities of a group."""
    yield "", "count"
    yield from ((f"{pc}_pc", "count") for pc in _PCS)
    for measure in sort.measures:
        if (not measure.needs or recorded[measure.needs]) and (not measure.kind or measure.kind in kinds):
            yield measure.name, measure.how


def build(
    events: pl.DataFrame,
    own: pl.DataFrame,
    people: pl.DataFrame | None,
    recorded: dict[str, bool],
    file_types: FileTypes = "common",
    kinds: Collection[str] = FAMILY_KINDS,
) -> pl.DataFrame:
    """Count what each user of a shard did on each day with any event.

    Args:
        events: One shard of the store.
        own: Own PCs, as ``events.pcs.own_pcs`` returns them.
        people: The store's people, with supervisors and the company's mail domains, or None.
        recorded: What the whole store records: ``records`` of its shards, merged.
        file_types: Table of endings that gives the type of a file.
        kinds: Kinds of events that the store's sources can record.

    Returns:
        ``user``, ``day`` and the features, float32; sorted.
    """
    names = features(recorded, kinds)
    keys = ["user", "day"]
    rows = _place_events(events, own, people)
    groups = _groups(kinds)
    cells = pl.concat(_sum_cells(rows, company_domains(people), file_types, groups), how="diagonal")
    # Few features look at cells of any group: a hundred filters over each group's own cells are cheaper.
    tables = [cells.group_by(keys).agg(one.value() for one in names if one.group == "all")]
    for group in groups:
        of_group = cells.filter(pl.col("group") == group).group_by(keys)
        tables.append(of_group.agg(one.value() for one in names if one.group == group))
    result, *further = tables
    for table in further:
        result = result.join(table, on=keys, how="left")
    return result.select(*keys, *(pl.col(one.name).fill_null(0.0) for one in names)).sort(keys)


def _place_events(events: pl.DataFrame, own: pl.DataFrame, people: pl.DataFrame | None) -> pl.DataFrame:
    """Return events with ``day``, ``late`` and relations to their PCs: ``own_pc`` etc."""
    relation = event_relations(events, own, people)
    return events.with_columns(
        *((relation == pc).alias(f"{pc}_pc") for pc in _PCS),
        day=pl.col("time").dt.date(),
        late=LE_2020.after_hours(pl.col("time")),
    )


def _sum_cells(
    rows: pl.DataFrame, company: Sequence[str], file_types: FileTypes, groups: Mapping[str, _Group]
) -> Iterator[pl.DataFrame]:
    """Yield sums over the events of each user, day, group, type and half of the day, group by group."""
    numbers = {
        "usb": _usb(rows),
        "file": _files(rows, file_types),
        "email": _mails(rows, company),
        "http": _pages(rows),
    }
    for group, sort in groups.items():
        events = numbers.get(group, rows.filter(pl.col("kind").is_in(sort.kinds)))
        if group not in _GROUPS:
            events = events.with_columns(new=_is_new(rows, sort.kinds))
        yield _sum_group(events if sort.types else events.with_columns(type=pl.lit("")), group, sort)
    kinds = [kind for sort in groups.values() for kind in sort.kinds]
    rest = rows.filter(~pl.col("kind").is_in(kinds)).with_columns(type=pl.lit(""))
    yield _sum_group(rest, "rest", _Group(()))  # logoffs and the like: part of ``all`` only


def _sum_group(rows: pl.DataFrame, group: str, sort: _Group) -> pl.DataFrame:
    """Return sums over the events of each user, day and type, in and after hours."""
    counts = [f"{pc}_pc" for pc in _PCS] + [measure.name for measure in sort.measures]
    means = [measure.name for measure in sort.measures if measure.how == "mean"]
    measured = rows.with_columns(measure.value.alias(measure.name) for measure in sort.measures)
    return measured.group_by("user", "day", "late", "type").agg(
        pl.lit(group).alias("group"),
        pl.len().cast(pl.Int64).alias("events"),
        *(pl.col(name).cast(pl.Int64).sum() for name in counts),
        *(pl.col(name).count().cast(pl.Int64).alias(f"{name}_known") for name in means),
    )


def _is_new(rows: pl.DataFrame, kinds: Sequence[str]) -> pl.Series:
    """Return whether each event of these kinds is the user's first one with its object.

    In a user's first 28 days everything would be new, so nothing is.
    """
    known = pl.col("day") >= pl.col("day").min().over("user").dt.offset_by(f"{WARM_UP}d")
    own = rows.select("user", "day", "time", "kind", "object", known=known).filter(
        pl.col("kind").is_in(kinds)
    )
    first = pl.struct("user", "kind", "object").is_first_distinct()
    return own.select(new=first & pl.col("known") & pl.col("object").is_not_null()).to_series()


def _usb(rows: pl.DataFrame) -> pl.DataFrame:
    """Return connections and their seconds; null where no disconnection follows at the PC."""
    place = ["user", "pc"]
    plugged = rows.filter(pl.col("kind").is_in(["connect", "disconnect"])).sort(
        *place, "time", maintain_order=True
    )
    ends = pl.col("kind").shift(-1).over(place) == "disconnect"
    lasted = (pl.col("time").shift(-1).over(place) - pl.col("time")).dt.total_seconds()
    return plugged.with_columns(seconds=pl.when(ends).then(lasted)).filter(pl.col("kind") == "connect")


def _files(rows: pl.DataFrame, file_types: FileTypes) -> pl.DataFrame:
    """Return file events with their type."""
    return rows.filter(IS_FILE).with_columns(type=file_type(file_types))


def _mails(rows: pl.DataFrame, company: Sequence[str]) -> pl.DataFrame:
    """Return mails with the numbers of their recipients."""
    sent = pl.when(_KIND == "email_view").then(pl.lit("viewed")).otherwise(pl.lit("sent"))
    return rows.filter(IS_MAIL).with_columns(
        copies=count_addresses(COPIED),
        recipients=count_addresses(DIRECT) + count_addresses(COPIED),
        external_recipients=count_external(company),
        external_copies=count_external(company, COPIED),
        type=sent,
    )


def _pages(rows: pl.DataFrame) -> pl.DataFrame:
    """Return web pages with the type of their site."""
    # As a column, since each mention of an expression would search all addresses again.
    return (
        rows.filter(IS_PAGE)
        .with_columns(site=SITE.fill_null(""))
        .with_columns(domain=domain(pl.col("site")))
        .with_columns(type=site_type(pl.col("domain")))
    )
