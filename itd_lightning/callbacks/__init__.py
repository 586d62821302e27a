"""When things happen: checkpoints, score writing, progress."""

from itd_lightning.callbacks.checkpoints import AtomicCheckpointIO, Checkpoints
from itd_lightning.callbacks.progress import QuietProgressBar
from itd_lightning.callbacks.scores import ScoreWriter

__all__ = ["AtomicCheckpointIO", "Checkpoints", "QuietProgressBar", "ScoreWriter"]
