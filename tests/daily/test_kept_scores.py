"""The scores of the last weeks are kept for the pages: everybody's, by one checkpoint, without names."""

from pathlib import Path

import polars as pl

from itd_lightning.alerts.cases.store import CaseStore
from itd_lightning.contracts.run_files import SCORE_FILE
from itd_lightning.daily.deployment import read_deployment
from itd_lightning.daily.morning import run_daily
from itd_lightning.scores.table import scan_scores
from itd_lightning.serve.server import open_source
from itd_lightning.store.read import Store
from tests.daily.company import day_of, deliver_logs, write_deployment

DAY = 60


def test_a_morning_keeps_the_scores_that_pages_draw(split: Path, checkpoint: Path, tmp_path: Path) -> None:
    company = tmp_path / "company"
    file = write_deployment(company, checkpoint, pseudonyms={"key_file": "key"})
    (company / "key").write_bytes(b"0123456789abcdef0123456789abcdef")
    (company / "key").chmod(0o600)
    deliver_logs(split, company, range(20, DAY + 1))
    deployment = read_deployment(file)
    run_daily(deployment, lambda _: None)
    table = scan_scores(deployment.out / SCORE_FILE)[0].collect()
    names = set(Store(deployment.store).presence()["user"].unique())
    assert not names & set(table["user"])
    assert table["start"].dt.date().max() == day_of(DAY)
    assert table["user"].n_unique() > deployment.budget
    with CaseStore.open(deployment.cases) as cases:
        alerts = cases.alerts()
    source = open_source(str(file), None, None, texts=False)
    assert source.scores is not None
    assert alerts
    for alert in alerts:
        assert source.scores.of(alert.user, alert.day, alert.day) == {alert.day: alert.score}
    assert table.filter(pl.col("score").is_null()).is_empty()
