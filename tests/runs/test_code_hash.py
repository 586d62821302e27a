"""What the hash of scoring code promises: it changes with what decides scores, and with nothing else."""

import ast
from pathlib import Path

import pytest

from itd_lightning.runs import code_hash as module
from itd_lightning.runs.code_hash import bare, reached, scoring_code, sources

CONFIGS = Path(__file__).parents[2] / "configs"


def test_a_method_does_not_reach_another_one() -> None:
    found = reached({"itd_lightning.methods.xgboost_trees"})
    assert "itd_lightning.methods.base" in found
    assert not any(name.endswith((".rmsl", ".chronos", ".methods")) for name in found)


def test_a_config_reaches_its_method_its_view_and_the_callbacks_that_it_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str] = []

    def noted(name: str) -> list[str]:
        seen.append(name)
        return [name]

    monkeypatch.setattr(module, "sources", noted)
    scoring_code((CONFIGS / "rmsl.yaml",))
    assert {
        "itd_lightning.methods.rmsl.method",
        "itd_lightning.views.sequences.view",
        "itd_lightning.callbacks.stages",
        "itd_lightning.nn.bags",
        "itd_lightning.splits.users",
        "itd_lightning.runs.launch",
    } <= set(seen)
    assert not any(name.startswith(("itd_lightning.report", "itd_lightning.cli.parser")) for name in seen)


def test_another_method_has_another_hash_and_a_comment_has_none() -> None:
    xgboost, forest = ((CONFIGS / f"{name}.yaml",) for name in ("xgboost", "isolation_forest"))
    assert scoring_code(xgboost) == scoring_code(xgboost) != scoring_code(forest)
    assert bare(ast.parse('def f():\n    """What."""\n    return 1  # why')) == "def f():\n    return 1"


def test_a_file_that_a_module_names_is_part_of_it() -> None:
    assert any("#include" in text for text in sources("itd_lightning.nn.mamba"))
