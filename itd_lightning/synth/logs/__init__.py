"""The logs of ordinary days."""

__all__ = ["email", "file", "http", "presence", "rows", "sessions"]
