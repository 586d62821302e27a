"""Names of the files in a run's folder, and where they lie; no other module spells them out."""

from pathlib import Path

# Of a fit.
FIT_CONFIG = "config.yaml"  # the whole config that trained, callbacks included
HPARAMS_FILE = "hparams.yaml"  # LightningCLI's notes
METRIC_FILE = "metrics.csv"  # losses by step
COST_FILE = "cost.json"  # seconds and memory
FIT_DONE = "done"  # an empty file: the fit of a table's cell ended
CHECKPOINTS = "checkpoints"  # a folder
BEST_CHECKPOINT = "best.ckpt"
LAST_CHECKPOINT = "last.ckpt"

# Of a test.
SCORE_FILE = "scores.parquet"
TEST_CONFIG = "scored.yaml"  # the whole config that scored; often the checkpoint's, without callbacks
EXPLANATION_FILE = "explanations.parquet"
EMBEDDING_FILE = "embeddings.parquet"
PREDICT_FOLDER = "predict"  # in it, the same files of other logs

# Of an evaluation, an audit and the choice of a threshold.
EVALUATION_FILE = "evaluation.json"
AUDIT_FILE = "audit.json"
THRESHOLD_FILE = "threshold.json"

TEST_COMMAND = f"itd test --ckpt_path RUN/{CHECKPOINTS}/{BEST_CHECKPOINT}"  # for messages


def best_checkpoint(run: Path) -> Path:
    """Return the path of a run's best checkpoint."""
    return run / CHECKPOINTS / BEST_CHECKPOINT


def run_of_checkpoint(checkpoint: Path) -> Path:
    """Return the folder of the run that a checkpoint belongs to.

    Example:
        >>> run_of_checkpoint(Path("run/checkpoints/best.ckpt")).as_posix()
        'run'
    """
    folder = checkpoint.parent
    return folder.parent if folder.name == CHECKPOINTS else folder


def predict_folder(run: Path) -> Path:
    """Return the folder for a run's scores of other logs, which ``itd predict`` writes."""
    return run / PREDICT_FOLDER


def run_of_scores(folder: Path) -> Path:
    """Return the folder of the run whose scores lie in a folder: the same, or the one that it is within.

    Example:
        >>> run_of_scores(Path("run/predict")).as_posix(), run_of_scores(Path("run")).as_posix()
        ('run', 'run')
    """
    return folder.parent if folder.name == PREDICT_FOLDER else folder
