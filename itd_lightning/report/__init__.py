"""The report: one HTML page about runs that works offline. It never trains and never reads logs."""

__all__ = ["page", "parts", "sections"]
