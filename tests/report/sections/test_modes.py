"""What the picture of a decomposition promises."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from itd_lightning.cli.parser import main
from itd_lightning.report.page import write_report
from itd_lightning.report.runs import read_runs
from itd_lightning.report.sections.modes import decomposition, told

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
    found = decomposition(run)
    best = run.tested.sort("score", descending=True)["user"][0]
    assert best in found.caption
    assert "the days up to then" in found.caption
    assert [panel.title for panel in found.panels] == [
        f"{channel}: {what}" for what in ("counts", "mode 1", "mode 2") for channel in ("http", "email")
    ]
    assert "mode 2" in write_report([log2sig], tmp_path).read_text("utf-8")


def test_a_users_campaign_is_shaded_and_modes_sum_to_most_of_the_signal(log2sig: Path) -> None:
    (run,) = read_runs([log2sig])
    insider = run.evaluation["campaigns"][0]["user"]
    assert len(decomposition(run, insider).panels[0].figure.layout.shapes) == 1
    whole = told(run._replace(settings=run.settings | {"window": "whole"}), insider).signals
    rest = whole[:, 0] - whole[:, 1:].sum(1)
    assert np.square(rest).sum() < np.square(whole[:, 0]).sum()
    assert not np.array_equal(whole, told(run, insider).signals)


def test_what_is_missing_is_said(log2sig: Path, tmp_path: Path) -> None:
    (run,) = read_runs([log2sig])
    assert decomposition(run, "nobody").missing == "no events of nobody to decompose"
    assert decomposition(run._replace(about=run.about._replace(view="days"))).panels == []
    copy = shutil.copytree(log2sig, tmp_path / "copy")
    for text in (None, "a: [", "data: 3", "data: {init_args: []}"):
        (copy / "scored.yaml").unlink(missing_ok=True)
        if text is not None:
            (copy / "scored.yaml").write_text(text, "utf-8")
        (bare,) = read_runs([copy])
        assert "scored.yaml is not at hand" in decomposition(bare).missing
