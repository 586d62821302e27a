"""The meaning of events for all views, one module per notion: mail, files, web, PCs, hours, days, people."""

__all__ = ["annotate", "calendar", "files", "hours", "mail", "pcs", "people", "web"]
