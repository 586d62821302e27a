"""The logs of a company by day, and weights that score it; made once."""

from pathlib import Path

import pytest

from itd_lightning.cli.parser import main
from tests.daily.company import split_by_day

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture(scope="session")
def split(release: Path) -> Path:
    """Return the folder with the release's logs by day."""
    folder = release.parent / "by_day"
    split_by_day(release, folder)
    return folder


@pytest.fixture(scope="session")
def checkpoint(store: Path) -> Path:
    """Return the weights of a run of own-history z."""
    folder = store.parent / "own_history_z"
    places = [f"--data.store={store}", f"--trainer.default_root_dir={folder}"]
    dates = ["--data.split.init_args.val_from=2010-02-20", "--data.split.init_args.test_from=2010-03-01"]
    quiet = ["--trainer.enable_progress_bar=false"]
    main(["fit", f"--config={CONFIGS / 'own_history_z.yaml'}", *places, *dates, *quiet])
    return folder / "checkpoints" / "best.ckpt"
