"""Columns of a release, and its way to record mails; used by the generators of logs."""

from itd_lightning.sources.cert.releases import Log, Release


def has_column(release: Release, log: str, column: str) -> bool:
    """Return whether a log of the release has a column."""
    return column in release.by_name[log].columns


def own_columns(log: Log) -> tuple[str, ...]:
    """Return the columns after id, date, user and pc."""
    return log.columns[4:]


def counts_attachments(release: Release) -> bool:
    """Return whether a mail row holds the number of attachments, not their names."""
    return "attachments" in release.by_name["email"].numbers


def records_mail_reads(release: Release) -> bool:
    """Return whether reading a mail is recorded, and not only sending it."""
    return has_column(release, "email", "activity")


def read_activity(release: Release) -> str:
    """Return the activity of a mail at its reader's PC."""
    return "View" if release.decoys else "Receive"
