"""Splits: which users and days train, validate and test, and what each way of splitting leaks."""

from itd_lightning.splits.base import Split as Split
from itd_lightning.splits.campaigns import Campaigns as Campaigns
from itd_lightning.splits.chronological import Chronological as Chronological
from itd_lightning.splits.dates import Dates as Dates
from itd_lightning.splits.dates_and_users import DatesAndUsers as DatesAndUsers
from itd_lightning.splits.random_days import RandomDays as RandomDays
from itd_lightning.splits.users import Users as Users
