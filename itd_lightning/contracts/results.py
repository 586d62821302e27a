"""Results of a run: the content of ``evaluation.json`` and ``audit.json``, which reports and tables read.

A number that is not defined is None, and its reason stands under ``undefined``.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, NotRequired, TypedDict

from itd_lightning.contracts.labels import LabelPolicy

SCHEMA = 1  # of evaluation.json; raised when a field changes its meaning
Span = tuple[float, float] | None  # a 95 % interval, where there is one
Numbers = Mapping[str, Any]  # any record below, where a table or a picture looks numbers up by name


class _AreaNumbers(TypedDict):
    """Threshold-free numbers of a ranking.

    Attributes:
        pr_auc: Average precision.
        roc_auc: Area under the ROC curve.
        base_rate: Share of malicious units.
        clean_recall: Recall before the first false alarm.
        intervals: 95 % interval of each number, by its name.
    """

    pr_auc: float | None
    roc_auc: float | None
    base_rate: float | None
    clean_recall: float | None
    intervals: dict[str, Span]


class RankingNumbers(_AreaNumbers):
    """Threshold-free numbers, and the reason where they are not defined."""

    undefined: NotRequired[str]


class AlarmNumbers(TypedDict):
    """Shares of units at a threshold, if everything above it is an alarm."""

    precision: float | None
    recall: float | None
    fpr: float | None
    f1: float | None
    accuracy: float | None


class ScenarioNumbers(RankingNumbers, AlarmNumbers):
    """The malicious units of one scenario against all harmless units."""

    malicious: int
    insiders: int


class PoolNumbers(RankingNumbers):
    """Sessions or sequences, pooled in one way."""

    units: int
    scenarios: dict[str, ScenarioNumbers]


class PooledNumbers(TypedDict):
    """Coarser grains: sessions of behaviours or sequences of windows, by the way to pool; and user-days."""

    sessions: NotRequired[dict[str, PoolNumbers]]
    sequences: NotRequired[dict[str, PoolNumbers]]
    user_days: RankingNumbers


class ListNumbers(TypedDict):
    """A daily list of user-days; as ``metrics.operating.DailyList``."""

    recall: float
    precision: float
    insiders_found: int
    insiders: int
    days_until_found: float | None


class _BudgetNumbers(TypedDict):
    """Recall among a share of the highest scores, and daily lists of user-days, by budget."""

    share: dict[str, float | None]
    per_day: dict[str, ListNumbers | None]


class WarmUpNumbers(TypedDict):
    """Test units in warm-up, of users with fewer active days before than own history needs.

    Attributes:
        active_days: So many end the warm-up of a user.
        units: Number of test units in warm-up; None where the score table does not say.
        share: Of all test units.
        without: The ranking of the other test units, beside the headline over all of them.
    """

    active_days: int
    units: int | None
    share: float | None
    without: RankingNumbers


class Counts(TypedDict):
    """The test units and users that the numbers rest on."""

    units: int
    malicious: int
    users: int
    insiders: int
    validation_units: int


class Campaign(TypedDict):
    """A campaign of the answer key: its number of test units, and the best rank of one; None without any."""

    user: str
    scenario: str
    start: str
    end: str
    rank: int | None
    units: int | None


class Protocol(TypedDict):
    """Conditions of the numbers; the first fields are those of ``scores.table.About``."""

    run: str
    method: str
    view: str
    grain: str
    seed: int
    split: str
    labels: LabelPolicy
    leaks: str
    moved_days: int
    store: str
    store_fingerprint: str
    config: str
    checkpoint: str
    threshold_rule: str
    intervals: str
    pr_auc: str
    data: str
    software: dict[str, str]


class Headline(_AreaNumbers, AlarmNumbers):
    """The numbers under the run's own label policy."""

    threshold: float | None


class TestOptimal(TypedDict):
    """Recall and false positive rate at the threshold that is best on the test units themselves.

    Attributes:
        recall: Share of malicious units at or above it.
        fpr: Share of harmless ones.
        rule: How it was chosen, in words.
    """

    recall: float | None
    fpr: float | None
    rule: str


class Evaluation(Headline):
    """The content of ``evaluation.json``.

    Attributes:
        scenarios: By scenario.
        labels: By label policy.
        test_optimal: At a threshold chosen with the answers in sight, to compare with papers that do so;
            absent in files of earlier versions.
        at_prevalence: Precision, F1 and accuracy if another share of the units were malicious.
        budgets: Short lists.
        baselines: By scores that need no method.
        pooled: Coarser grains.
        counts: What the numbers rest on.
        campaigns: Of the answer key.
        protocol: How the numbers came about.
        undefined: By number, why it is not defined.
        warm_up: Units of users without much history; absent in files of versions that did not mark them.
        schema: Version of these fields; absent in files of version 0.
    """

    scenarios: dict[str, ScenarioNumbers]
    labels: dict[LabelPolicy, RankingNumbers]
    test_optimal: NotRequired[TestOptimal]
    at_prevalence: dict[str, dict[str, float | None]]
    budgets: _BudgetNumbers
    baselines: dict[str, RankingNumbers]
    pooled: PooledNumbers
    counts: Counts
    campaigns: list[Campaign]
    protocol: Protocol
    undefined: dict[str, str]
    warm_up: NotRequired[WarmUpNumbers]
    schema: NotRequired[int]


class AuditResult(NamedTuple):
    """The answer of one audit to the question whether a result could be an artefact.

    Attributes:
        name: Name of the audit, and after a colon what distinguishes several results of one audit.
        number: What was measured; each audit says what it means.
        interval: 95 % interval of the number, where it has one.
        reference: What the number is compared with.
        passed: Whether the result stands; None where the question cannot be answered.
        verdict: The answer in words.
    """

    name: str
    number: float | None
    interval: tuple[float, float] | None
    reference: float | None
    passed: bool | None
    verdict: str


def unanswered(name: str, reason: str) -> AuditResult:
    """Return the result of an audit whose question cannot be answered."""
    return AuditResult(name, None, None, None, None, f"Not answered: {reason.rstrip('.')}.")
