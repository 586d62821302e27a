"""Audit of a run: run every audit, and write ``audit.json``."""

from collections.abc import Mapping
from pathlib import Path

from itd_lightning.audits import AuditedRun, check_options, run_audits
from itd_lightning.callbacks.own_files import refuse_foreign_files
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import lock_folder
from itd_lightning.contracts.results import AuditResult
from itd_lightning.contracts.run_files import AUDIT_FILE
from itd_lightning.evaluation.evaluate import evaluate, write_json
from itd_lightning.runs.folder import score_file
from itd_lightning.runs.rescore import LightningRescorer


def audit_run(run: Path, options: Mapping[str, bool]) -> list[AuditResult]:
    """Run the audits of a run, write ``audit.json`` into its folder, and return the results.

    Args:
        run: Folder of a run that was fitted and tested.
        options: Flags of the audits by name; an absent one has its default.

    Raises:
        InputError: If flags contradict one another, the run lacks its scores, or another program works there.
    """
    check_options(options)
    scores = score_file(run)
    refuse_foreign_files(scores.parent, (AUDIT_FILE,))
    evaluation = evaluate(scores)
    try:
        with (
            lock_folder(scores.parent, wait=False),
            AuditedRun(scores, evaluation, options=options, rescorer=LightningRescorer()) as audited,
        ):
            results = run_audits(audited)
            content = {"audits": [result._asdict() for result in results], **audited.details}
            write_json(scores.parent / AUDIT_FILE, content)
    except BlockingIOError as error:
        raise InputError(f"another program is at work in {scores.parent}; wait for it") from error
    return results
