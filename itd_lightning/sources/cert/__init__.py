"""A CERT release on disk: its logs, people and answer key, read and checked; nothing derived."""

__all__ = ["logs", "releases", "source"]
