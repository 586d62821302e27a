"""Every shipped config runs: one batch of training, validation, test and prediction."""

from pathlib import Path

import pytest

from itd_lightning.cli import main

CONFIGS = Path(__file__).parents[1] / "configs"


@pytest.mark.parametrize("name", ["itd", "lightning"])
@pytest.mark.parametrize("config", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_config_trains(name: str, config: Path, store: Path, tmp_path: Path) -> None:
    main(
        [
            "fit",
            f"--config={config}",
            f"--data.store={store}",
            "--trainer.fast_dev_run=true",
            f"--trainer.default_root_dir={tmp_path / name}",
        ]
    )
