"""Alerts as text for other programs: one file a format, and where finished texts are sent."""

__all__ = ["formats", "webhook"]
