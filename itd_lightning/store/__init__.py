"""The event store: all logs in one typed table, sharded by user, sorted by time."""

__all__ = ["build", "inspect", "key", "read", "source_hash", "thin", "trim", "truncate"]
