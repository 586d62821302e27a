"""The twelve daily features of a trajectory, counted from one shard of the store.

Source:
    ChronosVector, research page on insider threat detection (``docs``) and its notebook (``notebook``).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

import polars as pl

from itd_lightning.contracts.events import COPIES

FeatureSet = Literal["docs", "notebook"]

BUILDER_VERSION = 1  # raise it whenever ``build`` gives other rows: stores keep what was built
NEEDED = ["user", "time", "kind", "pc", "object", "size", "attachments"]  # of an event
HOURS = tuple(f"h{hour:02d}" for hour in range(24))
DEFAULT_DOMAINS = ("dtaa.com",)  # of CERT, where a store has no people
SATURDAY = 6
FILES = ("file_copy", "file_open", "file_write", "file_delete")
REQUESTS = ("http_visit", "http_download", "http_upload")
PRESENT = (
    "logon",
    "logoff",
    "connect",
    "disconnect",
    *FILES,
    *REQUESTS,
)  # at a PC; a mail may be sent anywhere


def kind(*names: str) -> pl.Expr:
    """Whether an event is of one of these kinds."""
    return pl.col("kind").is_in(names)


def addresses(copies: bool) -> pl.Expr:
    """Recipients of a mail as one text, with or without those who get a copy."""
    parts = pl.col("object").str.to_lowercase()
    return (
        parts.str.replace_all(COPIES, ";", literal=True) if copies else parts.str.split(COPIES).list.first()
    )


def outside(recipients: pl.Expr, domains: tuple[str, ...]) -> pl.Expr:
    """How many of the recipients have no address of the company."""
    inside = "|".join(domain.replace(".", r"\.") for domain in domains)
    return recipients.str.count_matches("@") - recipients.str.count_matches(rf"@(?:{inside})(?:;|$)")


def count(*names: str) -> pl.Expr:
    """Number of events of these kinds."""
    return pl.col("events").filter(kind(*names)).sum()


LATE = ~pl.col("hour").dt.hour().is_between(7, 18)
WEEKEND = pl.col("hour").dt.weekday() >= SATURDAY


class Features(NamedTuple):
    """A set of twelve.

    Attributes:
        names: All of them, in their order.
        counts: What follows from ``kind``, ``hour`` and number of ``events``.
        details: What needs single events, by company domains.
        detailed: Kinds of these events; most of all are http visits, which need not be read one by one.
    """

    names: tuple[str, ...]
    counts: dict[str, pl.Expr]
    details: Callable[[tuple[str, ...]], dict[str, pl.Expr]]
    detailed: tuple[str, ...]


def docs_details(domains: tuple[str, ...]) -> dict[str, pl.Expr]:
    """What the page's set needs single events for.

    Departure: no release records the size of attachments or uploads. The size of the mails that carry
    attachments stands for the former, and where an upload has no size it counts as one MB.
    """
    mail, ending = kind("email_send"), pl.col("object").str.to_lowercase()
    megabytes = pl.col("size") / 1e6
    return {
        "file_exe_count": (kind(*FILES) & ending.str.contains(r"\.(?:exe|msi|bat|com)$")).sum(),
        "file_zip_count": (kind(*FILES) & ending.str.contains(r"\.(?:zip|rar|7z|gz|tar)$")).sum(),
        "email_external": (mail & (outside(addresses(copies=True), domains) > 0)).sum(),
        "email_attachment_size": megabytes.filter(mail & (pl.col("attachments") > 0)).sum(),
        "http_upload_volume": megabytes.fill_null(1).filter(kind("http_upload")).sum(),
    }


def notebook_details(domains: tuple[str, ...]) -> dict[str, pl.Expr]:
    """What the notebook's set needs single events for, mail received apart: that is in other users' logs."""
    direct, mail = addresses(copies=False), kind("email_send")
    sent_to = direct.str.count_matches("@").filter(mail).sum()
    return {
        "unique_pcs": pl.col("pc").filter(kind(*PRESENT)).drop_nulls().n_unique(),
        "email_external_ratio": outside(direct, domains).filter(mail).sum() / sent_to.clip(lower_bound=1),
    }


SETS: dict[FeatureSet, Features] = {
    "docs": Features(
        names=(
            *("logon_count", "after_hours_logon", "weekend_logon"),
            *("file_access_count", "file_exe_count", "file_zip_count"),
            *("email_sent", "email_external", "email_attachment_size"),
            *("device_connect", "http_requests", "http_upload_volume"),
        ),
        counts={
            "logon_count": count("logon", "logoff"),
            "after_hours_logon": pl.col("events").filter(kind("logon") & LATE).sum(),
            "weekend_logon": (kind("logon") & WEEKEND).any(),
            "file_access_count": count(*FILES),
            "email_sent": count("email_send"),
            "device_connect": count("connect"),
            "http_requests": count(*REQUESTS),
        },
        details=docs_details,
        detailed=(*FILES, "email_send", "http_upload"),
    ),
    "notebook": Features(
        names=(
            *("n_logons", "n_logoffs", "n_files", "n_emails_sent", "n_emails_received"),
            *("n_usb_connects", "n_usb_disconnects", "n_http", "after_hours_ratio", "unique_pcs"),
            *("weekend_flag", "email_external_ratio"),
        ),
        counts={
            "n_logons": count("logon"),
            "n_logoffs": count("logoff"),
            "n_files": count(*FILES),
            "n_emails_sent": count("email_send"),
            "n_usb_connects": count("connect"),
            "n_usb_disconnects": count("disconnect"),
            "n_http": count(*REQUESTS),
            "after_hours_ratio": pl.col("events").filter(LATE).sum() / pl.col("events").sum(),
            "weekend_flag": WEEKEND.any(),
        },
        details=notebook_details,
        detailed=(*PRESENT, "email_send"),
    ),
}


def build(
    events: pl.DataFrame, features: FeatureSet, domains: tuple[str, ...] = DEFAULT_DOMAINS
) -> pl.DataFrame:
    """Describe each day on which a user did anything.

    Times are naive local ones: a day has the hours that the clock on the wall showed, so an hour that the
    change to summer time leaves out is silent, and one that comes twice counts both times.

    Args:
        events: One shard of the store.
        features: Which set; ``n_emails_received`` is not in it.
        domains: Of the company's mail addresses, lower case.

    Returns:
        ``user``, ``day``, the features, float32, and events in each hour, ``h00`` to ``h23``, int16; sorted.
    """
    wanted = SETS[features]
    tall = events.group_by("user", pl.col("time").dt.truncate("1h").alias("hour"), "kind").agg(
        events=pl.len()
    )
    day = pl.col("hour").dt.date().alias("day")
    hours = {
        name: pl.col("events").filter(pl.col("hour").dt.hour() == hour).sum().cast(pl.Int16)
        for hour, name in enumerate(HOURS)
    }
    counted = tall.group_by("user", day).agg(**as_numbers(wanted.counts), **hours)
    single = events.filter(kind(*wanted.detailed)).group_by("user", pl.col("time").dt.date().alias("day"))
    details = as_numbers(wanted.details(domains))
    joined = counted.join(single.agg(**details), on=["user", "day"], how="left")
    known = [name for name in wanted.names if name in wanted.counts or name in details]
    return (
        joined.with_columns(pl.col(list(details)).fill_null(0))
        .select("user", "day", *known, *HOURS)
        .sort("user", "day")
    )


def as_numbers(features: dict[str, pl.Expr]) -> dict[str, pl.Expr]:
    """Features in the type in which they are kept."""
    return {name: feature.cast(pl.Float32) for name, feature in features.items()}


def received(events: pl.DataFrame, mailboxes: pl.DataFrame) -> pl.DataFrame:
    """Mails that a shard's users sent to each mailbox of the company: the partial of one shard.

    Args:
        events: One shard of the store.
        mailboxes: ``address``, lower case, and ``user``, whose it is.

    Returns:
        ``user``, who receives, ``day`` and ``n_emails_received``; partials of all shards add up.
    """
    mails = events.filter(kind("email_send")).select(
        day=pl.col("time").dt.date(), address=addresses(copies=True).str.split(";").list.unique()
    )
    reached = mails.explode("address").join(mailboxes, on="address")
    return (
        reached.group_by("user", "day").agg(n_emails_received=pl.len().cast(pl.Float32)).sort("user", "day")
    )


def build_shard(shard: Path, features: FeatureSet, domains: tuple[str, ...]) -> pl.DataFrame:
    """Describe the days of a shard."""
    return build(pl.read_parquet(shard, columns=NEEDED, glob=False), features, domains)


def received_shard(shard: Path, mailboxes: pl.DataFrame) -> pl.DataFrame:
    """Count the mails that a shard's users sent to others."""
    return received(pl.read_parquet(shard, columns=NEEDED, glob=False), mailboxes)
