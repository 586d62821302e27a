"""Mornings: repeated, late or out of order, they end in the same state, and nothing is twice or lost."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from itd_lightning.alerts.cases.store import CaseStore
from itd_lightning.cli.parser import main
from itd_lightning.contracts.files import lock_folder
from itd_lightning.daily.deployment import read_deployment
from itd_lightning.daily.morning import run_daily
from itd_lightning.store.read import Store
from tests.daily.company import day_of, deliver_logs, state_of, write_deployment

START = 60  # day of the first morning


@pytest.fixture
def company(split: Path, checkpoint: Path, tmp_path: Path) -> Path:
    """Return a company before its first morning, with the logs of the days before."""
    folder = tmp_path / "company"
    write_deployment(folder, checkpoint, exports=[{"format": "csv"}])
    deliver_logs(split, folder, range(START + 1))
    return folder


def morning(company: Path, **options: Any) -> list[str]:  # noqa: ANN401 - of run_daily
    """Run one morning; return its output."""
    lines: list[str] = []
    run_daily(read_deployment(company / "plant.yaml"), lines.append, **options)
    return lines


@pytest.mark.slow
def test_late_repeated_and_punctual_mornings_end_in_the_same_state(
    split: Path, checkpoint: Path, company: Path, tmp_path: Path
) -> None:
    late = tmp_path / "late"
    write_deployment(late, checkpoint, exports=[{"format": "csv"}])
    deliver_logs(split, late, range(START + 1))
    for number in range(START, START + 4):
        deliver_logs(split, company, [number])
        morning(company)
        morning(company)
    morning(late)
    deliver_logs(split, late, range(START + 1, START + 4))
    lines = morning(late)
    assert state_of(late) == state_of(company)
    assert [line[:10] for line in lines[2:]] == [str(day_of(START + n)) for n in (1, 2, 3)]
    with CaseStore.open(company / "cases.sqlite") as cases:
        assert len(cases.days()) == 4
        assert {run.outcome for run in cases.runs()} == {"done"}
        assert len(cases.alerts()) == sum(day.alerts for day in cases.days()) > 0


def test_the_first_line_tells_warm_up_and_drift(company: Path) -> None:
    first = morning(company)[0]
    assert first.startswith(f"plant {day_of(START)}: ")
    assert "users in warm-up; drift: " in first


def test_a_shadow_morning_scores_and_alerts_nobody(company: Path) -> None:
    morning(company, shadow=True)
    with CaseStore.open(company / "cases.sqlite") as cases:
        assert cases.alerts() == []
        assert [(day.shadow, day.alerts) for day in cases.days()] == [(True, 0)]
    file = company / "daily" / "shadow" / f"{day_of(START)}.ndjson"
    assert [json.loads(line)["rank"] for line in file.read_text().splitlines()] == [1, 2, 3]


def test_the_last_day_to_score_may_be_named(company: Path) -> None:
    morning(company, until=day_of(START - 2))
    morning(company, until=day_of(START - 1))
    with CaseStore.open(company / "cases.sqlite") as cases:
        assert [day.day for day in cases.days()] == [day_of(START - 1), day_of(START - 2)]


@pytest.mark.slow
def test_events_alerts_and_files_beyond_the_retention_are_gone(split: Path, company: Path) -> None:
    keys = {"horizon": 30, "retention": 30, "exports": [{"format": "csv"}]}
    write_deployment(company, read_deployment(company / "plant.yaml").checkpoints[0], **keys)
    morning(company)
    first = Store(company / "store").manifest["first"][:10]
    assert first == str(day_of(START - 29))
    deliver_logs(split, company, range(START + 1, START + 35))
    morning(company, until=day_of(START + 1))
    with CaseStore.open(company / "cases.sqlite") as cases:
        cases.add_day(cases.days(limit=1)[0]._replace(day=day_of(START + 33)), [])
    morning(company)
    with CaseStore.open(company / "cases.sqlite") as cases:
        assert {alert.day for alert in cases.alerts()} == {day_of(START + 34)}
    old = str(day_of(START))
    assert [path for path in company.rglob("*") if old in path.name and "logs" not in path.parts] == []
    assert Store(company / "store").manifest["first"][:10] == str(day_of(START + 5))


def test_two_checkpoints_are_fused(company: Path, checkpoint: Path) -> None:
    write_deployment(company, checkpoint, checkpoints=[str(checkpoint), str(checkpoint)])
    morning(company)
    with CaseStore.open(company / "cases.sqlite") as cases:
        alerts = cases.alerts()
    assert {alert.method for alert in alerts} == {"OwnHistoryZ + OwnHistoryZ"}
    assert all(alert.reasons and alert.evidence and alert.p_value for alert in alerts)


def test_a_second_run_at_the_same_time_ends_with_status_3(
    company: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with lock_folder(company / "daily", wait=False), pytest.raises(SystemExit) as stop:
        main(["daily", str(company / "plant.yaml")])
    assert stop.value.code == 3
    assert capsys.readouterr().err.startswith("itd: another run of plant is under way")


def test_a_failed_morning_is_in_the_log_of_runs_and_the_next_one_goes_on(
    company: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as context:
        context.setattr("itd_lightning.daily.morning.score_day", lambda *_, **__: 1 / 0)
        with pytest.raises(SystemExit) as stop:
            main(["daily", str(company / "plant.yaml")])
        assert stop.value.code == 1
    main(["daily", str(company / "plant.yaml")])
    assert f"{day_of(START)}: " in capsys.readouterr().out
    with CaseStore.open(company / "cases.sqlite") as cases:
        assert [run.outcome for run in cases.runs()] == ["done", "failed"]


@pytest.mark.slow
def test_what_a_morning_writes_is_its_owners_alone_whatever_the_umask(company: Path) -> None:
    before = os.umask(0)
    try:
        morning(company)
        morning(company)
    finally:
        os.umask(before)
    made = [
        company / "cases.sqlite",
        *(path for name in ("store", "daily") for path in [company / name, *(company / name).rglob("*")]),
    ]
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in made}
    assert len(modes) > 20
    assert [path for path, mode in modes.items() if mode != (0o700 if path.is_dir() else 0o600)] == []
