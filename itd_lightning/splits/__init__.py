"""Who and when trains, validates and tests; what each way of splitting leaks."""

from itd_lightning.splits.base import Split
from itd_lightning.splits.campaigns import Campaigns
from itd_lightning.splits.dates import Dates

__all__ = ["Campaigns", "Dates", "Split"]
