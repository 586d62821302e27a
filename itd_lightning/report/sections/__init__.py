"""Sections of the report page, one file each; a new one is a file and a line here."""

from itd_lightning.report.sections.about import About
from itd_lightning.report.sections.audits import Audits
from itd_lightning.report.sections.base import Page, Section
from itd_lightning.report.sections.comparison import SideBySide
from itd_lightning.report.sections.contributions import Contributions
from itd_lightning.report.sections.curves import PrecisionRecall
from itd_lightning.report.sections.embeddings import Embeddings
from itd_lightning.report.sections.evaluation import Numbers
from itd_lightning.report.sections.modes import Modes
from itd_lightning.report.sections.scores_over_time import ScoresOverTime
from itd_lightning.report.sections.top_days import TopDays
from itd_lightning.report.sections.training import Training
from itd_lightning.report.sections.trajectories import Trajectory

SECTIONS: tuple[Section, ...] = (  # in the order of the page
    SideBySide(),
    About(),
    Numbers(),
    Audits(),
    PrecisionRecall(),
    ScoresOverTime(),
    Trajectory(),
    Modes(),
    Contributions(),
    TopDays(),
    Embeddings(),
    Training(),
)

__all__ = ["SECTIONS", "Page", "Section"]
