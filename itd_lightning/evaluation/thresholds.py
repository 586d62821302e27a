"""Which user-days are alarms: a threshold by a named rule from validation scores, kept beside the scores.

A user-day scores as its highest unit, so that the same threshold tells which of its units are to blame.
"""

import json
import math
import re
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
import polars as pl
from jaxtyping import Float

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import written_beside
from itd_lightning.metrics.conformal import discoveries, p_values
from itd_lightning.metrics.operating import threshold_at_fpr

FILE = "threshold.json"  # of a run's folder
Kind = Literal["budget", "fpr", "fdr"]


class Rule(NamedTuple):
    """How a threshold is chosen.

    Attributes:
        kind: ``budget``: so many user-days a day lie above it. ``fpr``: such a share of harmless ones.
            ``fdr``: such a share of those above it is expected to be harmless.
        value: The number.
    """

    kind: Kind
    value: float

    @property
    def words(self) -> str:
        """The rule in words."""
        return {
            "budget": f"at most {self.value:g} validation user-days a day above it",
            "fpr": f"at most {self.value:.2%} of the harmless validation user-days above it",
            "fdr": f"at most {self.value:.0%} false alarms expected among the test user-days above it "
            "(Benjamini and Hochberg, conformal p-values)",
        }[self.kind]


class Stored(NamedTuple):
    """A threshold that was chosen for a run.

    Attributes:
        kind: As in ``Rule``.
        value: As in ``Rule``.
        threshold: Scores above it are alarms.
        checkpoint: File name of the checkpoint whose scores it is for.
        words: The rule in words.
    """

    kind: Kind
    value: float
    threshold: float
    checkpoint: str
    words: str


def rule(budget: str | None, fpr: float | None, fdr: float | None) -> Rule:
    """The one rule that was given.

    Raises:
        InputError: If there is none or several, or its number makes no sense.

    Example:
        >>> rule("10/day", None, None)
        Rule(kind='budget', value=10.0)
    """
    given = {"--budget": budget, "--fpr": fpr, "--fdr": fdr}
    named = [name for name, value in given.items() if value is not None]
    if len(named) != 1:
        what = " and ".join(named) + " exclude one another" if named else "no rule was given"
        raise InputError(f"{what}; name one of --budget 10/day, --fpr 0.01 and --fdr 0.1")
    if budget is not None:
        found = re.fullmatch(r"(\d+(?:\.\d+)?)/day", budget)
        if not found or not 0 < float(found[1]) < math.inf:
            raise InputError(f"a budget is a number of user-days a day, such as 10/day, got {budget!r}")
        return Rule("budget", float(found[1]))
    kind: Kind = "fpr" if fpr is not None else "fdr"
    share = fpr if fpr is not None else fdr
    if share is None or not 0 < share < 1:
        raise InputError(f"--{kind} must lie between 0 and 1, got {share}")
    return Rule(kind, share)


def chosen(
    given: Rule, validated: pl.DataFrame, harmless: Float[np.ndarray, " v"], tested: Float[np.ndarray, " n"]
) -> float:
    """The threshold that a rule gives; only what lies above it is an alarm.

    Args:
        given: The rule.
        validated: Validation user-days: ``start`` and ``score``.
        harmless: Scores of those that are not known to be malicious.
        tested: Scores of the test user-days, which only the false discoveries ask for.

    Raises:
        InputError: If there are too few validation user-days for the rule.
    """
    if not len(harmless):
        raise InputError(
            "the scores hold no validation part, so no threshold can be chosen: fit with a split that has one"
        )
    if given.kind == "budget":
        return threshold_at_budget(validated, given.value)
    if given.kind == "fpr":
        if given.value * len(harmless) < 1:
            raise InputError(f"{given.value:.3g} of {len(harmless)} validation user-days is less than one")
        return threshold_at_fpr(harmless.copy(), given.value)
    return threshold_at_fdr(tested, harmless, given.value)


def threshold_at_budget(validated: pl.DataFrame, budget: float) -> float:
    """Smallest threshold with at most ``budget`` user-days a day above it, on average over the days.

    Args:
        validated: User-days: ``start`` and ``score``.
        budget: User-days a day.

    Raises:
        InputError: If there are no more of them than that.
    """
    days = validated["start"].n_unique()
    room = math.floor(budget * days + 1e-9)
    ordered = validated["score"].sort(descending=True)
    if room >= len(ordered):
        raise InputError(
            f"a budget of {budget:g} a day leaves nothing to choose: validation has "
            f"{len(ordered) / days:.3g} user-days a day"
        )
    return float(ordered[room])


def threshold_at_fdr(tested: Float[np.ndarray, " n"], harmless: Float[np.ndarray, " v"], fdr: float) -> float:
    """Threshold of the discoveries among test user-days: a validation score, or the highest score of all.

    Raises:
        InputError: If validation is so short that nothing could ever be reported.

    Example:
        >>> threshold_at_fdr(np.array([98.5, 99.5, 3.0]), np.arange(100.0), fdr=0.1)
        98.0
    """
    if 1 / (len(harmless) + 1) > fdr:
        raise InputError(
            f"a false discovery rate of {fdr:g} needs {math.ceil(1 / fdr) - 1} validation user-days or more, "
            f"there are {len(harmless)}"
        )
    p = p_values(tested, harmless)
    found = discoveries(p, fdr)
    if not found.any():
        return float(max(tested.max(), harmless.max()))
    higher = round(p[found].max() * (len(harmless) + 1)) - 1  # validation days at or above the lowest found
    return float(np.sort(harmless)[::-1][higher])


def write_threshold(folder: Path, given: Rule, threshold: float, checkpoint: str) -> None:
    """Keep a threshold in a run's folder, in place of another one."""
    content = Stored(*given, threshold, checkpoint, given.words)._asdict()
    with written_beside(folder / FILE) as partial:
        partial.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", "utf-8")


def home(folder: Path) -> Path:
    """The run's folder, of which ``predict`` holds the scores of other logs."""
    return folder.parent if folder.name == "predict" else folder


def read_threshold(folder: Path, checkpoint: str) -> Stored | None:
    """The threshold that was chosen for scores, if there is one.

    Args:
        folder: Where the scores lie; those of new logs, in ``predict`` of a run, have the run's threshold.
        checkpoint: File name of the checkpoint that scored; another one has another scale.

    Raises:
        InputError: If the file is damaged.
    """
    path = home(folder) / FILE
    if not path.is_file():
        return None
    damaged = f"{path} is damaged; choose the threshold again with `itd threshold`"
    try:
        found = Stored(**json.loads(path.read_text("utf-8")))
        found = found._replace(value=float(found.value), threshold=float(found.threshold))
        whole = usable(found)
    except (ValueError, TypeError) as error:
        raise InputError(damaged) from error
    if not whole:
        raise InputError(damaged)
    return found if found.checkpoint == checkpoint else None


def usable(found: Stored) -> bool:
    """Whether a stored threshold is one that ``write_threshold`` could have written."""
    told = found._asdict()
    texts = all(isinstance(told[name], str) for name in ("checkpoint", "words"))
    return texts and found.kind in get_args(Kind) and math.isfinite(found.value + found.threshold)
