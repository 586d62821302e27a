"""Callbacks of the Trainer: checkpoints, stages, tables that a test writes, logs and progress."""

from itd_lightning.callbacks.checkpoints import AtomicCheckpointIO, Checkpoints
from itd_lightning.callbacks.dual_branch import DualBranch
from itd_lightning.callbacks.embeddings import EmbeddingWriter
from itd_lightning.callbacks.own_files import StaleFiles
from itd_lightning.callbacks.pictures import PictureWriter
from itd_lightning.callbacks.progress import QuietProgressBar
from itd_lightning.callbacks.random_state import RandomState
from itd_lightning.callbacks.run_log import RunLog
from itd_lightning.callbacks.scores import ScoreWriter
from itd_lightning.callbacks.stages import Stage, StageSchedule
from itd_lightning.callbacks.sync_buffers import SyncBuffers
from itd_lightning.callbacks.wandb_run import TrackedRun, WandbRun

__all__ = [
    "AtomicCheckpointIO",
    "Checkpoints",
    "DualBranch",
    "EmbeddingWriter",
    "PictureWriter",
    "QuietProgressBar",
    "RandomState",
    "RunLog",
    "ScoreWriter",
    "Stage",
    "StageSchedule",
    "StaleFiles",
    "SyncBuffers",
    "TrackedRun",
    "WandbRun",
]
