"""Numbers -> one page that works offline, and lists for analysts. Never trains, never reads logs."""

from itd_lightning.report.page import write_report

__all__ = ["write_report"]
