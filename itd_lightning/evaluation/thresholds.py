"""Thresholds above which user-days are alarms: by a named rule from validation scores, stored beside them.

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
from itd_lightning.contracts.files import atomic_file
from itd_lightning.contracts.run_files import THRESHOLD_FILE, run_of_scores
from itd_lightning.metrics.conformal import discoveries, p_values
from itd_lightning.metrics.operating import threshold_at_fpr

_Kind = Literal["budget", "fpr", "fdr"]


class Rule(NamedTuple):
    """Rule by which a threshold is chosen.

    Attributes:
        kind: ``budget``: so many user-days a day lie above it. ``fpr``: such a share of harmless ones.
            ``fdr``: such a share of those above it is expected to be harmless.
        value: The number.
    """

    kind: _Kind
    value: float

    @property
    def words(self) -> str:
        """Return the rule in words."""
        return {
            "budget": f"at most {self.value:g} validation user-days a day above it",
            "fpr": f"at most {self.value:.2%} of the harmless validation user-days above it",
            "fdr": f"at most {self.value:.0%} false alarms expected among the test user-days above it "
            "(Benjamini and Hochberg, conformal p-values)",
        }[self.kind]


class _StoredThreshold(NamedTuple):
    """A threshold that was chosen for a run.

    Attributes:
        kind: As in ``Rule``.
        value: As in ``Rule``.
        threshold: Scores above it are alarms.
        checkpoint: File name of the checkpoint whose scores it is for.
        words: The rule in words.
    """

    kind: _Kind
    value: float
    threshold: float
    checkpoint: str
    words: str


def parse_rule(budget: str | None, fpr: float | None, fdr: float | None) -> Rule:
    """Return the one rule that the options name.

    Raises:
        InputError: If there is none or several, or its number makes no sense.

    Example:
        >>> parse_rule("10/day", None, None)
        Rule(kind='budget', value=10.0)
    """
    options = {"--budget": budget, "--fpr": fpr, "--fdr": fdr}
    names = [name for name, value in options.items() if value is not None]
    if len(names) != 1:
        fault = " and ".join(names) + " exclude one another" if names else "no rule was given"
        raise InputError(f"{fault}; name one of --budget 10/day, --fpr 0.01 and --fdr 0.1")
    if budget is not None:
        match = re.fullmatch(r"(\d+(?:\.\d+)?)/day", budget)
        if not match or not 0 < float(match[1]) < math.inf:
            raise InputError(f"a budget is a number of user-days a day, such as 10/day, got {budget!r}")
        return Rule("budget", float(match[1]))
    kind: _Kind = "fpr" if fpr is not None else "fdr"
    share = fpr if fpr is not None else fdr
    if share is None or not 0 < share < 1:
        raise InputError(f"--{kind} must lie between 0 and 1, got {share}")
    return Rule(kind, share)


def choose_threshold(
    rule: Rule, validation: pl.DataFrame, harmless: Float[np.ndarray, " v"], test: Float[np.ndarray, " n"]
) -> float:
    """Return the threshold that a rule gives; only what lies above it is an alarm.

    Args:
        rule: The rule.
        validation: Validation user-days: ``start`` and ``score``.
        harmless: Scores of those that are not labelled malicious.
        test: Scores of the test user-days, which only the false discoveries ask for.

    Raises:
        InputError: If there are too few validation user-days for the rule.
    """
    if not len(harmless):
        raise InputError(
            "the scores hold no validation part, so no threshold can be chosen: fit with a split that has one"
        )
    if rule.kind == "budget":
        return threshold_at_budget(validation, rule.value)
    if rule.kind == "fpr":
        if rule.value * len(harmless) < 1:
            raise InputError(f"{rule.value:.3g} of {len(harmless)} validation user-days is less than one")
        return threshold_at_fpr(harmless.copy(), rule.value)
    return threshold_at_fdr(test, harmless, rule.value)


def threshold_at_budget(validation: pl.DataFrame, budget: float) -> float:
    """Return the smallest threshold with at most ``budget`` user-days a day above it, on average.

    Args:
        validation: User-days: ``start`` and ``score``.
        budget: User-days a day.

    Raises:
        InputError: If there are no more of them than that.
    """
    days = validation["start"].n_unique()
    room = math.floor(budget * days + 1e-9)
    highest_first = validation["score"].sort(descending=True)
    if room >= len(highest_first):
        raise InputError(
            f"a budget of {budget:g} a day leaves nothing to choose: validation has "
            f"{len(highest_first) / days:.3g} user-days a day"
        )
    return float(highest_first[room])


def threshold_at_fdr(test: Float[np.ndarray, " n"], harmless: Float[np.ndarray, " v"], fdr: float) -> float:
    """Return the threshold of the discoveries: a validation score, or the highest score of all.

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
    p = p_values(test, harmless)
    is_discovery = discoveries(p, fdr)
    if not is_discovery.any():
        return float(max(test.max(), harmless.max()))
    higher = (
        round(p[is_discovery].max() * (len(harmless) + 1)) - 1
    )  # validation days at or above the lowest reported
    return float(np.sort(harmless)[::-1][higher])


def write_threshold(folder: Path, rule: Rule, threshold: float, checkpoint: str) -> None:
    """Write a threshold into a run's folder, in place of an earlier one."""
    content = _StoredThreshold(*rule, threshold, checkpoint, rule.words)._asdict()
    with atomic_file(folder / THRESHOLD_FILE) as partial:
        partial.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", "utf-8")


def read_threshold(folder: Path, checkpoint: str) -> _StoredThreshold | None:
    """Return the threshold that was chosen for scores, if there is one.

    Args:
        folder: Where the scores lie; a run's scores of other logs have the run's threshold.
        checkpoint: File name of the checkpoint that scored; another one has another scale.

    Raises:
        InputError: If the file is damaged.
    """
    path = run_of_scores(folder) / THRESHOLD_FILE
    if not path.is_file():
        return None
    message = f"{path} is damaged; choose the threshold again with `itd threshold`"
    try:
        record = _StoredThreshold(**json.loads(path.read_text("utf-8")))
        record = record._replace(value=float(record.value), threshold=float(record.threshold))
        valid = _is_valid(record)
    except (ValueError, TypeError) as error:
        raise InputError(message) from error
    if not valid:
        raise InputError(message)
    return record if record.checkpoint == checkpoint else None


def _is_valid(record: _StoredThreshold) -> bool:
    """Return whether every field of a stored threshold has its declared type."""
    fields = record._asdict()  # from a file, so their types may be wrong
    texts = all(isinstance(fields[name], str) for name in ("checkpoint", "words"))
    return texts and record.kind in get_args(_Kind) and math.isfinite(record.value + record.threshold)
