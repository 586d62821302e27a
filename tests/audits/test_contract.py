"""What every audit says about itself, and how audits are run together."""

import re
from pathlib import Path

import pytest

from itd_lightning.audits import (
    AUDITS,
    Audit,
    AuditedRun,
    AuditResult,
    Option,
    audit_options,
    check_options,
    run_audits,
)
from itd_lightning.audits.base import Rescorer
from itd_lightning.cli.parser import main
from itd_lightning.contracts.errors import InputError
from itd_lightning.evaluation.evaluate import evaluate
from itd_lightning.runs.rescore import LightningRescorer

PACKAGE = Path(__file__).parents[2] / "itd_lightning" / "audits"


class Contributed(Audit):
    """An audit of somebody else: one class and no other change."""

    name = "contributed"
    meaning = "always 1"
    option = Option("extra", default=False, help="Whether to run it.")

    def run(self, run: AuditedRun) -> list[AuditResult]:
        """Pass."""
        return [AuditResult(self.name, 1.0, None, 1.0, passed=True, verdict="Fine.")]


def test_every_file_with_an_audit_is_in_the_list_and_the_imports_decide_their_order() -> None:
    files = {path.stem for path in PACKAGE.glob("*.py") if "(Audit):" in path.read_text("utf-8")}
    modules = [type(audit).__module__.rpartition(".")[2] for audit in AUDITS]
    assert files == set(modules)
    imports = re.findall(
        r"^from \S+\.(\w+) import \w+ as ", (PACKAGE / "__init__.py").read_text("utf-8"), re.M
    )
    assert modules == imports


def test_every_audit_has_a_name_of_its_own_and_says_what_its_number_means() -> None:
    assert len({audit.name for audit in AUDITS}) == len(AUDITS)
    assert all(audit.meaning and ":" not in audit.name for audit in AUDITS)


def test_the_help_shows_each_audit_and_its_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["audit", "--help"])
    words = " ".join(capsys.readouterr().out.split())
    assert all(f"audit {audit.name!r}" in words for audit in AUDITS)
    assert all(f"--{option.name}" in words and option.help in words for option in audit_options())


def test_an_audit_runs_if_its_flag_is_on(run: Path) -> None:
    evaluation = evaluate(run / "scores.parquet")
    for extra in (True, False):
        with AuditedRun(run / "scores.parquet", evaluation, options={"extra": extra}) as audited:
            assert len(run_audits(audited, [Contributed()])) == extra


def test_a_flag_that_is_part_of_one_that_is_off_is_refused() -> None:
    with pytest.raises(InputError, match=r"--retrain is part of the future probe, which --future false"):
        check_options({"retrain": True, "future": False})
    check_options({"retrain": True, "future": True})


def test_without_anybody_who_trains_the_audits_that_need_it_stay_open(run: Path) -> None:
    with AuditedRun(run / "scores.parquet", evaluate(run / "scores.parquet")) as audited:
        audits = [audit for audit in AUDITS if audit.name in ("null attack", "future", "answer key")]
        results = run_audits(audited, audits)
    assert [result.passed for result in results] == [None, None, None]
    assert "`itd audit RUN` does it" in results[0].verdict


def test_lightning_trains_again_for_the_audits() -> None:
    assert isinstance(LightningRescorer(), Rescorer)
