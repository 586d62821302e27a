"""The null attack: the same experiment, as if every campaign had happened at a quiet time of its user."""

from pathlib import Path
from typing import Any

from itd_lightning.audits.audit import LEAST_DAYS, QUIET_DAYS
from itd_lightning.contracts.errors import InputError
from itd_lightning.evaluation.evaluate import evaluate
from itd_lightning.runs.launch import train
from itd_lightning.scores.table import scan_scores


def null_attack(scores: Path) -> tuple[dict[str, Any] | None, str]:
    """Evaluate a run under the null attack, training once more where the split depends on the campaigns.

    Args:
        scores: ``scores.parquet`` of a run; beside it lies ``scored.yaml``, the config that scored it.

    Returns:
        The evaluation, or None and the reason why there is none.
    """
    _, about = scan_scores(scores)
    days = QUIET_DAYS.get(about.split, LEAST_DAYS)
    config, folder = scores.parent / "scored.yaml", scores.parent / "audit" / "null"
    try:
        # Elsewhere the parts do not depend on the key; who learned from labels is asked about quiet days.
        if about.split not in QUIET_DAYS:
            return evaluate(scores, moved_days=days), ""
        if not config.is_file():
            return None, f"{scores.parent} has no scored.yaml, so the experiment cannot be repeated"
        moved = f"--data.init_args.split.init_args.moved_days={days}"
        train(["fit", f"--config={config}", f"--trainer.default_root_dir={folder}", moved])
        train(["test", f"--ckpt_path={folder / 'checkpoints' / about.checkpoint}"])
        return evaluate(folder / "scores.parquet"), ""
    except InputError as error:
        return None, str(error)
