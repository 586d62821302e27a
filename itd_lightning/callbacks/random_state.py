"""Keeps random streams in checkpoints, so that a resumed run draws the same numbers as one without a stop."""

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer


class RandomState(Callback):
    """Keep the state of torch's random streams in the checkpoint."""

    def __init__(self) -> None:
        self.loaded: dict[str, Any] = {}

    def state_dict(self) -> dict[str, Any]:
        """Return the states of the streams."""
        return {"cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Remember the states until the first batch."""
        self.loaded = state_dict

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore the streams; on another number of devices the devices' own begin afresh."""
        if not self.loaded:
            return
        torch.set_rng_state(self.loaded["cpu"].cpu())
        if len(self.loaded["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all([state.cpu() for state in self.loaded["cuda"]])
