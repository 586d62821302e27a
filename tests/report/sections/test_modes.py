"""What the pictures of counts and modes promise."""

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from itd_lightning.cli.parser import main
from itd_lightning.contracts.pictures import MODE_FILE, MODES
from itd_lightning.report.page import write_report
from itd_lightning.report.runs import read_runs
from itd_lightning.report.sections.modes import Modes, decomposition
from itd_lightning.store.read import Store
from itd_lightning.views.signals.features import CHANNELS, daily_counts, every_day, scale_counts

CONFIG = Path(__file__).parents[3] / "configs" / "log2sig.yaml"


@pytest.fixture(scope="module")
def log2sig(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of Log2Sig on the small slice, hardly trained, tested."""
    folder = tmp_path_factory.mktemp("log2sig") / "run"
    main(
        [
            "fit",
            f"--config={CONFIG}",
            f"--data.store={store}",
            f"--trainer.default_root_dir={folder}",
            "--trainer.max_epochs=1",
            "--trainer.limit_train_batches=1",
            "--data.split.val_from=2010-02-20",
            "--data.split.test_from=2010-03-01",
            "--data.days=30",
            "--data.modes=2",
        ]
    )
    main(["test", f"--ckpt_path={folder / 'checkpoints' / 'best.ckpt'}"])
    return folder


def test_counts_and_each_mode_of_the_highest_scorer_are_drawn(log2sig: Path, tmp_path: Path) -> None:
    (run,) = read_runs([log2sig])
    figure = decomposition(run)
    best = run.test_units.sort("score", descending=True)["user"][0]
    assert best in figure.caption
    assert "the days up to then" in figure.caption
    assert [panel.title for panel in figure.panels] == [
        f"{channel}: {kind}" for kind in ("counts", "mode 1", "mode 2") for channel in ("http", "email")
    ]
    assert "mode 2" in write_report([log2sig], tmp_path).read_text("utf-8")


def test_a_users_campaign_is_shaded(log2sig: Path) -> None:
    (run,) = read_runs([log2sig])
    users = set(pl.read_parquet(log2sig / MODE_FILE)["user"])
    insider = next(row["user"] for row in run.evaluation["campaigns"] if row["user"] in users)
    assert len(decomposition(run, insider).panels[0].figure.layout.shapes) == 1


def test_counts_are_on_the_scale_that_scored(log2sig: Path, store: Path) -> None:
    written = pl.read_parquet(log2sig / MODE_FILE)
    assert MODES.items() <= written.schema.items()
    user = written["user"][0]
    counts, *modes = (
        part.select(CHANNELS).to_numpy() for part in written.filter(user=user).partition_by("mode")
    )
    rows = pl.concat(pl.read_parquet(shard) for shard in Store(store).shards).filter(user=user)
    days = every_day(daily_counts(rows))
    from torch import load

    fitted = load(log2sig / "checkpoints" / "best.ckpt", weights_only=True)["Signals"]["usual"]
    assert np.array_equal(counts, scale_counts(days, pl.DataFrame(fitted), "own_median", 60))
    assert np.square(counts - sum(modes)).sum() < np.square(counts).sum()


def test_what_is_missing_is_said(log2sig: Path, tmp_path: Path) -> None:
    (run,) = read_runs([log2sig])
    assert decomposition(run, "nobody").reason.startswith("nothing to draw was written of nobody, but of ")
    assert not Modes().applies([run._replace(about=run.about._replace(view="days"))])
    copy = shutil.copytree(log2sig, tmp_path / "copy")
    (copy / "scored.yaml").write_text("a: [", "utf-8")
    (bare,) = read_runs([copy])
    assert "days up to then" not in decomposition(bare).caption
    (copy / MODE_FILE).unlink()
    assert decomposition(bare).reason == "the run's folder has no modes.parquet, which `itd test` writes"
