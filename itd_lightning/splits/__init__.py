"""Splits: which users and days train, validate and test, and what each way of splitting leaks."""

from itd_lightning.splits.base import Split
from itd_lightning.splits.campaigns import Campaigns
from itd_lightning.splits.chronological import Chronological
from itd_lightning.splits.dates import Dates
from itd_lightning.splits.random_days import RandomDays
from itd_lightning.splits.users import Users

__all__ = ["Campaigns", "Chronological", "Dates", "RandomDays", "Split", "Users"]
