"""Insider threat detection: from activity logs to ranked, explained and audited user-days."""

from importlib.metadata import version

__version__ = version("itd-lightning")
