"""The YAML of a deployment: what it may hold, and the one line that says what is wrong."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from itd_lightning.contracts.errors import InputError
from itd_lightning.daily.deployment import cases_of, read_deployment

WHOLE: dict[str, Any] = {
    "logs": "logs/company.yaml",
    "store": "store",
    "checkpoints": ["a/best.ckpt", "b/best.ckpt"],
    "cases": "cases.sqlite",
    "out": "daily",
}


def written(folder: Path, **keys: Any) -> Path:  # noqa: ANN401 - of any key
    """Write a deployment."""
    file = folder / "plant.yaml"
    content = {name: value for name, value in {**WHOLE, **keys}.items() if value is not None}
    file.write_text(yaml.safe_dump(content), "utf-8")
    return file


def test_paths_begin_at_the_yaml_and_the_rest_has_defaults(tmp_path: Path) -> None:
    deployment = read_deployment(written(tmp_path))
    assert deployment.name == "plant"
    assert deployment.logs == (tmp_path / "logs" / "company.yaml",)
    assert deployment.checkpoints == (tmp_path / "a" / "best.ckpt", tmp_path / "b" / "best.ckpt")
    assert deployment.cases == str(tmp_path / "cases.sqlite")
    numbers = (deployment.budget, deployment.calibrate_days, deployment.horizon, deployment.retention)
    assert numbers == (10, 60, 180, 365)
    assert (deployment.files, deployment.webhooks, deployment.key_file) == ((), (), None)
    assert deployment.content == ()


def test_a_run_folder_stands_for_its_best_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    deployment = read_deployment(written(tmp_path, checkpoints="run"))
    assert deployment.checkpoints == (tmp_path / "run" / "checkpoints" / "best.ckpt",)


def test_files_and_webhooks_are_exports(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    (tmp_path / "token").chmod(0o600)
    exports = [
        {"format": "csv"},
        {"format": "ocsf", "webhook": "https://siem.example/in", "token_file": "token"},
    ]
    deployment = read_deployment(written(tmp_path, exports=exports))
    assert deployment.files == ("csv",)
    (webhook,) = deployment.webhooks
    assert (webhook.url, webhook.form, webhook.token) == ("https://siem.example/in", "ocsf", "s3cret")
    assert "s3cret" not in webhook.name


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"checkpoint": "x"}, "checkpoint is unknown, checkpoints is meant\\?"),
        ({"budgte": 3}, "budgte is unknown, budget is meant\\?"),
        ({"store": None}, "store must be there"),
        ({"budget": 0}, "budget must be a whole number of at least 1, got 0"),
        ({"budget": True}, "budget must be a whole number"),
        ({"logs": []}, "logs must be a path or a list of paths"),
        ({"horizon": 30}, "horizon must be more days than calibrate_days"),
        ({"retention": 100}, "retention not fewer than horizon"),
        ({"exports": [{"format": "xml"}]}, "exports.0.format must be one of json"),
        ({"exports": [{"webhook": "https://a/b"}]}, "exports.0.format must be there"),
        ({"exports": [{"format": "csv", "webhook": "https://a/b"}]}, "of a webhook is one of"),
        ({"exports": [{"format": "ecs", "webhook": "http://a.example/b"}]}, "alerts name people"),
        ({"exports": [{"format": "ecs", "webhook": "https://a/b", "token_file": "none"}]}, "no token at"),
        ({"pseudonyms": {"keyfile": "x"}}, "pseudonyms.keyfile is unknown, key_file is meant\\?"),
        ({"pseudonyms": {}}, "pseudonyms.key_file must be there"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        read_deployment(written(tmp_path, **keys))
    assert "\n" not in str(refused.value)


def test_commands_about_cases_take_the_yaml_of_a_deployment(tmp_path: Path) -> None:
    assert cases_of(str(written(tmp_path))) == str(tmp_path / "cases.sqlite")
    assert cases_of(str(written(tmp_path, cases="postgresql://h/d"))) == "postgresql://h/d"
    assert cases_of("x.sqlite") == "x.sqlite"
