"""Keeps a method's buffers equal on all devices of a training."""

from lightning.pytorch import Callback, LightningModule, Trainer


class SyncBuffers(Callback):
    """Give every device the first one's buffers, such as moving averages, before they are used or saved.

    DDP does so before each training batch only, and what follows the last batch differs.
    """

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Share the buffers, so that all devices validate the same method."""
        if trainer.training or trainer.validating:
            _share_buffers(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Share the buffers, so that all devices go on with the same method."""
        _share_buffers(trainer, pl_module)


def _share_buffers(trainer: Trainer, method: LightningModule) -> None:
    """Copy the first rank's buffers to all ranks."""
    if trainer.world_size == 1:
        return
    buffers = trainer.strategy.broadcast({name: value.cpu() for name, value in method.named_buffers()})
    for name, value in method.named_buffers():
        value.copy_(buffers[name])
