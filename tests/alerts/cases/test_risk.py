"""The risk of a user: more, newer and rarer alerts give more, and never more than 100."""

from datetime import timedelta

from itd_lightning.alerts.cases.risk import entity_risk, risk_level
from tests.alerts.cases.handmade_alerts import DAY


def test_repeats_saturate_below_100_and_order_does_not_matter() -> None:
    alerts = [(DAY - timedelta(days=age), 1e-5) for age in range(20)]
    risks = [entity_risk(alerts[:count], DAY) for count in range(1, 20)]
    assert risks == sorted(risks)
    assert risks[0] == 50
    assert risks[-1] <= 100
    assert entity_risk(alerts[::-1], DAY) == entity_risk(alerts, DAY)


def test_an_alert_counts_half_after_the_half_life_and_nothing_after_30_days_or_before_its_day() -> None:
    assert entity_risk([(DAY - timedelta(days=14), 1e-4)], DAY, half_life=14.0) == 25
    assert entity_risk([(DAY - timedelta(days=30), 1e-4)], DAY) == 0
    assert entity_risk([(DAY + timedelta(days=1), 1e-4)], DAY) == 0


def test_the_levels_have_the_names_and_limits_of_elastic() -> None:
    levels = [risk_level(risk) for risk in (0.0, 19.9, 20.0, 40.0, 70.0, 89.9, 90.0, 100.0)]
    assert levels == ["Unknown", "Unknown", "Low", "Moderate", "High", "High", "Critical", "Critical"]
