"""What the null attack promises."""

from typing import cast

import pytest

from itd_lightning.audits.null_attack import judge_null
from itd_lightning.contracts.results import Evaluation


def result(pr_auc: float | None, low: float = 0.0, high: float = 1.0, base: float = 0.1) -> Evaluation:
    """Return as much of an evaluation as the null attack reads."""
    numbers = {
        "pr_auc": pr_auc,
        "base_rate": base,
        "intervals": {"pr_auc": (low, high)},
        "undefined": {"pr_auc": "no unit is malicious"},
    }
    return cast("Evaluation", numbers)


@pytest.mark.parametrize(
    ("null", "passed", "words"),
    [
        (result(0.54, 0.40, 0.70), False, "Does NOT fall to chance"),
        (result(0.12, 0.08, 0.20), True, "Falls to chance"),
        (result(0.30, 0.05, 0.60), None, "Not settled"),
        (result(None), None, "Not answered: no unit is malicious"),
        (None, None, "Not answered: left out"),
    ],
)
def test_the_null_attack_fails_what_finds_an_attack_where_there_is_none(
    null: Evaluation | None, passed: bool | None, words: str
) -> None:
    audit = judge_null(result(0.7), null, "left out")
    assert audit.passed is passed
    assert words in audit.verdict
