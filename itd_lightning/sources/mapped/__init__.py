"""An organisation's own logs as a source of events: a mapping in YAML says what their columns mean."""

__all__ = ["check", "mapping", "source"]
