"""The event store: all logs in one typed table, sharded by user, sorted by time."""
