"""What scores that need no method say about a run, and how high any could get."""

from pathlib import Path

import numpy as np
import pytest

from itd_lightning.evaluation.evaluate import evaluate
from itd_lightning.evaluation.score_table import label_test_units
from tests.metrics.test_ranking import literal


def test_by_interval_labels_an_oracle_of_malicious_events_is_the_ceiling(run: Path) -> None:
    by_interval, by_event = (
        label_test_units(run / "scores.parquet", labels=labels) for labels in ("interval", "event")
    )
    holds_event, malicious = by_event["malicious"].to_numpy(), by_interval["malicious"].to_numpy()
    chance = np.random.default_rng(0).random(len(malicious))
    expected = literal(holds_event + chance, malicious, np.ones(len(malicious)))
    oracle = evaluate(run / "scores.parquet", labels="interval")["baselines"]["oracle"]
    assert oracle["pr_auc"] == pytest.approx(expected[0])
    assert holds_event.sum() < malicious.sum()
    assert holds_event.sum() / malicious.sum() < expected[0] < 1


def test_by_event_labels_no_ceiling_is_needed(run: Path) -> None:
    assert "oracle" not in evaluate(run / "scores.parquet", labels="event")["baselines"]
