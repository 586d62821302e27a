"""When things happen: checkpoints, score writing, progress."""

from itd_lightning.callbacks.checkpoints import AtomicCheckpointIO as AtomicCheckpointIO
from itd_lightning.callbacks.checkpoints import Checkpoints as Checkpoints
from itd_lightning.callbacks.dual_branch import DualBranch as DualBranch
from itd_lightning.callbacks.embeddings import EmbeddingWriter as EmbeddingWriter
from itd_lightning.callbacks.own_files import NewScores as NewScores
from itd_lightning.callbacks.pictures import PictureWriter as PictureWriter
from itd_lightning.callbacks.progress import QuietProgressBar as QuietProgressBar
from itd_lightning.callbacks.random_state import RandomState as RandomState
from itd_lightning.callbacks.run_log import RunLog as RunLog
from itd_lightning.callbacks.same_buffers import SameBuffers as SameBuffers
from itd_lightning.callbacks.scores import ScoreWriter as ScoreWriter
from itd_lightning.callbacks.stages import Stage as Stage
from itd_lightning.callbacks.stages import StageSchedule as StageSchedule
from itd_lightning.callbacks.wandb_run import Tracked as Tracked
from itd_lightning.callbacks.wandb_run import WandbRun as WandbRun
