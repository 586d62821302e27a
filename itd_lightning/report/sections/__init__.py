"""Sections of the report page, one file each; to add one, import it in its place below."""

from itd_lightning.report.sections.base import Page, Section

# The sections, in the order of the page.
# isort: off
from itd_lightning.report.sections.comparison import SideBySide as SideBySide
from itd_lightning.report.sections.top_days import TopDays as TopDays
from itd_lightning.report.sections.people import People as People
from itd_lightning.report.sections.contributions import Contributions as Contributions
from itd_lightning.report.sections.trajectories import Trajectory as Trajectory
from itd_lightning.report.sections.modes import Modes as Modes
from itd_lightning.report.sections.scores_over_time import ScoresOverTime as ScoresOverTime
from itd_lightning.report.sections.evaluation import Numbers as Numbers
from itd_lightning.report.sections.curves import PrecisionRecall as PrecisionRecall
from itd_lightning.report.sections.audits import Audits as Audits
from itd_lightning.report.sections.about import About as About
from itd_lightning.report.sections.embeddings import Embeddings as Embeddings
from itd_lightning.report.sections.training import Training as Training
# isort: on

__all__ = ["SECTIONS", "Page", "Section"]

# A class is defined when its file is imported, so they come in the order above.
SECTIONS: tuple[Section, ...] = tuple(section() for section in Section.__subclasses__())
