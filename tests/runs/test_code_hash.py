"""What the hash of scoring code promises: it changes with what decides scores, and with nothing else."""

from pathlib import Path

import pytest

from itd_lightning.runs import code_hash as module
from itd_lightning.runs.code_hash import scoring_code
from itd_lightning.store.source_hash import ROOT, reachable

CONFIGS = Path(__file__).parents[2] / "configs"


def test_a_config_reaches_its_method_its_view_and_the_callbacks_that_it_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    roots: set[str] = set()

    def note(*names: str) -> str:
        roots.update(names)
        return ""

    monkeypatch.setattr(module, "source_hash", note)
    scoring_code((CONFIGS / "rmsl.yaml",))
    modules = reachable(frozenset(roots), ROOT)
    assert {
        "itd_lightning.methods.rmsl.method",
        "itd_lightning.views.sequences.view",
        "itd_lightning.callbacks.stages",
        "itd_lightning.methods.rmsl.bags",
        "itd_lightning.splits.users",
        "itd_lightning.runs.launch",
    } <= modules
    assert not any(name.startswith(("itd_lightning.report", "itd_lightning.cli.parser")) for name in modules)


def test_another_method_has_another_hash() -> None:
    xgboost, forest = ((CONFIGS / f"{name}.yaml",) for name in ("xgboost", "isolation_forest"))
    assert scoring_code(xgboost) == scoring_code(xgboost) != scoring_code(forest)
