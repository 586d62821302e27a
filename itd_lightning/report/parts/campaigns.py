"""Campaigns of a run: their days, and how plots over time show them."""

from datetime import date
from typing import NamedTuple

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.run_files import EVALUATION_FILE, TEST_COMMAND
from itd_lightning.report.parts.figures import Layout, plain
from itd_lightning.report.runs import Run

HARMLESS, MALICIOUS, CAMPAIGN = "#8a8a8a", "#D55E00", "#F5D9C8"


class _CampaignDays(NamedTuple):
    """Calendar days on which a campaign of a user runs, the first and the last among them."""

    user: str
    scenario: int
    first: date
    last: date


def campaign_days(run: Run, user: str | None = None) -> list[_CampaignDays]:
    """Return the campaigns of all users or of one.

    Raises:
        InputError: If the run's evaluation holds one without dates.
    """
    campaigns = run.evaluation.get("campaigns", [])
    try:
        days = [
            _CampaignDays(
                campaign["user"],
                int(campaign["scenario"]),
                *(date.fromisoformat(str(time)[:10]) for time in (campaign["start"], campaign["end"])),
            )
            for campaign in campaigns
        ]
    except (KeyError, ValueError) as error:
        path = run.folder / EVALUATION_FILE
        raise InputError(
            f"{path} holds a campaign without dates; write it again with `{TEST_COMMAND}`"
        ) from error
    return [campaign for campaign in days if user in (None, campaign.user)]


def campaign_shapes(run: Run, user: str) -> list[Layout]:
    """Return the user's campaigns as shaded spans; the edge keeps a short one visible."""
    return [
        {
            "type": "rect",
            "yref": "paper",
            "y0": 0,
            "y1": 1,
            "x0": plain(campaign["start"]),
            "x1": plain(campaign["end"]),
            "fillcolor": CAMPAIGN,
            "line": {"color": CAMPAIGN, "width": 2},
            "layer": "below",
        }
        for campaign in run.evaluation.get("campaigns", [])
        if campaign["user"] == user
    ]
