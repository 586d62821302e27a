"""Synthetic CERT releases: the genuine layout, calibrated habits, planted campaigns, an answer key.

Every name, site, address and word is invented; matched are aggregate statistics of the genuine release.
"""

from itd_lightning.synth.company_logs import write_company
from itd_lightning.synth.release import write_release

__all__ = ["write_company", "write_release"]
