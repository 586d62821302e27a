"""The future probe: score a run again on a store that ends earlier, and train it there where asked to."""

from pathlib import Path
from typing import Literal

import polars as pl
import yaml

from itd_lightning.audits.audit import QUIET_DAYS
from itd_lightning.audits.base import Audit, unanswered
from itd_lightning.audits.hindsight import (
    ANSWERS,
    FUTURE,
    TRAINING,
    Moved,
    compared,
    earlier,
    judged,
    where_to_cut,
)
from itd_lightning.callbacks.checkpoints import load_checkpoint
from itd_lightning.callbacks.own_files import probe_folder
from itd_lightning.contracts.errors import InputError
from itd_lightning.evaluation.score_table import ScoreTable
from itd_lightning.runs.launch import train
from itd_lightning.scores.table import scan_scores
from itd_lightning.store.truncate import derive_store

State = Literal["whole", "cut", "hidden"]  # as it is; without later days; without the later answers as well
BY_TIME = "Dates"  # the split that lets nothing of a later day reach an earlier part
SHARE = 0.1  # of the days, where a view can score a share, since its methods are slow
ROUGH = 0.1  # standard deviations, as a root mean square: what other batches change is less


class Again:
    """A run, scored or trained again on other stores.

    Args:
        scores: Its ``scores.parquet``; beside it lies ``scored.yaml``, the config that scored it.

    Raises:
        InputError: If the run cannot be repeated, or its store has no key.
    """

    def __init__(self, scores: Path) -> None:
        self.table = ScoreTable(scores)
        self.cut = where_to_cut(self.table)
        self.config = scores.parent / "scored.yaml"
        self.checkpoint = scores.parent / "checkpoints" / self.table.about.checkpoint
        self.folder = scores.parent / "audit" / "future"
        self.keyed = self.table.about.split in QUIET_DAYS  # the split needs the answers
        for path in (self.config, self.checkpoint):
            if not path.is_file():
                raise InputError(f"{path} is missing, so the run cannot be scored again")
        view = yaml.safe_load(self.config.read_text("utf-8"))["data"]["init_args"]
        self.batch: int | None = view.get("batch_size")  # a view may hand out all at once
        self.share = min(SHARE, view["scored_share"] or 1.0) if "scored_share" in view else None
        self.noise = 0.0

    def store(self, state: State) -> Path:
        """The store in a state."""
        target = self.folder / f"store-{state}"
        if state == "whole":
            return self.table.store.path
        if not target.exists():
            hidden_from = self.cut.hidden_from if state == "hidden" else None
            derive_store(self.table.store.path, target, self.cut.until, hidden_from)
        return target

    def on(self, state: State, *, fit: bool, halved: bool = False) -> pl.LazyFrame:
        """The earlier units with the scores that the run gives them on the store in a state.

        Args:
            state: See ``State``.
            fit: Whether to train it there first.
            halved: Whether to score half as many units at once as the run did.

        Raises:
            InputError: If it gives none, such as with a checkpoint of an older version.
        """
        run, store = self.folder / f"{'fit' if fit else 'test'}-{state}", self.store(state)
        where = [f"--data.store={store}", f"--trainer.default_root_dir={run}", "--trainer.logger=false"]
        checkpoint = self.checkpoint
        if fit:
            train(["fit", "--config", str(self.config), *where])
            checkpoint = run / "checkpoints" / checkpoint.name
        share = [] if self.share is None else [f"--data.scored_share={self.share}"]
        size = [f"--data.batch_size={max(self.batch // 2, 1)}"] if halved and self.batch else []
        try:
            train(["test", "--config", str(self.config), f"--ckpt_path={checkpoint}", *where, *share, *size])
        except (RuntimeError, KeyError) as error:  # of weights or a view's state that this code does not know
            first = f"{type(error).__name__}: {error}".splitlines()[0]
            raise InputError(f"{checkpoint} cannot be scored by this version: {first}") from error
        return earlier(scan_scores(run / "scores.parquet")[0], self.cut.until)

    def moved(self, before: pl.LazyFrame, after: pl.LazyFrame) -> Moved:
        """How the scores differ; under other splits than by date, parts may differ, too."""
        whole = self.table.about.split == BY_TIME and self.share is None
        return compared(before, after, same_units=whole, noise=self.noise)

    @property
    def before(self) -> pl.LazyFrame:
        """The earlier units as the run scored them."""
        return earlier(self.table.rows, self.cut.until)

    def confirm(self, *, fit: bool) -> None:
        """Check that the run gives the table's scores again on the whole store, but for rounding.

        How products of numbers of 16 bits are rounded depends on what is multiplied beside them, so that
        other batches, as a shorter store has them, move a score. Twice what half as large ones do is
        tolerated.

        Raises:
            InputError: If it does not, so that other scores elsewhere say nothing.
        """
        self.noise = ROUGH / 2
        again = self.moved(self.before, self.on("whole", fit=fit, halved=True))
        if again.share:
            what = "training again" if fit else "the checkpoint"
            raise InputError(
                f"{what} on the whole store gives other scores than the table holds, by "
                f"{again.usual:.2g} standard deviations: the software changed, chance enters, or other "
                "batches round more than this probe bears"
            )
        self.noise = again.usual


def probe_future(scores: Path, *, retrain: bool = False) -> list[Audit]:
    """Ask whether later days, or answers, change the scores of earlier days.

    Args:
        scores: ``scores.parquet`` of a run.
        retrain: Whether to train again as well, which finds what entered then.

    Raises:
        InputError: If the checkpoint is damaged, or somebody else's folder lies where the probe works; where
            there is no checkpoint, the questions stay open.
    """
    names = [FUTURE, ANSWERS, *([TRAINING] if retrain else [])]
    try:
        again = Again(scores)
    except InputError as error:
        return [unanswered(name, str(error)) for name in names]
    load_checkpoint(again.checkpoint)
    with probe_folder(again.folder):
        audits = probe_scoring(again)
        return [*audits, probe_training(again)] if retrain else audits


def probe_scoring(again: Again) -> list[Audit]:
    """Score with the checkpoint as it is: once, if nothing moves; else find out what moved it."""
    by_null = unanswered(ANSWERS, "the split needs the campaigns; the null attack asks instead")
    try:
        hidden = None if again.keyed else again.on("hidden", fit=False)
        if hidden is not None and not (both := again.moved(again.before, hidden)).share:
            return [judged(name, both, again.cut) for name in (FUTURE, ANSWERS)]
        cut = again.on("cut", fit=False)
        moved = again.moved(again.before, cut)
        if moved.share:
            again.confirm(fit=False)
            moved = again.moved(again.before, cut)
    except InputError as error:
        return [unanswered(name, str(error)) for name in (FUTURE, ANSWERS)]
    answers = by_null if hidden is None else judged(ANSWERS, again.moved(cut, hidden), again.cut)
    return [judged(FUTURE, moved, again.cut), answers]


def probe_training(again: Again) -> Audit:
    """Train anew as if it were earlier: the scores of the earlier days must be the same."""
    about = again.table.about
    try:
        after = again.on("cut" if again.keyed else "hidden", fit=True)
        moved = again.moved(again.before, after)
        if moved.share and about.split == BY_TIME:
            again.confirm(fit=True)
            moved = again.moved(again.before, after)
    except InputError as error:
        return unanswered(TRAINING, str(error))
    return judged(TRAINING, moved, again.cut, "" if about.split == BY_TIME else about.leaks)
