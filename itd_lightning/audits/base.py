"""The contract of an audit, the run that audits share, and the protocol by which a run is trained again."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import polars as pl

from itd_lightning.audits.user_days import label_quiet_days
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.results import AuditResult, Evaluation, unanswered
from itd_lightning.contracts.run_files import FIT_CONFIG, TEST_CONFIG
from itd_lightning.evaluation.score_table import ScoreTable

_CAMPAIGN_SPLITS = ("Campaigns",)  # splits whose parts depend on when the campaigns happened
T = TypeVar("T")


class Option(NamedTuple):
    """A flag of ``itd audit`` that turns audits on or off.

    Attributes:
        name: The flag without its dashes.
        default: Whether its audits run by default.
        help: One sentence for ``--help``.
        part_of: Another flag that must be on as well; empty for none.
    """

    name: str
    default: bool
    help: str
    part_of: str = ""


@runtime_checkable
class Rescorer(Protocol):
    """Training and scoring of a run once more; ``runs.rescore`` does it with Lightning."""

    def check(self, checkpoint: Path) -> None:
        """Refuse a damaged checkpoint.

        Raises:
            InputError: If it is damaged.
        """

    def retrain(
        self, config: Path, folder: Path, *, store: Path | None = None, moved_days: int | None = None
    ) -> None:
        """Train by a config into another folder.

        Args:
            config: Whole config of the run.
            folder: Folder of the new run.
            store: Event store to train on; default: the config's.
            moved_days: Days by which the split moves the campaigns; default: the config's.

        Raises:
            InputError: If it cannot be trained.
        """

    def rescore(
        self,
        checkpoint: Path,
        folder: Path,
        *,
        config: Path | None = None,
        store: Path | None = None,
        scored_share: float | None = None,
        batch_size: int | None = None,
    ) -> Path:
        """Score the test part with a checkpoint; return the path of the score table.

        Args:
            checkpoint: Weights.
            folder: Folder to write the scores into.
            config: Whole config; default: the one that the checkpoint carries.
            store: Event store to score; default: the config's.
            scored_share: Share of the units that is scored; default: the config's.
            batch_size: Units at once; default: the config's.

        Raises:
            InputError: If the checkpoint or the config does not fit.
        """


class AuditedRun:
    """A run under audit, and what its audits share. A context manager: at its end, copies are removed.

    Args:
        scores: ``scores.parquet`` of a run that was tested.
        evaluation: Its ``evaluation.json``.
        store: Event store with the answer key; default: the one that the scores name.
        options: Flags of ``itd audit`` by name; those that are absent have their default.
        rescorer: Trains and scores again; without it, audits that need it stay open.

    Raises:
        InputError: If there are no scores, no store, no key, or the store is another one.
    """

    def __init__(
        self,
        scores: Path,
        evaluation: Evaluation,
        *,
        store: Path | None = None,
        options: Mapping[str, bool] | None = None,
        rescorer: Rescorer | None = None,
    ) -> None:
        self.scores, self.evaluation = scores, evaluation
        self.table = ScoreTable(scores, store)
        self.options = dict(options or {})
        self.details: dict[str, Evaluation | None] = {}  # written into audit.json beside the results
        self.cleanup = ExitStack()
        self._rescorer = rescorer
        self._shared: dict[Hashable, Any] = {}

    def __enter__(self) -> "AuditedRun":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cleanup.close()

    @property
    def test_config(self) -> Path:
        """Return the path of the whole config that scored the run."""
        return self.scores.parent / TEST_CONFIG

    @property
    def fit_config(self) -> Path:
        """Return the path of the whole config to train the run again by.

        It is that of the fit, where the fit ran in the same folder. A test by ``--ckpt_path`` alone knows the
        checkpoint's config only, which has no callbacks: no stages, no early stopping.
        """
        config = self.scores.parent / FIT_CONFIG
        return config if config.is_file() else self.test_config

    @property
    def folder(self) -> Path:
        """Return the folder for files of audits, within the run's."""
        return self.scores.parent / "audit"

    @property
    def split_needs_campaigns(self) -> bool:
        """Return whether the run's split reads the answer key to choose its parts."""
        return self.table.about.split in _CAMPAIGN_SPLITS

    @property
    def rescorer(self) -> Rescorer:
        """Return the object that trains and scores again.

        Raises:
            InputError: If there is none.
        """
        if self._rescorer is None:
            raise InputError("nothing is trained or scored again here; `itd audit RUN` does it")
        return self._rescorer

    @cached_property
    def days(self) -> pl.DataFrame:
        """Return validation and test user-days, as ``user_days.label_quiet_days`` does."""
        return label_quiet_days(self.table)

    def share(self, compute: Callable[["AuditedRun"], T]) -> T:
        """Return ``compute(self)``, computed once for all audits of this run."""
        if compute not in self._shared:
            self._shared[compute] = compute(self)
        result: T = self._shared[compute]
        return result

    def is_on(self, option: Option) -> bool:
        """Return whether a flag is on."""
        return self.options.get(option.name, option.default)


class Audit(ABC):
    """One question whether a result could be an artefact; a subclass is one file of this package.

    Attributes:
        name: Name of the audit.
        meaning: What its number means, and when it fails; for legends and ``itd audit --help``.
        needs: What it needs beside the scores, the store and its answer key; empty for nothing.
        option: The flag that turns it on or off; None for an audit that always runs.
    """

    name: str
    meaning: str
    needs: str = ""
    option: Option | None = None

    @abstractmethod
    def run(self, run: AuditedRun) -> list[AuditResult]:
        """Return the results; none where the question does not apply to such a run."""

    def run_if_on(self, run: AuditedRun) -> list[AuditResult]:
        """Return the results, or those of an audit that its flag turns off."""
        return self.run(run) if self.option is None or run.is_on(self.option) else self.results_when_off()

    def results_when_off(self) -> list[AuditResult]:
        """Return the results of an audit that is turned off: none."""
        return []

    def unanswered(self, reason: str) -> AuditResult:
        """Return a result that says why there is no answer."""
        return unanswered(self.name, reason)
