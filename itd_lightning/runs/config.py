"""The config of a run: its text, its hash, and the callback that writes it into folder and checkpoints."""

from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import Namespace
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import LightningArgumentParser, SaveConfigCallback

from itd_lightning.callbacks import TrackedRun, WandbRun
from itd_lightning.callbacks.checkpoints import load_checkpoint
from itd_lightning.callbacks.own_files import CONFIG_KEY
from itd_lightning.callbacks.wandb_run import is_tracked
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import atomic_file
from itd_lightning.contracts.run_files import FIT_CONFIG, TEST_CONFIG
from itd_lightning.store.read import Store

_TRACKED_KEY = "itd_tracked"  # of the checkpoint
STORE_KEY = "itd_store"  # of the checkpoint: the fingerprint of the store that it was trained on
_SECTIONS = ("seed_everything", "trainer", "model", "data", "checkpoint")


class SaveConfig(SaveConfigCallback):
    """Callback that writes the whole config into the run's folder and into each of its checkpoints."""

    @cached_property
    def text(self) -> str:
        """The config as YAML, which nothing changes once the run has begun."""
        return config_text(self.parser, self.config)

    @cached_property
    def store_fingerprint(self) -> str:
        """The fingerprint of the store that the config names."""
        return Store(Path(yaml.safe_load(self.text)["data"]["init_args"]["store"])).fingerprint

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write nothing yet: a fit may find nothing left to train."""

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write ``config.yaml`` when the first epoch starts."""
        if not self.already_saved:
            self.already_saved = True
            self.write(trainer, FIT_CONFIG)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write ``scored.yaml`` beside the new scores."""
        self.write(trainer, TEST_CONFIG)

    def write(self, trainer: Trainer, name: str) -> None:
        """Write the config into the run's folder, and send it to W&B."""
        if not trainer.is_global_zero:
            return
        with atomic_file(Path(trainer.default_root_dir) / name) as partial:
            partial.write_text(self.text, "utf-8")
        for logger in wandb_runs(trainer.loggers):
            logger.log_config(yaml.safe_load(self.text), self.store_fingerprint)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Store the config in the checkpoint, so that ``itd test --ckpt_path X`` needs nothing else.

        The store's fingerprint tells whether a later test is on the same store.
        """
        checkpoint[CONFIG_KEY], checkpoint[STORE_KEY] = self.text, self.store_fingerprint
        for logger in wandb_runs(trainer.loggers):
            checkpoint[_TRACKED_KEY] = logger.tracked_run._asdict()


def config_text(parser: LightningArgumentParser, config: Namespace) -> str:
    """Return the resolved config as YAML, without the options of one command only."""
    whole = yaml.safe_load(parser.dump(config, skip_none=False))
    whole["data"]["init_args"]["store"] = str(Path(whole["data"]["init_args"]["store"]).resolve())
    return yaml.safe_dump({name: whole[name] for name in _SECTIONS if name in whole}, sort_keys=False)


def config_hash(text: str) -> str:
    """Return the hash of a config without its paths: equal experiments have equal hashes."""
    whole = yaml.safe_load(text)
    whole["trainer"].pop("default_root_dir", None)
    for name in ("store", "num_workers", "build_workers", "executor"):  # none of them changes a score
        whole["data"]["init_args"].pop(name, None)
    return blake2b(yaml.safe_dump(whole).encode(), digest_size=8).hexdigest()


def wandb_runs(loggers: list[Any]) -> list[WandbRun]:
    """Return the loggers that track on W&B."""
    return [logger for logger in loggers if isinstance(logger, WandbRun)]


def find_tracked_run(checkpoint: Path) -> TrackedRun | None:
    """Return the W&B run of the fit that wrote a checkpoint; None if it was not tracked.

    Raises:
        InputError: If the checkpoint is no checkpoint, or says it in other words.
    """
    record = load_checkpoint(checkpoint).get(_TRACKED_KEY)
    if record is None:
        return None
    try:
        run = TrackedRun(**record)
    except TypeError as error:
        raise InputError(f"{checkpoint} does not say where its run is tracked") from error
    if not is_tracked(run):
        raise InputError(f"{checkpoint} does not say where its run is tracked")
    return run
