"""A run that is scored or trained again on a store that ends earlier; three audits share it."""

from pathlib import Path
from typing import Literal

import polars as pl
import yaml

from itd_lightning.audits.base import AuditedRun, Option
from itd_lightning.audits.hindsight import (
    ANSWERS,
    FUTURE,
    ScoreChange,
    choose_cut_off,
    compare_scores,
    earlier_units,
    judge_change,
)
from itd_lightning.callbacks.own_files import probe_folder
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.results import AuditResult, unanswered
from itd_lightning.contracts.run_files import CHECKPOINTS, TEST_CONFIG
from itd_lightning.scores.table import scan_scores
from itd_lightning.store.truncate import derive_store

_State = Literal["whole", "cut", "hidden"]  # as it is; without later days; without the later answers as well
OPTION = Option("future", default=True, help="Whether to run the future probe.")
NEEDS = f"{TEST_CONFIG} and the checkpoint that scored"
BY_TIME = "Dates"  # the split that lets nothing of a later day reach an earlier part
_SHARE = 0.1  # of the days, where a view can score a share, since its methods are slow
_ROUGH = 0.1  # standard deviations, as a root mean square: what other batches change is less


class TruncatedRun:
    """A run, scored or trained again on other stores.

    Args:
        run: The run; beside its scores lies ``scored.yaml``, the config that scored it; ``config.yaml``, if
            it is there, trains it.

    Raises:
        InputError: If the run cannot be repeated.
    """

    def __init__(self, run: AuditedRun) -> None:
        self.run, self.table = run, run.table
        self.cut = choose_cut_off(run.days)
        self.checkpoint = run.scores.parent / CHECKPOINTS / self.table.about.checkpoint
        self.folder = run.folder / "future"
        for path in (run.test_config, self.checkpoint):
            if not path.is_file():
                raise InputError(f"{path} is missing, so the run cannot be scored again")
        view = yaml.safe_load(run.test_config.read_text("utf-8"))["data"]["init_args"]
        self.batch: int | None = view.get("batch_size")  # a view may hand out all at once
        self.share = min(_SHARE, view["scored_share"] or 1.0) if "scored_share" in view else None
        self.noise = 0.0

    def store(self, state: _State) -> Path:
        """Return the store in a state, made if need be."""
        target = self.folder / f"store-{state}"
        if state == "whole":
            return self.table.store.path
        if not target.exists():
            hidden_from = self.cut.hidden_from if state == "hidden" else None
            derive_store(self.table.store.path, target, self.cut.until, hidden_from)
        return target

    def score(self, state: _State, *, fit: bool, half_batch: bool = False) -> pl.LazyFrame:
        """Return the earlier units with the run's scores on the store in a state.

        Args:
            state: See ``_State``.
            fit: Whether to train it there first.
            half_batch: Whether to score half as many units at once as the run did.

        Raises:
            InputError: If it gives none, such as with a checkpoint of an older version.
        """
        folder, store = self.folder / f"{'fit' if fit else 'test'}-{state}", self.store(state)
        rescorer, checkpoint = self.run.rescorer, self.checkpoint
        if fit:
            rescorer.retrain(self.run.fit_config, folder, store=store)
            checkpoint = folder / CHECKPOINTS / checkpoint.name
        scores = rescorer.rescore(
            checkpoint,
            folder,
            config=self.run.test_config,
            store=store,
            scored_share=self.share,
            batch_size=max(self.batch // 2, 1) if half_batch and self.batch else None,
        )
        return earlier_units(scan_scores(scores)[0], self.cut.until)

    def change(self, before: pl.LazyFrame, after: pl.LazyFrame) -> ScoreChange:
        """Return how the scores differ; under other splits than by date, parts may differ, too."""
        whole = self.table.about.split == BY_TIME and self.share is None
        return compare_scores(before, after, same_units=whole, noise=self.noise)

    @property
    def before(self) -> pl.LazyFrame:
        """Return the earlier units as the run scored them."""
        return earlier_units(self.table.rows, self.cut.until)

    def confirm(self, *, fit: bool) -> None:
        """Check that the run gives the table's scores again on the whole store, but for rounding.

        How products of numbers of 16 bits are rounded depends on what is multiplied beside them, so that
        other batches, as a shorter store has them, move a score. Twice what half as large ones do is
        tolerated.

        Raises:
            InputError: If it does not, so that other scores elsewhere say nothing.
        """
        self.noise = _ROUGH / 2
        change = self.change(self.before, self.score("whole", fit=fit, half_batch=True))
        if change.share:
            subject = "training again" if fit else "the checkpoint"
            raise InputError(
                f"{subject} on the whole store gives other scores than the table holds, by "
                f"{change.usual:.2g} standard deviations: the software changed, chance enters, or other "
                "batches round more than this probe bears"
            )
        self.noise = change.usual


def open_truncated_run(run: AuditedRun) -> TruncatedRun | InputError:
    """Return the run that can be scored again, or the error that says why it cannot.

    Raises:
        InputError: If the checkpoint is damaged, or somebody else's folder lies where the copies go.
    """
    try:
        truncated = TruncatedRun(run)
        rescorer = run.rescorer
    except InputError as error:
        return error
    rescorer.check(truncated.checkpoint)
    run.cleanup.enter_context(probe_folder(truncated.folder))
    return truncated


def rescored_results(run: AuditedRun) -> dict[str, AuditResult]:
    """Return the results ``FUTURE`` and ``ANSWERS``, which the same scores answer."""
    names = (FUTURE, ANSWERS)
    truncated = run.share(open_truncated_run)
    if isinstance(truncated, InputError):
        return {name: unanswered(name, str(truncated)) for name in names}
    try:
        return _compare_states(truncated)
    except InputError as error:
        return {name: unanswered(name, str(error)) for name in names}


def _compare_states(truncated: TruncatedRun) -> dict[str, AuditResult]:
    """Score with the checkpoint as it is: once, if nothing changes; else find out what changed it."""
    cut, before = truncated.cut, truncated.before
    hidden_scores = None if truncated.run.split_needs_campaigns else truncated.score("hidden", fit=False)
    if hidden_scores is not None and not (both := truncated.change(before, hidden_scores)).share:
        return {name: judge_change(name, both, cut) for name in (FUTURE, ANSWERS)}
    shorter = truncated.score("cut", fit=False)
    change = truncated.change(before, shorter)
    if change.share:
        truncated.confirm(fit=False)
        change = truncated.change(before, shorter)
    answers = (
        unanswered(ANSWERS, "the split needs the campaigns; the null attack asks instead")
        if hidden_scores is None
        else judge_change(ANSWERS, truncated.change(shorter, hidden_scores), cut)
    )
    return {FUTURE: judge_change(FUTURE, change, cut), ANSWERS: answers}
