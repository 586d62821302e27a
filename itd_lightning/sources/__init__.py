"""Sources of events: a CERT release, or an organisation's own logs."""
