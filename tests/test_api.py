"""The calls of ``import itd_lightning`` do what the commands do."""

import subprocess
import sys
from pathlib import Path

import pytest

import itd_lightning as itd

CONFIG = Path(__file__).parents[1] / "configs" / "mask_value.yaml"


def test_a_run_from_a_store_to_a_report(store: Path, tmp_path: Path) -> None:
    run = itd.fit(CONFIG, store, tmp_path / "run", settings={"trainer.max_epochs": 1})
    evaluation = itd.test(run)
    assert evaluation is not None
    assert evaluation["pr_auc"] == itd.evaluate(run)["pr_auc"]
    assert set(itd.load_scores(run)["part"]) == {"val", "test"}
    assert itd.list_alerts(run, "3")["rank"].to_list() == [1, 2, 3]
    assert {"empty units", "leavers"} <= {result.name for result in itd.audit(run, null=False, future=False)}
    assert itd.write_report(run, tmp_path / "report").stat().st_size > 10_000
    assert set(itd.predict(run)["part"]) == {"predict"}


def test_prepare_returns_the_store(release: Path, tmp_path: Path) -> None:
    store = itd.prepare(release, tmp_path / "store")
    assert isinstance(store, itd.Store)
    assert store.manifest["users"] == 24


def test_an_error_of_the_user_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(itd.InputError, match="no scores"):
        itd.load_scores(tmp_path)
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        itd.fitt  # noqa: B018


def test_importing_the_package_loads_nothing_heavy() -> None:
    program = "import sys, itd_lightning; dir(itd_lightning); print({'torch', 'polars'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"
