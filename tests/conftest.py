"""One small synthetic CERT slice for the whole session, its store, and one run on it."""

from datetime import date
from pathlib import Path

import pytest

# What is heavy is imported where it is used: the process that hands out the tests reads this file, too.
CONFIGS = Path(__file__).parents[1] / "configs"


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Two threads spin against each other where the machine is busy, and tiny models need none."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def small_llama(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the folder of a random Llama of 50,000 weights, with its tokenizer."""
    from tests.language_models import save_small_llama

    return str(save_small_llama(tmp_path_factory.mktemp("backbones") / "small_llama"))


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a synthetic r4.2 of 24 users and 98 days with six insiders."""
    from itd_lightning.synth import write_release

    folder = tmp_path_factory.mktemp("slice") / "release"
    write_release(folder, users=24, days=98, seed=3, start=date(2010, 1, 2), insiders=0.25)
    return folder


@pytest.fixture(scope="session")
def store(release: Path) -> Path:
    """Return the event store of the slice."""
    from itd_lightning.ingest import build_store

    folder = release.parent / "store"
    build_store([release], folder, shards=4)
    return folder


@pytest.fixture(scope="session")
def run(store: Path) -> Path:
    """Return a run of the mask/value autoencoder: two epochs, tested. Tests must not write into it."""
    from itd_lightning.cli.parser import main

    folder = store.parent / "run"
    overrides = [f"--data.store={store}", f"--trainer.default_root_dir={folder}", "--trainer.max_epochs=2"]
    main(["fit", f"--config={CONFIGS / 'mask_value.yaml'}", *overrides])
    main(["test", f"--ckpt_path={folder / 'checkpoints' / 'best.ckpt'}"])
    return folder
