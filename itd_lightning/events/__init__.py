"""The event store: every log in one typed table, sharded by user, sorted by time."""
