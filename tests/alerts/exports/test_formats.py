"""Alerts for other programs: valid by the models of OCSF, whole in ECS, and harmless in a spreadsheet."""

import csv
import json
from io import StringIO
from typing import Any

import polars as pl
import pytest
from py_ocsf_models.events.findings.detection_finding import DetectionFinding

from itd_lightning.alerts.exports.formats import FORMATS, render
from itd_lightning.alerts.exports.techniques import techniques
from itd_lightning.alerts.lists import alert_days, run_alerts
from tests.alerts.cases.handmade_alerts import make_alert
from tests.handmade_runs import MakeRun


def finding(**values: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of an alert
    """Return the OCSF finding of an alert."""
    found: dict[str, Any] = json.loads(render([make_alert(**values)], "ocsf"))
    return found


@pytest.mark.parametrize("state", ["new", "acknowledged", "closed-benign", "closed-true"])
@pytest.mark.parametrize("p_value", [None, 1e-5, 0.9])
def test_a_finding_is_valid_by_the_models_of_ocsf(state: str, p_value: float | None) -> None:
    one = finding(state=state, p_value=p_value, case_id=4)
    model = DetectionFinding(**one)
    assert model.class_uid == 2004
    assert model.type_uid.value == 200400 + one["activity_id"]
    assert one["metadata"]["version"] == "1.8.0"
    assert one["is_alert"] == (not state.startswith("closed"))
    assert 0 <= one["risk_score"] <= 100


def test_a_finding_says_what_was_seen_and_what_is_usual() -> None:
    (analysis,) = finding()["anomaly_analyses"]
    assert analysis["analysis_targets"] == [{"name": "ann", "type": "User Account"}]
    (anomaly,), (baseline,) = analysis["anomalies"], analysis["baselines"]
    assert anomaly["observation_parameter"] == baseline["observation_parameter"] == "usb_copy_count"
    assert (anomaly["observations"], baseline["observations"]) == ([{"value": "7"}], [{"value": "0.25"}])
    assert anomaly["observed_pattern"] == "SURGE"
    assert "anomaly_analyses" not in finding(evidence=[])


def test_an_event_of_ecs_is_an_alert_with_user_rule_and_techniques() -> None:
    event = json.loads(render([make_alert(warm_up=True)], "ecs"))
    assert event["event"]["kind"] == "alert"
    assert event["user"]["name"] == "ann"
    assert event["rule"] == {"name": "OwnHistoryZ", "uuid": "c0ffee", "ruleset": "plant"}
    assert event["threat"]["technique"]["id"] == ["T1052"]
    assert event["threat"]["technique"]["subtechnique"]["id"] == ["T1052.001"]
    assert event["tags"] == ["warm-up"]


def test_the_same_alert_has_the_same_id_in_every_format_and_each_time() -> None:
    alert = make_alert()
    ids = {
        json.loads(render([alert], "ocsf"))["finding_info"]["uid"],
        json.loads(render([alert], "ecs"))["event"]["id"],
        json.loads(render([alert], "ndjson"))["uid"],
        json.loads(render([alert], "json"))[0]["uid"],
    }
    assert ids == {"plant/2010-03-08/ann/c0ffee"}


@pytest.mark.parametrize(
    "sign", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20", " ="]
)
def test_no_text_of_a_log_becomes_a_formula_and_numbers_stay(sign: str) -> None:
    alert = make_alert(f"{sign}cmd|x", score=-1.5, reasons=[f"{sign}1+1"], event_ids=[f"{sign}id"])
    text = render([alert], "csv")
    (row,) = csv.DictReader(StringIO(text, newline=""))
    assert row["user"] == f"'{sign}cmd|x"
    assert row["reasons"].startswith("'")
    assert row["event_ids"].startswith("'")
    assert float(row["score"]) == -1.5


def test_hostile_text_is_kept_whole_in_json() -> None:
    name = 'a"b\n</script>\u202e\x00'
    assert json.loads(render([make_alert(name)], "ndjson"))["user"] == name
    assert render([make_alert(name)], "ocsf").count("\n") == 1


@pytest.mark.parametrize(
    ("feature", "expected"),
    [
        ("usb_after_hours_count", ["T1052.001"]),
        ("file_to_removable_count", ["T1052.001"]),
        ("email_sent_external_count", ["T1048"]),
        ("http_cloud_count", ["T1567.002"]),
        ("http_upload_after_hours_count", ["T1567"]),
        ("http_hack_count", ["T1588.002"]),
        ("file_delete_count", ["T1485"]),
        ("logon_other_pc_count", ["T1078"]),
        ("all_count", []),
        ("http_job_count", []),
    ],
)
def test_a_rule_names_the_technique_of_a_feature(feature: str, expected: list[str]) -> None:
    evidence = [{"feature": feature, "seen": 3.0, "usual": 1.0}]
    assert [one.id for one in techniques(make_alert(evidence=evidence))] == expected


def test_a_feature_below_what_is_usual_names_no_technique() -> None:
    evidence = [{"feature": "usb_count", "seen": 0.0, "usual": 4.0}]
    assert techniques(make_alert(evidence=evidence)) == []


def test_the_kind_of_a_behaviour_names_its_technique() -> None:
    reasons = ["email_send boss@example.org at 09:12", "logon at 08:00"]
    assert [one.id for one in techniques(make_alert(evidence=[], reasons=reasons))] == ["T1048"]


def test_a_run_is_written_in_every_format(make_run: MakeRun) -> None:
    run = make_run()
    days, _ = alert_days(run, "3")
    alerts = run_alerts(run, days)
    for form in FORMATS:
        assert days["user"][0] in render(alerts, form)
    assert [json.loads(line)["rank"] for line in render(alerts, "ndjson").splitlines()] == [1, 2, 3]


def test_lists_of_so_many_a_day_begin_with_the_newest_day_and_may_begin_later(make_run: MakeRun) -> None:
    run = make_run()
    days, _ = alert_days(run, "2/day")
    dates = days["day"].to_list()
    assert dates == sorted(dates, reverse=True)
    middle = dates[len(dates) // 2]
    later, _ = alert_days(run, "2/day", middle)
    assert later.equals(days.filter(pl.col("day") >= middle))
    alone, _ = alert_days(run, "2/day", middle, middle)
    assert alone.equals(days.filter(pl.col("day") == middle))
