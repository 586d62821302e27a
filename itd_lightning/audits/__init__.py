"""Audits: could a result be an artefact? Each gives a number, a reference and a verdict in words.

To add one, write a file with a subclass of ``base.Audit``, and import it in its place below.
"""

from collections.abc import Mapping, Sequence

from itd_lightning.audits.base import Audit, AuditedRun, Option, Rescorer
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.results import AuditResult

# The audits, in the order of their results.
# isort: off
from itd_lightning.audits.null_attack import NullAttack as NullAttack
from itd_lightning.audits.empty_units import EmptyUnits as EmptyUnits
from itd_lightning.audits.volume import Volume as Volume
from itd_lightning.audits.length import Length as Length
from itd_lightning.audits.leavers import Leavers as Leavers
from itd_lightning.audits.identity import Identity as Identity
from itd_lightning.audits.prevalence import Prevalence as Prevalence
from itd_lightning.audits.exact_counts import ExactCounts as ExactCounts
from itd_lightning.audits.label_shuffle import LabelShuffle as LabelShuffle
from itd_lightning.audits.future import Future as Future
from itd_lightning.audits.answer_key import AnswerKey as AnswerKey
from itd_lightning.audits.future_in_training import FutureInTraining as FutureInTraining
# isort: on

__all__ = [
    "AUDITS",
    "Audit",
    "AuditResult",
    "AuditedRun",
    "Option",
    "Rescorer",
    "audit_options",
    "check_options",
    "run_audits",
]

# A class is defined when its file is imported, so they come in the order above.
AUDITS: tuple[Audit, ...] = tuple(audit() for audit in Audit.__subclasses__())


def run_audits(run: AuditedRun, audits: Sequence[Audit] = AUDITS) -> list[AuditResult]:
    """Run audits one after another; return all their results.

    Raises:
        InputError: If the run's checkpoint is damaged.
    """
    return [result for audit in audits for result in audit.run_if_on(run)]


def audit_options(audits: Sequence[Audit] = AUDITS) -> list[Option]:
    """Return the options of audits, each once."""
    return list(dict.fromkeys(audit.option for audit in audits if audit.option is not None))


def check_options(options: Mapping[str, bool]) -> None:
    """Refuse options that contradict one another.

    Args:
        options: Values by name, as ``AuditedRun`` takes them.

    Raises:
        InputError: If one is on, and the one that it is part of is off.
    """
    for option in audit_options():
        if option.part_of and options.get(option.name) and not options.get(option.part_of, True):
            raise InputError(
                f"--{option.name} is part of the {option.part_of} probe, "
                f"which --{option.part_of} false leaves out"
            )
