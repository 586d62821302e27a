"""Campaigns in plots over time: shaded, and in a colour of their own."""

from itd_lightning.report.parts.figures import Layout, plain
from itd_lightning.report.runs import Run

HARMLESS, MALICIOUS, CAMPAIGN = "#8a8a8a", "#D55E00", "#F5D9C8"


def campaigns(run: Run, user: str) -> list[Layout]:
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
