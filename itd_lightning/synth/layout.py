"""What a release records, asked of its table."""

from itd_lightning.sources.cert.releases import Log, Release


def records(release: Release, log: str, column: str) -> bool:
    """Whether a log of the release has a column."""
    return column in release.by_name[log].columns


def own_columns(log: Log) -> tuple[str, ...]:
    """What follows id, date, user and pc."""
    return log.columns[4:]


def attachments_are_counted(release: Release) -> bool:
    """Whether a mail has a number of attachments, and not their names."""
    return "attachments" in release.by_name["email"].numbers


def mails_are_seen(release: Release) -> bool:
    """Whether mails have rows where they are read, and not only where they are sent."""
    return records(release, "email", "activity")


def seen(release: Release) -> str:
    """The activity of a mail at its reader's PC."""
    return "View" if release.decoys else "Receive"
