"""The world of a release, and the campaigns in it."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from itd_lightning.synth.company.calendar import DateText
from itd_lightning.synth.logs.rows import Logs
from itd_lightning.synth.scenarios.campaigns import Campaign, campaign_rows
from itd_lightning.synth.scenarios.five import draw_scenario_five
from itd_lightning.synth.scenarios.four import draw_scenario_four
from itd_lightning.synth.scenarios.one import draw_scenario_one
from itd_lightning.synth.scenarios.three import draw_scenario_three
from itd_lightning.synth.scenarios.two import draw_scenario_two
from itd_lightning.synth.world import CAMPAIGNS, Settings, World, draw_world

_SCENARIOS = (
    draw_scenario_one,
    draw_scenario_two,
    draw_scenario_three,
    draw_scenario_four,
    draw_scenario_five,
)


class Story(NamedTuple):
    """The world, its campaigns, their rows in time order, and the text of its dates."""

    world: World
    campaigns: list[Campaign]
    campaign_rows: Logs
    date_text: DateText


@lru_cache(maxsize=1)  # a process asks for the same story at every block
def draw_story(settings: Settings) -> Story:
    """Draw the world and one campaign for each insider, and set the last days of those who leave by it."""
    world = draw_world(settings)
    rng = np.random.default_rng([settings.seed, CAMPAIGNS])
    campaigns = [
        draw_campaign(world, int(actor), rng)
        for draw_campaign, actors in zip(_SCENARIOS, world.cast, strict=True)
        for actor in actors
    ]
    leaves = world.people.fates.leaves
    for campaign in campaigns:
        for user, day in campaign.departures.items():
            leaves[user] = min(leaves[user], day)
    return Story(world, campaigns, campaign_rows(campaigns, world.release), DateText(world.calendar))
