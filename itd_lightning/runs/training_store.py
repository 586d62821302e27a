"""Tells whether a checkpoint scored another store than it was trained on, for the command line."""

from pathlib import Path
from typing import Any

import polars as pl
import yaml

from itd_lightning.callbacks.checkpoints import load_checkpoint
from itd_lightning.callbacks.own_files import CONFIG_KEY
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.parts import TEST_PARTS
from itd_lightning.runs.checkpoint_config import safe_config
from itd_lightning.runs.config import STORE_KEY
from itd_lightning.scores.table import scan_scores
from itd_lightning.store.read import Store


def other_store_remark(checkpoint: Path, scores: Path) -> str:
    """Return how many scored users the training store does not hold, in a line; '' if the store is the same.

    A checkpoint names the fingerprint and the place of its training store. Its users are looked up there, as
    far as it still is what it was.

    Args:
        checkpoint: What scored. One of an older version does not name the fingerprint: nothing is said.
        scores: The score table; users of test units are counted.
    """
    content, (rows, about) = load_checkpoint(checkpoint), scan_scores(scores)
    trained = content.get(STORE_KEY)
    if trained in (None, about.store_fingerprint):
        return ""
    scored = rows.filter(pl.col("part").is_in(TEST_PARTS)).select(pl.col("user").unique()).collect()["user"]
    known = _training_users(checkpoint, content)
    if known is None:
        others = (
            f"{len(scored):,} users; the training store is gone or has changed, so who is new is not known"
        )
    else:
        new = int((~scored.is_in(known.implode())).sum())
        others = f"{new:,} of {len(scored):,} users are not in the training store"
    return f"scored on another store than it was trained on: {others}"


def _training_users(checkpoint: Path, content: dict[str, Any]) -> pl.Series | None:
    """Return the users of the training store; None where it is gone, or has changed since."""
    try:
        config = yaml.safe_load(safe_config(checkpoint, content.get(CONFIG_KEY)))
        store = Store(Path(config["data"]["init_args"]["store"]))
        return store.presence()["user"].unique() if store.fingerprint == content[STORE_KEY] else None
    except (InputError, OSError, KeyError, TypeError, pl.exceptions.PolarsError):
        return None
