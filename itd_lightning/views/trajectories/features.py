"""The twelve daily features of a trajectory, counted from one shard of the store.

Source:
    ChronosVector, research page on insider threat detection (``docs``) and its notebook (``notebook``).
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import polars as pl

from itd_lightning.contracts.events import FAMILY_KINDS, further_kinds, is_recorded
from itd_lightning.events.calendar import is_weekend
from itd_lightning.events.files import FILE_KINDS, IS_FILE, file_type
from itd_lightning.events.hours import CHRONOS_VECTOR
from itd_lightning.events.mail import DIRECT, addresses, count_addresses, count_external
from itd_lightning.events.web import PAGE_KINDS

FeatureSet = Literal["docs", "notebook"]

_INPUT_COLUMNS = ["user", "time", "kind", "pc", "object", "size", "attachments"]  # of an event
HOURS = tuple(f"h{hour:02d}" for hour in range(24))
_PRESENT = (
    "logon",
    "logoff",
    "connect",
    "disconnect",
    *FILE_KINDS,
    *PAGE_KINDS,
)  # at a PC; a mail may be sent anywhere


def _kind(*names: str) -> pl.Expr:
    """Return whether an event is of one of these kinds."""
    return pl.col("kind").is_in(names)


def _count(*names: str) -> pl.Expr:
    """Return the number of events of these kinds."""
    return pl.col("events").filter(_kind(*names)).sum()


_IS_LATE = CHRONOS_VECTOR.after_hours(pl.col("hour"))
_WEEKEND = is_weekend(pl.col("hour"))


class _Features(NamedTuple):
    """A set of twelve features.

    Attributes:
        names: All of them, in their order.
        counts: What follows from ``_kind``, ``hour`` and number of ``events``.
        details: What needs single events, with file types and numbers of addresses.
        detail_kinds: Kinds of these events; most of all are http visits, which need not be read one by one.
        needs: Kinds without any of which a feature would be 0 for want of a log, not of an act. No release
            4 records uploads, whose volume is among the published twelve; so any page will do.
    """

    names: tuple[str, ...]
    counts: dict[str, pl.Expr]
    details: dict[str, pl.Expr]
    detail_kinds: tuple[str, ...]
    needs: dict[str, tuple[str, ...]]


_IS_SENT = _kind("email_send")
_MEGABYTES = pl.col("size") / 1e6
# Departure: no release records the size of attachments or uploads. The size of the mails that carry
# attachments stands for the former, and where an upload has no size it counts as one MB.
_DOCS_DETAILS = {
    "file_exe_count": (pl.col("file_type") == "program").sum(),
    "file_zip_count": (pl.col("file_type") == "archive").sum(),
    "email_external": (_IS_SENT & (pl.col("external") > 0)).sum(),
    "email_attachment_size": _MEGABYTES.filter(_IS_SENT & (pl.col("attachments") > 0)).sum(),
    "http_upload_volume": _MEGABYTES.fill_null(1).filter(_kind("http_upload")).sum(),
}
# Mail received is in other users' logs.
_NOTEBOOK_DETAILS = {
    "unique_pcs": pl.col("pc").filter(_kind(*_PRESENT)).drop_nulls().n_unique(),
    "email_external_ratio": pl.col("external_direct").filter(_IS_SENT).sum()
    / pl.col("direct").filter(_IS_SENT).sum().clip(lower_bound=1),
}


SETS: dict[FeatureSet, _Features] = {
    "docs": _Features(
        names=(
            *("logon_count", "after_hours_logon", "weekend_logon"),
            *("file_access_count", "file_exe_count", "file_zip_count"),
            *("email_sent", "email_external", "email_attachment_size"),
            *("device_connect", "http_requests", "http_upload_volume"),
        ),
        counts={
            "logon_count": _count("logon", "logoff"),
            "after_hours_logon": pl.col("events").filter(_kind("logon") & _IS_LATE).sum(),
            "weekend_logon": (_kind("logon") & _WEEKEND).any(),
            "file_access_count": _count(*FILE_KINDS),
            "email_sent": _count("email_send"),
            "device_connect": _count("connect"),
            "http_requests": _count(*PAGE_KINDS),
        },
        details=_DOCS_DETAILS,
        detail_kinds=(*FILE_KINDS, "email_send", "http_upload"),
        needs={
            "logon_count": ("logon", "logoff"),
            "after_hours_logon": ("logon",),
            "weekend_logon": ("logon",),
            **dict.fromkeys(("file_access_count", "file_exe_count", "file_zip_count"), FILE_KINDS),
            **dict.fromkeys(("email_sent", "email_external", "email_attachment_size"), ("email_send",)),
            "device_connect": ("connect",),
            **dict.fromkeys(("http_requests", "http_upload_volume"), PAGE_KINDS),
        },
    ),
    "notebook": _Features(
        names=(
            *("n_logons", "n_logoffs", "n_files", "n_emails_sent", "n_emails_received"),
            *("n_usb_connects", "n_usb_disconnects", "n_http", "after_hours_ratio", "unique_pcs"),
            *("weekend_flag", "email_external_ratio"),
        ),
        counts={
            "n_logons": _count("logon"),
            "n_logoffs": _count("logoff"),
            "n_files": _count(*FILE_KINDS),
            "n_emails_sent": _count("email_send"),
            "n_usb_connects": _count("connect"),
            "n_usb_disconnects": _count("disconnect"),
            "n_http": _count(*PAGE_KINDS),
            "after_hours_ratio": pl.col("events").filter(_IS_LATE).sum() / pl.col("events").sum(),
            "weekend_flag": _WEEKEND.any(),
        },
        details=_NOTEBOOK_DETAILS,
        detail_kinds=(*_PRESENT, "email_send"),
        needs={
            "n_logons": ("logon",),
            "n_logoffs": ("logoff",),
            "n_files": FILE_KINDS,
            **dict.fromkeys(("n_emails_sent", "n_emails_received", "email_external_ratio"), ("email_send",)),
            "n_usb_connects": ("connect",),
            "n_usb_disconnects": ("disconnect",),
            "n_http": PAGE_KINDS,
            "unique_pcs": _PRESENT,
        },
    ),
}


def names_of(features: FeatureSet, records: Collection[str]) -> list[str]:
    """Return the features of a store: those of the set that it records, and each recorded kind of no family.

    Args:
        features: Which set.
        records: Kinds of events that the store's sources can record.

    Example:
        >>> names_of("docs", {"logon", "http_visit", "process"})[-3:]
        ['http_requests', 'http_upload_volume', 'process_count']
    """
    chosen = SETS[features]
    published = [name for name in chosen.names if is_recorded(chosen.needs.get(name, ()), records)]
    return [*published, *(f"{kind}_count" for kind in further_kinds(records))]


def build(
    events: pl.DataFrame,
    features: FeatureSet,
    company: Sequence[str],
    records: Collection[str] = FAMILY_KINDS,
) -> pl.DataFrame:
    """Return the features of each day on which a user did anything.

    Times are naive local ones: a day has the hours that the clock on the wall showed, so an hour that the
    change to summer time leaves out is silent, and one that comes twice counts both times.

    Args:
        events: One shard of the store.
        features: Which set; ``n_emails_received`` is not in it.
        company: Mail domains of the company, as ``events.mail.company_domains`` returns them.
        records: Kinds of events that the store's sources can record.

    Returns:
        ``user``, ``day``, the features, float32, and events in each hour, ``h00`` to ``h23``, int16; sorted.
    """
    feature_set = SETS[features]
    counts_by_kind = events.group_by("user", pl.col("time").dt.truncate("1h").alias("hour"), "kind").agg(
        events=pl.len()
    )
    day = pl.col("hour").dt.date().alias("day")
    hours = {
        name: pl.col("events").filter(pl.col("hour").dt.hour() == hour).sum().cast(pl.Int16)
        for hour, name in enumerate(HOURS)
    }
    further = {f"{kind}_count": _count(kind) for kind in further_kinds(records)}
    counts = counts_by_kind.group_by("user", day).agg(**_as_numbers(feature_set.counts | further), **hours)
    single = events.filter(_kind(*feature_set.detail_kinds)).with_columns(
        file_type=pl.when(IS_FILE).then(file_type()),
        external=count_external(company),
        direct=count_addresses(DIRECT),
        external_direct=count_external(company, DIRECT),
    )
    details = _as_numbers(feature_set.details)
    of_days = single.group_by("user", pl.col("time").dt.date().alias("day")).agg(**details)
    present = {*feature_set.counts, *further, *details}
    names = [name for name in names_of(features, records) if name in present]
    return (
        counts.join(of_days, on=["user", "day"], how="left")
        .with_columns(pl.col(list(details)).fill_null(0))
        .select("user", "day", *names, *HOURS)
        .sort("user", "day")
    )


def _as_numbers(features: dict[str, pl.Expr]) -> dict[str, pl.Expr]:
    """Return features as the numbers that are stored in a file of days."""
    return {name: feature.cast(pl.Float32) for name, feature in features.items()}


def count_received(events: pl.DataFrame, mailboxes: pl.DataFrame) -> pl.DataFrame:
    """Count the mails that a shard's users sent to each mailbox of the company: the partial of one shard.

    Args:
        events: One shard of the store.
        mailboxes: ``address``, lower case, and ``user``, whose it is.

    Returns:
        ``user``, who receives, ``day`` and ``n_emails_received``; partials of all shards add up.
    """
    mails = events.filter(_kind("email_send")).select(
        day=pl.col("time").dt.date(), address=addresses().list.unique()
    )
    received_mails = mails.explode("address").join(mailboxes, on="address")
    return (
        received_mails.group_by("user", "day")
        .agg(n_emails_received=pl.len().cast(pl.Float32))
        .sort("user", "day")
    )


def build_shard(
    shard: Path, features: FeatureSet, company: Sequence[str], records: Collection[str]
) -> pl.DataFrame:
    """Return the features of a shard's days."""
    return build(pl.read_parquet(shard, columns=_INPUT_COLUMNS, glob=False), features, company, records)


def received_shard(shard: Path, mailboxes: pl.DataFrame) -> pl.DataFrame:
    """Count the mails that a shard's users sent to others."""
    return count_received(pl.read_parquet(shard, columns=_INPUT_COLUMNS, glob=False), mailboxes)
