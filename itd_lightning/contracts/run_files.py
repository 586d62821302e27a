"""Names of the files in a run's folder; no other module spells them out."""

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

# Of an evaluation, an audit and the choice of a threshold.
EVALUATION_FILE = "evaluation.json"
AUDIT_FILE = "audit.json"
THRESHOLD_FILE = "threshold.json"

TEST_COMMAND = f"itd test --ckpt_path RUN/{CHECKPOINTS}/{BEST_CHECKPOINT}"  # for messages
